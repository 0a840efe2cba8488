"""The kernel of the causal biquad cascade. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .lanes import FEW, TILE, advance, advance_alone, drain, fill
from .vectors import DEPTH, LANES

_LINE = 512
"""Samples that one row advances at a time."""


@njit(nogil=True, error_model="numpy")
def _one_by_one(x: Any, r0: int, sos: Any, state: Any, out: Any) -> None:  # noqa: ANN401
    """Filter the rows from ``r0`` on, each by itself."""
    sections = sos.shape[0]
    line, z, table = np.empty(min(_LINE, x.shape[1])), np.empty((sections, 2)), np.empty((7, DEPTH))
    for row in range(r0, x.shape[0]):
        for s in range(sections):
            z[s, 0], z[s, 1] = state[s, row, 0], state[s, row, 1]
        for t0 in range(0, x.shape[1], _LINE):
            count = min(_LINE, x.shape[1] - t0)
            for t in range(count):
                line[t] = x[row, t0 + t]
            advance_alone(line, 0, 1, count, sos, z, table)
            for t in range(count):
                out[row, t0 + t] = line[t]
        for s in range(sections):
            state[s, row, 0], state[s, row, 1] = z[s, 0], z[s, 1]


@kernel(
    "void(Array(float32, 2, 'C', True), Array(float64, 2, 'C', True), float64[:,:,::1], float32[:,::1],"
    " float64[:,:,::1], float64[::1], float32[::1])",
    "void(Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), float64[:,:,::1], float64[:,::1],"
    " float64[:,:,::1], float64[::1], float64[::1])",
)
def causal(x: Any, sos: Any, state: Any, out: Any, z: Any, tile: Any, spare: Any) -> None:  # noqa: ANN401
    """Filter ``x`` (rows, time) into ``out``; ``state`` (sections, rows, 2) is read, advanced and written back.

    ``z`` (sections, 2, lanes), ``tile`` and ``spare`` are memory to work in: `cascade.bench` makes it.
    """
    rows, samples = x.shape
    sections = sos.shape[0]
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
            fill(tile, 0, x, r0, t0, lanes, count)
            advance(tile, 0, 1, count, sos, z)
            drain(tile, 0, out, r0, t0, lanes, count, spare)
        for s in range(sections):
            for k in range(lanes):
                state[s, r0 + k, 0] = z[s, 0, k]
                state[s, r0 + k, 1] = z[s, 1, k]
