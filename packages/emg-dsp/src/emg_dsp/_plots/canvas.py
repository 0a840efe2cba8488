"""Where a picture is drawn: on axes or a figure of the caller, or on a new figure; matplotlib is imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import among
from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from emg_dsp._arrays import Array


_MISSING = "pictures need matplotlib, which is not installed; run: pip install 'emg-dsp[plot]'."
_MOST = 1e100
"""Largest magnitude that is drawn; matplotlib overflows somewhere above."""


def check_drawable(values: Array, name: str) -> None:
    """Raise where a finite value is too large to be drawn."""
    largest = float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))
    if largest > _MOST:
        raise EmgDspError(f"{name} reaches {largest:.3g}; required is at most {_MOST:g} to be drawn. Scale it down.")


def check_colours(cmap: Any) -> None:  # noqa: ANN401  anything may come from a caller
    """Raise unless matplotlib has a colour map of this name."""
    try:
        from matplotlib import colormaps
    except ImportError:
        raise EmgDspError(_MISSING) from None
    if not among(cmap, colormaps):
        raise EmgDspError(f"cmap={cmap!r}; required is the name of a matplotlib colour map, e.g. 'viridis'.")


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
        raise EmgDspError(_MISSING) from None
    return NewFigure(figsize=size, layout="constrained")
