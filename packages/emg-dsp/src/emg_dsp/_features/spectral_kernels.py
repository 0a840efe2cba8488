"""Kernels that walk along the bins of spectra; numba is imported with them, late."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel("void(Array(float64, 2, 'C', True), float64, int64, float64[::1])")
def quantiles(power: Any, part: float, spread: int, out: Any) -> None:  # noqa: ANN401
    """Write the first bin whose cumulative power exceeds ``part`` of the sum, as a place on the axis of bins; or -1.

    Where ``spread``, a bin's power counts as spread evenly from half a bin below it to half a bin above, and the place
    is where exactly that part is reached, but not below 0.
    """
    for w in range(power.shape[0]):
        row = power[w]
        total = 0.0
        for f in range(row.shape[0]):
            total += row[f]
        out[w] = -1.0
        below = 0.0
        for f in range(row.shape[0]):
            above = below + row[f]
            if above > part * total:
                out[w] = max(0.0, f - 0.5 + (part * total - below) / row[f]) if spread else f
                break
            below = above


@kernel("void(Array(float64, 2, 'C', True), Array(int64, 2, 'C', True), float64[:,::1])", reassociate=True)
def mean_roots(power: Any, bands: Any, out: Any) -> None:  # noqa: ANN401
    """Write the mean of the square roots of the bins ``first ... stop - 1`` of each band; NaN without a bin."""
    for w in range(power.shape[0]):
        for band in range(bands.shape[0]):
            row = power[w, bands[band, 0] : bands[band, 1]]
            total = 0.0
            for f in range(row.shape[0]):
                total += np.sqrt(row[f])
            out[w, band] = total / row.shape[0]


@kernel("void(Array(float64, 2, 'C', True), Array(float64, 1, 'C', True), float64[::1])", reassociate=True)
def weighted_sums(power: Any, weights: Any, out: Any) -> None:  # noqa: ANN401
    """Write the sum of each spectrum times the weights of its bins."""
    for w in range(power.shape[0]):
        row = power[w]
        total = 0.0
        for f in range(row.shape[0]):
            total += row[f] * weights[f]
        out[w] = total
