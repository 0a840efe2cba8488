"""Kernel of the Teager-Kaiser operator. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel(
    "void(Array(float32, 2, 'A', True), float64[:,::1], float32[:,:])",
    "void(Array(float64, 2, 'A', True), float64[:,::1], float64[:,:])",
)
def energies(x: Any, state: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``x[t-1]**2 - x[t-2] * x[t]`` of ``x`` (rows, time); ``state`` (rows, 2) holds the last two samples."""
    for row in range(x.shape[0]):
        before, here = state[row, 0], state[row, 1]
        for t in range(x.shape[1]):
            after = np.float64(x[row, t])
            out[row, t] = here * here - before * after
            before, here = here, after
        state[row, 0], state[row, 1] = before, here
