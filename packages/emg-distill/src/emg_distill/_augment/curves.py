"""Smooth random curves over time, of arithmetic that gives the same bits in any batch and on any machine."""

import numpy as np
from numpy.typing import NDArray


def smooth_curve(knots: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate curves that pass through equidistant knots with slope 0 at each.

    Parameters
    ----------
    knots
        Shape (..., knots), at least two: values at positions 0, 1, 2, …
    position
        Shape (..., time), axes before the last as in `knots` or 1; in ``[0, knots - 1]``.

    Returns
    -------
    ndarray of shape (..., time)
        ``a + (b - a)·(3f² - 2f³)`` between knots a and b: never outside them, and at most 1.5·|b - a| steep.
    """
    left, blend = segments(position, knots.shape[-1])
    low, high = (np.take_along_axis(knots, seat, -1) for seat in (left, left + 1))
    curve: NDArray[np.float64] = low + (high - low) * blend
    return curve


def segments(position: NDArray[np.float64], n_knots: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the knot to the left of each position, and how far the curve has gone to the next one, in ``[0, 1]``."""
    left = np.minimum(position.astype(np.int64), n_knots - 2)
    part = position - left
    return left, part * part * (3.0 - 2.0 * part)
