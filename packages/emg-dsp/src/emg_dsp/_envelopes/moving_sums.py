"""Kernel of the moving means. Imported at first use only, because this module imports numba.

The sum over the last ``length`` samples is the sum of two sums: over the end of one block of ``length`` samples, added
up from its end, and over the beginning of the next, added up as it comes (van Herk's division into blocks). Nothing is
ever subtracted, so nothing drifts and a loud part leaves no trace; each sample costs two additions. Blocks are counted
from the first sample of the signal, so that a sum does not depend on how the signal was cut. ``LANES`` channels advance
together, as in the biquad cascade; arithmetic is float64 in a fixed order.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

LANES = 16
TILE = 16
SIGNED, ABSOLUTE, SQUARE = 0, 1, 2
"""What is averaged: samples, magnitudes, or squares (of whose mean the root is taken)."""


@njit(nogil=True, error_model="numpy")
def _load(tile: Any, x: Any, r0: int, t0: int, lanes: int, count: int) -> None:  # noqa: ANN401
    """Transpose ``count`` samples of ``lanes`` channels into ``tile``; constant bounds where the block is full."""
    if lanes == LANES and count == TILE:
        for k in range(LANES):
            for t in range(TILE):
                tile[t, k] = x[r0 + k, t0 + t]
    else:
        for k in range(lanes):
            for t in range(count):
                tile[t, k] = x[r0 + k, t0 + t]


@njit(nogil=True, error_model="numpy")
def _store(tile: Any, out: Any, r0: int, t0: int, lanes: int, count: int) -> None:  # noqa: ANN401
    """Transpose ``count`` rows of ``tile`` back into ``out``."""
    if lanes == LANES and count == TILE:
        for k in range(LANES):
            for t in range(TILE):
                out[r0 + k, t0 + t] = tile[t, k]
    else:
        for k in range(lanes):
            for t in range(count):
                out[r0 + k, t0 + t] = tile[t, k]


@njit(nogil=True, error_model="numpy")
def _fold(tile: Any, mode: int) -> None:  # noqa: ANN401
    """Turn samples into what is averaged."""
    if mode == ABSOLUTE:
        for t in range(TILE):
            for k in range(LANES):
                tile[t, k] = abs(tile[t, k])
    if mode == SQUARE:
        for t in range(TILE):
            for k in range(LANES):
                tile[t, k] *= tile[t, k]


@njit(nogil=True, error_model="numpy")
def _close(block: Any, head: Any) -> None:  # noqa: ANN401
    """End a block: its values become the sums from each value to the end; the next block begins with nothing."""
    for i in range(block.shape[0] - 3, -1, -1):
        for k in range(LANES):
            block[i, k] += block[i + 1, k]
    for k in range(LANES):
        head[1, k] += 0.0 * (2.0 * head[0, k])
        head[0, k] = 0.0


@njit(nogil=True, error_model="numpy")
def _advance(tile: Any, count: int, seen: int, last: int, block: Any, head: Any) -> None:  # noqa: ANN401
    """Replace each row of ``tile`` by the mean over the samples that its window holds."""
    length = block.shape[0] - 1
    place = seen % length
    for t in range(count):
        held = min(seen + t + 1, last) - max(0, seen + t + 1 - length)
        for k in range(LANES):
            v = tile[t, k]
            head[0, k] += v
            tile[t, k] = (head[0, k] + block[place + 1, k]) / held
            block[place, k] = v
        place += 1
        if place == length:
            _close(block, head)
            place = 0


@kernel(
    "boolean(Array(float32, 2, 'A', True), int64, int64, int64, float64[:,:,::1], float64[:,::1], float32[:,:])",
    "boolean(Array(float64, 2, 'A', True), int64, int64, int64, float64[:,:,::1], float64[:,::1], float64[:,:])",
)
def moving_means(x: Any, mode: int, seen: int, last: int, blocks: Any, heads: Any, out: Any) -> bool:  # noqa: ANN401
    """Write the mean over the last samples at each sample of ``x`` (rows, time) into ``out``.

    ``seen`` samples came before, samples from ``last`` on count as absent. ``blocks`` (groups, length + 1, LANES), with
    a last row of zeros, and ``heads`` (groups, LANES) are advanced in place. Tells whether the sum over each block,
    doubled, is finite: every sample lies in one block, every window in two.
    """
    rows, samples = x.shape
    tile = np.zeros((TILE, LANES))
    head = np.zeros((2, LANES))
    finite = True
    for group in range(heads.shape[0]):
        r0 = group * LANES
        lanes = min(LANES, rows - r0)
        head[0] = heads[group]
        head[1] = 0.0
        if lanes < LANES:
            tile[:] = 0.0
        for t0 in range(0, samples, TILE):
            count = min(TILE, samples - t0)
            _load(tile, x, r0, t0, lanes, count)
            _fold(tile, mode)
            _advance(tile, count, seen + t0, last, blocks[group], head)
            if mode == SQUARE:
                for t in range(TILE):
                    for k in range(LANES):
                        tile[t, k] = np.sqrt(tile[t, k])
            _store(tile, out, r0, t0, lanes, count)
        heads[group] = head[0]
        for k in range(LANES):
            finite &= head[1, k] + 0.0 * (2.0 * head[0, k]) == 0.0
    return finite
