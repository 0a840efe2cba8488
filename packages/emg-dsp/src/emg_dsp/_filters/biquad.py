"""The kernel of the causal biquad cascade. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .lanes import LANES, TILE, advance, advance_alone, drain, fill

FEW = 5
"""Up to so many rows one by one are faster than lanes that are mostly empty."""


@njit(nogil=True, error_model="numpy")
def _one_by_one(x: Any, r0: int, sos: Any, state: Any, out: Any) -> None:  # noqa: ANN401
    """Filter the rows from ``r0`` on, each by itself."""
    sections = sos.shape[0]
    line, z = np.empty(TILE), np.empty((2, sections))
    for row in range(r0, x.shape[0]):
        for s in range(sections):
            z[0, s], z[1, s] = state[s, row, 0], state[s, row, 1]
        for t0 in range(0, x.shape[1], TILE):
            count = min(TILE, x.shape[1] - t0)
            for t in range(count):
                line[t] = x[row, t0 + t]
            advance_alone(line, count, sos, z)
            for t in range(count):
                out[row, t0 + t] = line[t]
        for s in range(sections):
            state[s, row, 0], state[s, row, 1] = z[0, s], z[1, s]


@kernel(
    "void(Array(float32, 2, 'C', True), Array(float64, 2, 'C', True), float64[:,:,::1], float32[:,::1], int64)",
    "void(Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), float64[:,:,::1], float64[:,::1], int64)",
)
def causal(x: Any, sos: Any, state: Any, out: Any, pairs: int) -> None:  # noqa: ANN401
    """Filter ``x`` (rows, time) into ``out``; ``state`` (sections, rows, 2) is read, advanced and written back."""
    rows, samples = x.shape
    sections = sos.shape[0]
    one, two = np.zeros(LANES * TILE, np.float32), np.zeros(LANES * TILE, np.float32)
    tile = np.zeros(LANES * TILE)
    z = np.zeros((sections, 2, LANES))
    for r0 in range(0, rows, LANES):
        lanes = min(LANES, rows - r0)
        if lanes <= FEW:
            _one_by_one(x, r0, sos, state, out)
            return
        for s in range(sections):
            for k in range(lanes):
                z[s, 0, k] = state[s, r0 + k, 0]
                z[s, 1, k] = state[s, r0 + k, 1]
        for t0 in range(0, samples, TILE):
            count = min(TILE, samples - t0)
            fill(tile, one, two, x, r0, t0, lanes, count, pairs)
            advance(tile, count, sos, z)
            drain(tile, one, two, out, r0, t0, lanes, count, pairs)
        for s in range(sections):
            for k in range(lanes):
                state[s, r0 + k, 0] = z[s, 0, k]
                state[s, r0 + k, 1] = z[s, 1, k]
