"""Feature space: many features of many windows as points in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, as_array, as_signal
from emg_dsp._errors import EmgDspError

from .canvas import axes_for, check_drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike, NDArray


def plot_features(
    features: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Axes:
    """Draw windows in the plane of the two directions in which their features vary most.

    Each feature is taken to mean 0 and standard deviation 1 first (one that never changes to 0), so that its unit does
    not matter; then come the first two principal components.

    Parameters
    ----------
    features : array (n_windows, ...)
        As `features` returns them, (n_windows, channels, n_features), or already flat; finite numbers, at least two
        windows and two values for each.
    labels : array (n_windows,), optional
        One for each window; each value gets a colour and an entry in the legend.
    ax, figure : optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Axis labels name the share of the variance along each direction. The sign of a direction is such that its
        largest weight is positive.

    Raises
    ------
    EmgDspError
        If there are too few windows or values, a value is not finite or above 1e100 in magnitude, or labels do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> values = np.random.default_rng(0).normal(0, [[1], [3]] * 20, (40, 5))
    >>> emg_dsp.plot_features(values, ["rest", "fist"] * 20).get_xlabel()[:11]
    'component 1'
    """
    table = _checked(features)
    classes = np.zeros(len(table), dtype=int) if labels is None else _checked_labels(labels, len(table))
    points, shares = principal_plane(table)
    ax = axes_for(ax, figure, (6.0, 5.0))
    for value in np.unique(classes):
        chosen = points[classes == value]
        ax.scatter(chosen[:, 0], chosen[:, 1], s=10, alpha=0.7, linewidths=0, label=str(value))
    ax.set_xlabel(f"component 1 ({shares[0]:.0%} of variance, standard deviations)")
    ax.set_ylabel(f"component 2 ({shares[1]:.0%} of variance, standard deviations)")
    if labels is not None:
        ax.legend()
    return ax


def principal_plane(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points (n, 2) of a table (n, values) in its first two principal components, and their shares (2,)."""
    centred = table - table.mean(axis=0)
    spread = centred.std(axis=0)
    flat = spread <= 1e-12 * np.abs(table).max(axis=0)
    scaled = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    _, strengths, directions = np.linalg.svd(scaled, full_matrices=False)
    axes = directions[:2]
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    total = float((strengths**2).sum())
    shares = strengths[:2] ** 2 / (total if total > 0 else 1.0)
    return scaled @ (axes * signs[:, None]).T, shares


def _checked(features: ArrayLike) -> NDArray[np.float64]:
    given = as_signal(features, "features")
    values = int(np.prod(given.shape[1:]))
    if given.shape[0] < 2 or values < 2:
        raise EmgDspError(
            f"features has shape {given.shape}, {given.shape[0]} windows of {values} values; required are at least two "
            "of each."
        )
    table = given.reshape(len(given), values).astype(np.float64)
    check_drawable(table, "features")
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise EmgDspError(
            f"features of window {int(np.argmin(finite))} are not finite; required are finite values. Leave it out."
        )
    return table


def _checked_labels(labels: ArrayLike, count: int) -> Array:
    classes = as_array(labels, "labels")
    if classes.shape != (count,):
        raise EmgDspError(f"labels has shape {classes.shape}; required is ({count},), one for each window.")
    return classes
