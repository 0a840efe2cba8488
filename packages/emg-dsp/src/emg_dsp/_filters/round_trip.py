"""The kernel of zero-phase filtering. Imported at first use only, because this module imports numba.

Backward filtering needs what forward filtering gave, last sample first. Storing that in float64 would cost more time
than computing it twice: so the first pass forward keeps only the state at the start of each block; then each block,
from the last to the first, is filtered forward once more, into memory that fits the second-level cache, and backward.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .lanes import TILE, advance, drain, fill
from .vectors import LANES

BLOCK = 16 * TILE
"""Samples whose forward result is in memory at a time."""
ODD, EVEN, CONSTANT = 0, 1, 2
"""Rules for what lies beyond the edges."""


@njit(nogil=True, error_model="numpy")
def _extended(x: Any, row: int, i: int, rule: int) -> float:  # noqa: ANN401
    """Sample ``i`` of a row that goes on beyond its edges."""
    last = x.shape[1] - 1
    if 0 <= i <= last:
        return np.float64(x[row, i])
    end, mirror = (0, -i) if i < 0 else (last, 2 * last - i)
    if rule == EVEN:
        return np.float64(x[row, mirror])
    if rule == CONSTANT:
        return np.float64(x[row, end])
    return 2.0 * np.float64(x[row, end]) - np.float64(x[row, mirror])


@njit(nogil=True, error_model="numpy")
def _settle(z: Any, zi: Any, work: Any, row: int) -> None:  # noqa: ANN401
    """Start every lane in the steady state of its sample in ``row`` of ``work``, held for ever."""
    for s in range(zi.shape[0]):
        for k in range(LANES):
            z[s, 0, k] = zi[s, 0] * work[row * LANES + k]
            z[s, 1, k] = zi[s, 1] * work[row * LANES + k]


@njit(nogil=True, error_model="numpy")
def _copy(z: Any, to: Any) -> None:  # noqa: ANN401
    """Copy the state of all lanes."""
    for s in range(z.shape[0]):
        for k in range(LANES):
            to[s, 0, k] = z[s, 0, k]
            to[s, 1, k] = z[s, 1, k]


@njit(nogil=True, error_model="numpy")
def _forward(
    work: Any,  # noqa: ANN401
    x: Any,  # noqa: ANN401
    r0: int,
    i0: int,
    n: int,
    rule: int,
    sos: Any,  # noqa: ANN401
    z: Any,  # noqa: ANN401
) -> None:
    """Filter samples ``i0 ... i0 + n - 1`` of the extended rows into ``work``."""
    lanes = min(LANES, x.shape[0] - r0)
    for u in range(0, n, TILE):
        count, i = min(TILE, n - u), i0 + u
        if i >= 0 and i + count <= x.shape[1]:
            fill(work, u, x, r0, i, lanes, count)
        else:
            for t in range(count):
                for k in range(lanes):
                    work[(u + t) * LANES + k] = _extended(x, r0 + k, i + t, rule)
        advance(work, u, 1, count, sos, z)


@njit(nogil=True, error_model="numpy")
def _backward(work: Any, spare: Any, out: Any, r0: int, i0: int, n: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter ``work`` backward; what belongs to the signal itself goes to ``out``."""
    lanes, samples = min(LANES, out.shape[0] - r0), out.shape[1]
    for u in range((n - 1) // TILE * TILE, -1, -TILE):
        count, i = min(TILE, n - u), i0 + u
        advance(work, u + count - 1, -1, count, sos, z)
        if i >= 0 and i + count <= samples:
            drain(work, u, out, r0, i, lanes, count, spare)
        else:
            for t in range(max(0, -i), min(count, samples - i)):
                for k in range(lanes):
                    out[r0 + k, i + t] = work[(u + t) * LANES + k]


@kernel(
    "void(Array(float32, 2, 'C', True), Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), int64, int64,"
    " float32[:,::1], float64[:,:,:,::1], float64[::1], float32[::1])",
    "void(Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), int64, int64,"
    " float64[:,::1], float64[:,:,:,::1], float64[::1], float64[::1])",
)
def zero_phase(
    x: Any,  # noqa: ANN401
    sos: Any,  # noqa: ANN401
    zi: Any,  # noqa: ANN401
    edge: int,
    rule: int,
    out: Any,  # noqa: ANN401
    kept: Any,  # noqa: ANN401
    work: Any,  # noqa: ANN401
    spare: Any,  # noqa: ANN401
) -> None:
    """Filter ``x`` (rows, time) forward and back, over ``edge`` samples beyond both ends; ``zi`` is (sections, 2).

    ``kept`` (blocks + 2, sections, 2, lanes), ``work`` (``BLOCK`` of lanes) and ``spare`` are memory to work in.
    """
    rows = x.shape[0]
    total, blocks = x.shape[1] + 2 * edge, kept.shape[0] - 2
    z, back = kept[blocks], kept[blocks + 1]
    for r0 in range(0, rows, LANES):
        for k in range(min(LANES, rows - r0)):
            work[k] = _extended(x, r0 + k, -edge, rule)
        _settle(z, zi, work, 0)
        for j in range(2 * blocks - 1):  # to the last block, and back to the first
            b = min(j, 2 * blocks - 2 - j)
            n = min(BLOCK, total - b * BLOCK)
            if j < blocks:
                _copy(z, kept[b])
            else:
                _copy(kept[b], z)
            _forward(work, x, r0, b * BLOCK - edge, n, rule, sos, z)
            if j == blocks - 1:
                _settle(back, zi, work, n - 1)
            if j >= blocks - 1:
                _backward(work, spare, out, r0, b * BLOCK - edge, n, sos, back)
