"""Heat map of one value for each electrode of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, as_real
from emg_dsp._checks import flag, number
from emg_dsp._errors import EmgDspError
from emg_dsp._grids import Grid

from .canvas import axes_for, check_colours, check_drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike, NDArray


def plot_map(
    values: ArrayLike,
    grid: Grid | None = None,
    *,
    unit: str = "as recorded",
    low: float | None = None,
    high: float | None = None,
    cmap: str = "viridis",
    numbers: bool = False,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Axes:
    """Draw one value for each electrode as a heat map, with the places of electrodes and of missing ones.

    A dot is an electrode, a cross a place without one. A value that is not finite leaves its place blank under the dot.

    Parameters
    ----------
    values : array
        With a grid: (n_chans,), one value for each channel of the file. Without: an image (rows, columns), where a
        value that is not finite is a place without an electrode.
    grid : Grid, optional
        Several grids of one shape are drawn side by side.
    unit : str
        Of the values, for the colour bar.
    low, high : float, optional
        Values at the ends of the colours; default the smallest and the largest.
    cmap : str
        Name of a matplotlib colour map.
    numbers : bool
        Whether to write the channel number beside each electrode (with a grid only).
    ax, figure : optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Row 0 on top. Cells have the shape of the grid's pitch, where that is known.

    Raises
    ------
    EmgDspError
        If the number of values does not fit, a value is above 1e100 in magnitude, or matplotlib is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> ax = emg_dsp.plot_map(np.arange(6.0).reshape(2, 3), unit="mV")
    >>> ax.images[0].get_array().shape
    (2, 3)
    """
    if flag(numbers, "numbers") and grid is None:
        raise EmgDspError("numbers=True without a grid; required is a grid, which says what channel is where.")
    if grid is not None and not isinstance(grid, Grid):
        raise EmgDspError(f"grid={grid!r}; required is a Grid, or None for an image.")
    low, high = (None if end is None else number(end, name) for name, end in (("low", low), ("high", high)))
    sheets = np.array(grid.sheets, dtype=np.int64) if grid is not None else None
    images = _images(values, sheets, grid.n_chans if grid is not None else 0)
    check_drawable(images, "values")
    for name, end in (("low", low), ("high", high)):
        check_drawable(np.array(0.0 if end is None else end), name)
    check_colours(cmap)
    if low is not None and high is not None and not low <= high:
        raise EmgDspError(f"low={low:g}, high={high:g}; required is low <= high.")
    ax = axes_for(ax, figure, (1.5 + 0.3 * _side_by_side(images).shape[1], 1.5 + 0.3 * images.shape[1]))
    drawn = ax.imshow(_side_by_side(images), cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, label=unit)
    present = np.isfinite(images) if sheets is None else sheets >= 0
    _mark(ax, present)
    if sheets is not None and numbers:
        _write_numbers(ax, sheets)
    _label(ax, images.shape, (None, None) if grid is None else grid.pitch_mm)
    return ax


def _images(values: ArrayLike, sheets: NDArray[np.int64] | None, n_chans: int) -> NDArray[np.float64]:
    """Return values by place (grids, rows, columns), NaN where there is none."""
    given = as_real(values, "values")
    if sheets is None:
        if given.ndim != 2 or given.size == 0:
            raise EmgDspError(f"values has shape {given.shape}; required without a grid is an image (rows, columns).")
        image = given[None].astype(np.float64)
    else:
        if given.shape != (n_chans,):
            raise EmgDspError(
                f"values has shape {given.shape}; required is ({n_chans},), one for each channel of the grid's file."
            )
        image = np.where(sheets >= 0, given.astype(np.float64)[sheets], np.nan)
    image[~np.isfinite(image)] = np.nan
    return image


def _side_by_side(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one image (rows, columns): grids from left to right, one blank column between two."""
    grids, rows, columns = images.shape
    wide = np.full((rows, grids, columns + 1), np.nan)
    wide[:, :, :columns] = images.transpose(1, 0, 2)
    return wide.reshape(rows, -1)[:, :-1]


def _columns(places: Array, columns: int) -> Array:
    """Return where the image has the column of each place (grid, row, column)."""
    across: Array = places[:, 0] * (columns + 1) + places[:, 2]
    return across


def _mark(ax: Axes, present: Array) -> None:
    for chosen, marker, label in ((present, ".", "electrode"), (~present, "x", "no electrode")):
        places = np.argwhere(chosen)
        if len(places):
            across = _columns(places, present.shape[2])
            ax.plot(across, places[:, 1], marker, color="0.6", markersize=4, linestyle="none", label=label)


def _write_numbers(ax: Axes, sheets: NDArray[np.int64]) -> None:
    places = np.argwhere(sheets >= 0)
    for (sheet, row, column), across in zip(places, _columns(places, sheets.shape[2]), strict=True):
        number = str(sheets[sheet, row, column])
        ax.annotate(number, (across, row), (3, 3), textcoords="offset points", fontsize=6, color="0.6")


def _label(ax: Axes, shape: tuple[int, ...], pitch: tuple[float | None, float | None]) -> None:
    grids, _, columns = shape
    places = np.array([(sheet, 0, column) for sheet in range(grids) for column in range(columns)])
    step = max(1, len(places) // 16)
    ax.set_xticks(_columns(places, columns)[::step], [str(column) for column in places[::step, 2]])
    for name, apart, write in (("row", pitch[0], ax.set_ylabel), ("column", pitch[1], ax.set_xlabel)):
        write(name if apart is None else f"{name} ({apart:g} mm apart)")
    if pitch[0] is not None and pitch[1] is not None:
        ax.set_aspect(pitch[0] / pitch[1])
