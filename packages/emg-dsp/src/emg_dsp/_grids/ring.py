"""Turning a signal round the limb, for grids that close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import MOST, whole
from emg_dsp._errors import EmgDspError

from .geometry import ring_axis
from .images import checked_signal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array

    from .electrodes import Electrodes


def roll(grid: Electrodes, x: ArrayLike, steps: int) -> Array:
    """Return ``x`` (..., channels, time) turned by ``steps`` places; the type stays."""
    given = checked_signal(grid, x)
    return np.take(given, turned(grid, whole(steps, "steps", -MOST)), axis=-2)


def turned(grid: Electrodes, steps: int) -> NDArray[np.int64]:
    """Return the channel that each channel takes its values from."""
    axis = ring_axis(grid)
    if axis is None:
        raise EmgDspError(
            f"grid {grid.name!r} has no axis that closes; required is closed='rows' or 'cols'. "
            "Only electrodes all the way round can be turned."
        )
    tables = np.array(grid.sheets)
    rolled = np.roll(tables, steps % tables.shape[1 + axis], axis=1 + axis)
    if not np.array_equal(rolled < 0, tables < 0):
        raise EmgDspError(
            f"grid {grid.name!r} has electrodes in some places of a ring only; turned by {steps} they would come to "
            "places without. Required are whole rings."
        )
    source = np.arange(grid.n_chans)
    source[tables[tables >= 0]] = rolled[tables >= 0]
    return source
