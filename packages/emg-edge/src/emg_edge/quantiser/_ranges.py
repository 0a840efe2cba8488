"""Which range of its calibrated values an int8 grid should cover: everything, a percentile, least error, or entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._calibrate import Sample

Method = Literal["mse", "percentile", "minmax", "entropy"]
METHODS: tuple[Method, ...] = ("mse", "percentile", "minmax", "entropy")
SEARCHED = 2**14  # values that a search for the best range looks at
BINS = 2048  # of the histogram of magnitudes whose divergence is taken
LEVELS = 128  # magnitudes of an int8 grid
_STRIDE = 16  # bins between two thresholds that are tried
_LEAST = 1e-4  # count of a bin that clipping alone fills


def choose_range(sample: Sample, method: Method, *, symmetric: bool, percentile: float = 99.99) -> tuple[float, float]:
    """Return the (low, high) that an int8 grid should cover; always contains 0.

    Parameters
    ----------
    sample
        Of the tensor.
    method
        ``"minmax"``: everything; ``"percentile"``: that share of values; ``"mse"``: where clipping and
        rounding together cost the least squared error; ``"entropy"``: magnitudes up to `entropy_threshold`.
    symmetric
        Whether low must be -high.
    percentile
        For ``"percentile"``, in (50, 100].
    """
    values = sample.values
    low, high = min(sample.low, 0.0), max(sample.high, 0.0)
    if method == "percentile":
        cut = np.percentile(values, [100.0 - percentile, percentile])
        low, high = min(float(cut[0]), 0.0), max(float(cut[1]), 0.0)
    if method == "entropy":
        threshold = entropy_threshold(values)
        low, high = max(low, -threshold), min(high, threshold)
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    if low == high:
        return (-1.0, 1.0) if symmetric else (0.0, 1.0)
    return _least_error(sample.thinned(SEARCHED), low, high, symmetric=symmetric) if method == "mse" else (low, high)


def entropy_threshold(values: NDArray[Any]) -> float:
    """Return the magnitude to clip at so that the distribution changes least, as TensorRT calibrates.

    The magnitudes, exact zeros left out, are counted in 2048 bins up to the largest. For every threshold of 128, 144,
    ... 2048 bins, P is the clipped distribution (what lies beyond is added to its last bin) and Q what 128 levels make
    of it: each level's count spread evenly over those of its bins that P occupies, at least 1e-4 in each. The threshold
    with the least Kullback-Leibler divergence ``sum P log(P / Q)`` wins, the larger of equals.
    """
    magnitudes = np.abs(values[values != 0.0]).astype(np.float64)
    if not magnitudes.size:
        return 0.0
    peak = float(magnitudes.max())
    counts = np.histogram(magnitudes, BINS, (0.0, peak))[0].astype(np.float64)
    best, least = BINS, np.inf
    for kept in range(BINS, LEVELS - 1, -_STRIDE):
        divergence = _divergence(counts, kept)
        if divergence < least:
            best, least = kept, divergence
    return peak * best / BINS


def _divergence(counts: NDArray[np.float64], kept: int) -> float:
    """Return the divergence of what 128 levels make of the first ``kept`` bins."""
    clipped = counts[:kept].copy()
    clipped[-1] += counts[kept:].sum()
    occupied = clipped > 0.0
    level = np.minimum(np.arange(kept) * LEVELS // kept, LEVELS - 1)
    total = np.bincount(level, counts[:kept], LEVELS)
    places = np.bincount(level, occupied, LEVELS)
    q = np.maximum(total / np.maximum(places, 1.0), _LEAST)[level][occupied]
    p = clipped[occupied]
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def _least_error(values: NDArray[np.float32], low: float, high: float, *, symmetric: bool) -> tuple[float, float]:
    """Shrink the range where that lowers the squared error: both ends together, else one after the other."""
    shrink = np.linspace(1.0, 0.15, 52)
    if symmetric:
        return min(((low * s, high * s) for s in shrink), key=lambda r: grid_error(values, *r))
    for _ in range(2):
        high = min((high * s for s in shrink), key=lambda h: grid_error(values, low, h))
        low = min((low * s for s in shrink), key=lambda v: grid_error(values, v, high))
    return low, high


def grid_error(values: NDArray[Any], low: float, high: float) -> float:
    """Mean squared error of values on an int8 grid over (low, high)."""
    wide = values.astype(np.float64)
    return float(np.square(on_grid(wide, low, high) - wide).mean())


def on_grid(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return real values rounded onto the int8 grid over (low, high)."""
    scale, zero = int8_grid(low, high)
    result: NDArray[Any] = (np.clip(np.rint(values / scale) + zero, -128, 127) - zero) * scale
    return result


def int8_grid(low: float, high: float) -> tuple[float, int]:
    """Return (scale, zero point) of the int8 grid that covers (low, high); symmetric ranges get zero point 0."""
    if low == -high:
        return float(high) / 127.0, 0
    scale = float(high - low) / 255.0
    return scale, int(np.clip(np.rint(-128.0 - low / scale), -128, 127))
