"""Kernels that weigh the squares of samples. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _weigh(x: Any, weights: Any) -> float:  # noqa: ANN401
    total = 0.0
    for t in range(weights.shape[0]):
        total += x[t] * x[t] * weights[t]
    return total


@kernel("void(Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), float64[:,::1])")
def weighted_energies(samples: Any, weights: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``sum weights[k] x^2`` of each window for every row of weights (k, length)."""
    for w in range(samples.shape[0]):
        for k in range(weights.shape[0]):
            out[w, k] = _weigh(samples[w], weights[k])


@kernel("void(Array(float64, 2, 'C', True), Array(float64, 1, 'C', True), float64[::1])")
def first_burst(samples: Any, weights: Any, out: Any) -> None:  # noqa: ANN401
    """Write the first peak of the squares smoothed by ``weights``, of at most as many as there are samples.

    A peak is larger than the value before and not smaller than the one after. Where the first value is the largest of
    all, it is the answer; where there is no peak, the largest value is.
    """
    count = samples.shape[1] - weights.shape[0] + 1
    smooth = np.empty(count, dtype=np.float64)
    for w in range(samples.shape[0]):
        for t in range(count):
            smooth[t] = _weigh(samples[w, t:], weights)
        highest = smooth.max()
        out[w] = highest
        if smooth[0] < highest:
            for t in range(1, count - 1):
                if smooth[t] > smooth[t - 1] and smooth[t] >= smooth[t + 1]:
                    out[w] = smooth[t]
                    break
