"""Kernels that look at samples by size, not by time. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

from .sorting import sort_with_order
from .spread import mean_and_deviation

_EDGE = 1e-9


@kernel("void(Array(float64, 2, 'C', True), float64[::1])")
def l_scale(samples: Any, out: Any) -> None:  # noqa: ANN401
    """Write the second sample L-moment of each window of at least 2 samples."""
    length = samples.shape[1]
    values = np.empty(length, dtype=np.float64)
    order = np.empty(length, dtype=np.int64)
    places = np.empty(2 * length + 1, dtype=np.int64)
    for w in range(samples.shape[0]):
        sort_with_order(samples[w], values, order, places)
        total = 0.0
        for i in range(length):
            total += (2 * i - length + 1) * (values[i] - values[0])
        out[w] = total / length / (length - 1)


@kernel("void(Array(float64, 2, 'C', True), int64, float64, float64[:,::1])")
def histogram(samples: Any, bins: int, limit: float, out: Any) -> None:  # noqa: ANN401
    """Count the samples of each window in equal bins over ``limit`` deviations to both sides of its mean."""
    for w in range(samples.shape[0]):
        mean, deviation = mean_and_deviation(samples[w])
        for b in range(bins):
            out[w, b] = 0.0
        scale = bins / (2.0 * limit * deviation) if deviation > 0 else 0.0
        for t in range(samples.shape[1]):
            place = (samples[w, t] - mean) * scale + 0.5 * bins + _EDGE
            out[w, int(min(max(place, 0.0), bins - 0.5))] += 1.0
