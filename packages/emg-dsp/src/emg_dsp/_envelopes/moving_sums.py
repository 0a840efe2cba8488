"""Kernel of the moving means. Imported at first use only, because this module imports numba.

The sum over the last ``length`` samples is the sum of two sums: over the end of one block of ``length`` samples, added
up from its end, and over the beginning of the next, added up as it comes (van Herk's division into blocks). Nothing is
ever subtracted, so nothing drifts and a loud part leaves no trace; each sample costs two additions. Blocks are counted
from the first sample of the signal, so that a sum does not depend on how the signal was cut.

A running sum waits for itself, so those of ``ROWS`` rows run side by side; all else goes along time in vectors.
Arithmetic is float64 in a fixed order.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

ROWS = 4
PART = 1024
SHORT = 32
"""Fewer samples than this are not worth several passes."""
SIGNED, ABSOLUTE, SQUARE = 0, 1, 2
"""What is averaged: samples, magnitudes, or squares (of whose mean the root is taken)."""


@njit(nogil=True, error_model="numpy")
def _fold(x: Any, mode: int, values: Any) -> None:  # noqa: ANN401
    """Write what is averaged."""
    if mode == SQUARE:
        for t in range(x.shape[0]):
            values[t] = np.float64(x[t]) * np.float64(x[t])
    elif mode == ABSOLUTE:
        for t in range(x.shape[0]):
            values[t] = abs(np.float64(x[t]))
    else:
        for t in range(x.shape[0]):
            values[t] = x[t]


@njit(nogil=True, error_model="numpy")
def _run(values: Any, heads: Any, sums: Any, count: int) -> None:  # noqa: ANN401
    """Add up ``ROWS`` rows from ``heads`` on."""
    a, b, c, d = heads[0], heads[1], heads[2], heads[3]
    for t in range(count):
        a += values[0, t]
        b += values[1, t]
        c += values[2, t]
        d += values[3, t]
        sums[0, t] = a
        sums[1, t] = b
        sums[2, t] = c
        sums[3, t] = d
    heads[0], heads[1], heads[2], heads[3] = a, b, c, d


@njit(nogil=True, error_model="numpy")
def _close(blocks: Any) -> None:  # noqa: ANN401
    """End a block: the values of ``ROWS`` rows become the sums from each value to the end."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(blocks.shape[1] - 2, -1, -1):
        a += blocks[0, t]
        b += blocks[1, t]
        c += blocks[2, t]
        d += blocks[3, t]
        blocks[0, t] = a
        blocks[1, t] = b
        blocks[2, t] = c
        blocks[3, t] = d


@njit(nogil=True, error_model="numpy")
def _mean(sums: Any, tail: Any, seen: int, last: int, length: int, mode: int, out: Any) -> None:  # noqa: ANN401
    """Write the mean over the samples that each window holds."""
    count = out.shape[0]
    if seen + 1 >= length and seen + count <= last:
        share = 1.0 / length
        for t in range(count):
            sums[t] = (sums[t] + tail[t]) * share
    else:
        for t in range(count):
            held = min(seen + t + 1, last) - max(0, seen + t + 1 - length)
            sums[t] = (sums[t] + tail[t]) * (1.0 / held)
    if mode == SQUARE:
        for t in range(count):
            out[t] = np.sqrt(sums[t])
    else:
        for t in range(count):
            out[t] = sums[t]


@njit(nogil=True, error_model="numpy")
def _value(v: float, mode: int) -> float:
    """Return what is averaged."""
    return v * v if mode == SQUARE else abs(v) if mode == ABSOLUTE else v


@njit(nogil=True, error_model="numpy")
def _row(x: Any, mode: int, seen: int, last: int, here: Any, tail: Any, head: float, out: Any) -> float:  # noqa: ANN401
    """Do for one row and few samples what `_fold`, `_run` and `_mean` do; return the running sum."""
    length = here.shape[0]
    for t in range(x.shape[0]):
        held = min(seen + t + 1, last) - max(0, seen + t + 1 - length)
        v = _value(np.float64(x[t]), mode)
        head += v
        mean = (head + tail[t]) * (1.0 / held)
        here[seen % length + t] = v
        out[t] = np.sqrt(mean) if mode == SQUARE else mean
    return head


@kernel(
    "boolean(Array(float32, 2, 'C', True), int64, int64, int64, float64[:,:,::1], float64[::1], float64[:,::1],"
    " float32[:,::1], int64)",
    "boolean(Array(float64, 2, 'C', True), int64, int64, int64, float64[:,:,::1], float64[::1], float64[:,::1],"
    " float64[:,::1], int64)",
)
def moving_means(
    x: Any,  # noqa: ANN401
    mode: int,
    seen: int,
    last: int,
    blocks: Any,  # noqa: ANN401
    heads: Any,  # noqa: ANN401
    sums: Any,  # noqa: ANN401
    out: Any,  # noqa: ANN401
    at: int,
) -> bool:
    """Write the mean over the last samples at each sample of ``x`` (rows, time) into ``out``, from column ``at`` on.

    ``seen`` samples came before, samples from ``last`` on count as absent. ``blocks`` (2, rows, length + 1), of blocks
    with even and with odd number, ends in zeros; it and ``heads`` (rows,) are advanced in place; both have a multiple
    of ``ROWS`` rows. ``sums`` (ROWS, PART) is room to work in. Tells whether the sum over each block, doubled, is
    finite: every sample lies in one block, every window in two.
    """
    rows, samples = x.shape
    length = blocks.shape[2] - 1
    check = 0.0
    for r0 in range(0, heads.shape[0], ROWS):
        head = heads[r0 : r0 + ROWS]
        n_rows = min(ROWS, rows - r0)
        t = 0
        while t < samples:
            block, place = (seen + t) // length, (seen + t) % length
            count = min(PART, samples - t, length - place)
            here, before = blocks[block % 2, r0 : r0 + ROWS], blocks[1 - block % 2, r0 : r0 + ROWS]
            if count < SHORT:
                for k in range(n_rows):
                    part, tail = x[r0 + k, t : t + count], before[k, place + 1 : place + 1 + count]
                    result = out[r0 + k, at + t : at + t + count]
                    head[k] = _row(part, mode, seen + t, last, here[k, :length], tail, head[k], result)
            else:
                for k in range(n_rows):
                    _fold(x[r0 + k, t : t + count], mode, here[k, place : place + count])
                _run(here[:, place : place + count], head, sums, count)
                for k in range(n_rows):
                    tail = before[k, place + 1 : place + 1 + count]
                    _mean(sums[k], tail, seen + t, last, length, mode, out[r0 + k, at + t : at + t + count])
            t += count
            if place + count == length:
                _close(here)
                for k in range(ROWS):
                    check += 0.0 * (2.0 * head[k])
                    head[k] = 0.0
        for k in range(ROWS):
            check += 0.0 * (2.0 * head[k])
    return bool(check == 0.0)
