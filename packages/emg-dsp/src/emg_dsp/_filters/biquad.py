"""The kernel of the causal biquad cascade. Imported at first use only, because this module imports numba."""

from typing import Any

from emg_dsp._jit import kernel

from .lanes import TILE, advance, drain, fill
from .vectors import LANES


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
