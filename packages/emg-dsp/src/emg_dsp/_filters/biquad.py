"""Kernels of the biquad cascade. Imported at first use only, because this module imports numba.

A recurrence waits for itself: one channel alone leaves the arithmetic units idle. So ``LANES`` channels advance
together, through a small ``(time, lanes)`` tile that fits the first-level cache; the inner loop has a constant length
and becomes vector instructions. Arithmetic is float64 and in a fixed order (no fast-math, no fused multiply-add), so
that a sample's value depends on neither the chunking nor on the neighbouring channels.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

LANES = 16
TILE = 16


@njit(nogil=True, error_model="numpy")
def _advance(tile: Any, start: int, step: int, count: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter ``count`` rows of ``tile`` in place (direct form II transposed), walking forward or backward."""
    for i in range(count):
        t = start + step * i
        for s in range(sos.shape[0]):
            b0, b1, b2, a1, a2 = sos[s, 0], sos[s, 1], sos[s, 2], sos[s, 4], sos[s, 5]
            for k in range(LANES):
                v = tile[t, k]
                y = b0 * v + z[0, s, k]
                z[0, s, k] = b1 * v - a1 * y + z[1, s, k]
                z[1, s, k] = b2 * v - a2 * y
                tile[t, k] = y


@njit(nogil=True, error_model="numpy")
def _load(tile: Any, row: int, x: Any, r0: int, t0: int, lanes: int, count: int) -> None:  # noqa: ANN401
    """Transpose ``count`` samples of ``lanes`` channels into ``tile``; constant bounds where the block is full."""
    if lanes == LANES and count == TILE:
        for k in range(LANES):
            for t in range(TILE):
                tile[row + t, k] = x[r0 + k, t0 + t]
    else:
        for k in range(lanes):
            for t in range(count):
                tile[row + t, k] = x[r0 + k, t0 + t]


@njit(nogil=True, error_model="numpy")
def _store(tile: Any, row: int, out: Any, r0: int, t0: int, lanes: int, count: int) -> None:  # noqa: ANN401
    """Transpose ``count`` rows of ``tile`` back into ``out``."""
    if lanes == LANES and count == TILE:
        for k in range(LANES):
            for t in range(TILE):
                out[r0 + k, t0 + t] = tile[row + t, k]
    else:
        for k in range(lanes):
            for t in range(count):
                out[r0 + k, t0 + t] = tile[row + t, k]


@kernel(
    "void(Array(float32, 2, 'A', True), Array(float64, 2, 'C', True), float64[:,:,::1], float32[:,::1])",
    "void(Array(float64, 2, 'A', True), Array(float64, 2, 'C', True), float64[:,:,::1], float64[:,::1])",
)
def causal(x: Any, sos: Any, state: Any, out: Any) -> None:  # noqa: ANN401
    """Filter ``x`` (rows, time) into ``out``; ``state`` (sections, rows, 2) is read, advanced and written back."""
    rows, samples = x.shape
    sections = sos.shape[0]
    tile = np.zeros((TILE, LANES))
    z = np.zeros((2, sections, LANES))
    for r0 in range(0, rows, LANES):
        lanes = min(LANES, rows - r0)
        for s in range(sections):
            for k in range(lanes):
                z[0, s, k] = state[s, r0 + k, 0]
                z[1, s, k] = state[s, r0 + k, 1]
        for t0 in range(0, samples, TILE):
            count = min(TILE, samples - t0)
            _load(tile, 0, x, r0, t0, lanes, count)
            _advance(tile, 0, 1, count, sos, z)
            _store(tile, 0, out, r0, t0, lanes, count)
        for s in range(sections):
            for k in range(lanes):
                state[s, r0 + k, 0] = z[0, s, k]
                state[s, r0 + k, 1] = z[1, s, k]


@njit(nogil=True, error_model="numpy")
def _extend(work: Any, edge: int, samples: int) -> None:  # noqa: ANN401
    """Fill ``edge`` rows before and after the signal with its odd reflection about the first and last sample."""
    last = edge + samples - 1
    for i in range(1, edge + 1):
        for k in range(LANES):
            work[edge - i, k] = 2.0 * work[edge, k] - work[edge + i, k]
            work[last + i, k] = 2.0 * work[last, k] - work[last - i, k]


@njit(nogil=True, error_model="numpy")
def _settle(z: Any, zi: Any, first: Any) -> None:  # noqa: ANN401
    """Start every lane in the steady state of its first sample, held for ever."""
    for s in range(zi.shape[0]):
        for k in range(LANES):
            z[0, s, k] = zi[s, 0] * first[k]
            z[1, s, k] = zi[s, 1] * first[k]


@kernel(
    "void(Array(float32, 2, 'A', True), Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), int64,"
    " float32[:,::1])",
    "void(Array(float64, 2, 'A', True), Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), int64,"
    " float64[:,::1])",
)
def zero_phase(x: Any, sos: Any, zi: Any, edge: int, out: Any) -> None:  # noqa: ANN401
    """Filter ``x`` (rows, time) forward, then backward, over ``edge`` samples of odd extension on both sides."""
    rows, samples = x.shape
    total = samples + 2 * edge
    work = np.zeros((total, LANES))
    z = np.zeros((2, sos.shape[0], LANES))
    for r0 in range(0, rows, LANES):
        lanes = min(LANES, rows - r0)
        for t0 in range(0, samples, TILE):
            _load(work, edge + t0, x, r0, t0, lanes, min(TILE, samples - t0))
        _extend(work, edge, samples)
        _settle(z, zi, work[0])
        _advance(work, 0, 1, total, sos, z)
        _settle(z, zi, work[total - 1])
        _advance(work, total - 1, -1, total - edge, sos, z)
        for t0 in range(0, samples, TILE):
            _store(work, edge + t0, out, r0, t0, lanes, min(TILE, samples - t0))
