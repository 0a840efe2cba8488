"""Where a picture is drawn: on axes or a figure of the caller, or on a new figure; matplotlib is imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def axes_for(ax: Axes | None, figure: Figure | SubFigure | None, size: tuple[float, float]) -> Axes:
    """Return the axes given, or new ones on the figure given or on a new one of ``size`` in inches."""
    if ax is not None and figure is not None:
        raise EmgDspError("both ax and figure are given; required is one of them, or neither for a new figure.")
    if ax is not None:
        return ax
    return figure_for(figure, size).add_subplot()


def figure_for(figure: Figure | SubFigure | None, size: tuple[float, float]) -> Figure | SubFigure:
    """Return the figure given, or a new one of ``size`` in inches that belongs to no window and no list."""
    if figure is not None:
        return figure
    try:
        from matplotlib.figure import Figure as NewFigure
    except ImportError:
        raise EmgDspError(
            "pictures need matplotlib, which is not installed; run: pip install 'emg-dsp[plot]'."
        ) from None
    return NewFigure(figsize=size, layout="constrained")
