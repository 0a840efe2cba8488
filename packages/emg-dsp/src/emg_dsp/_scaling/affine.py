"""Kernels that scale rows. Imported at first use only, because this module imports numba.

NumPy broadcasts a column over a chunk through a buffer of the size of the chunk; a loop needs none, and one pass.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel(
    "void(Array(float32, 2, 'A', True), Array(float32, 1, 'C', True), Array(float32, 1, 'C', True), float32[:,::1])",
    "void(Array(float64, 2, 'A', True), Array(float64, 1, 'C', True), Array(float64, 1, 'C', True), float64[:,::1])",
)
def centre_and_divide(x: Any, mean: Any, std: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``(x - mean) / std`` of every row (rows, time); channels repeat every ``mean.shape[0]`` rows."""
    n_chans = mean.shape[0]
    for r in range(x.shape[0]):
        centre = mean[r % n_chans]
        width = std[r % n_chans]
        for t in range(x.shape[1]):
            out[r, t] = (x[r, t] - centre) / width


@kernel(
    "void(Array(float32, 2, 'A', True), float64[::1], float64[::1], float64, int64, float32[:,::1])",
    "void(Array(float64, 2, 'A', True), float64[::1], float64[::1], float64, int64, float64[:,::1])",
)
def follow_and_scale(x: Any, mean: Any, variance: Any, weight: float, seen: int, out: Any) -> None:  # noqa: ANN401
    """Scale every sample (rows, time) by mean and variance up to it, which are advanced in place.

    The newest sample weighs ``weight``, the first ones ``1 / n``, so that the start is a plain average.
    """
    for r in range(x.shape[0]):
        centre = mean[r]
        spread = variance[r]
        for t in range(x.shape[1]):
            share = max(weight, 1.0 / (seen + t + 1))
            step = np.float64(x[r, t]) - centre
            centre += share * step
            spread = (1.0 - share) * (spread + share * step * step)
            width = np.sqrt(spread)
            if width <= 1e-12 * abs(centre):
                width = 1.0
            out[r, t] = (np.float64(x[r, t]) - centre) / width
        mean[r] = centre
        variance[r] = spread
