"""Where electrodes lie from each other: offsets on a flat or closed grid, neighbours, weights that fit a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .electrodes import Electrodes

_SINGULAR = 1e-9


def ring_axis(grid: Electrodes) -> int | None:
    """Return the number of the axis that closes, None where none does."""
    return None if grid.closed is None else ("rows", "cols").index(grid.closed)


def offsets(grid: Electrodes, channel: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the steps (n, 2) in rows and columns from one electrode to others of its sheet, the short way round.

    Exactly half-way round an even ring both ways are as long: the step is ``-n / 2``.
    """
    ways = grid.places[others, 1:] - grid.places[channel, 1:]
    axis = ring_axis(grid)
    if axis is not None:
        n = grid.shape[-2:][axis]
        ways[:, axis] = (ways[:, axis] + n // 2) % n - n // 2
    return ways


def same_sheet(grid: Electrodes, channel: int) -> NDArray[np.int64]:
    """Return the other channels of the sheet that ``channel`` is on, ascending."""
    sheet = grid.places[:, 0]
    return np.flatnonzero((sheet == sheet[channel]) & (np.arange(len(sheet)) != channel))


def neighbours(grid: Electrodes, channel: int, reach: int = 1) -> NDArray[np.int64]:
    """Return the channels at most ``reach`` rows and ``reach`` columns away, ascending."""
    others = same_sheet(grid, channel)
    near = np.abs(offsets(grid, channel, others)).max(axis=1, initial=0) <= reach
    return np.asarray(others[near])


def plate_weights(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n,) with which values at ``points`` (n, 2) give the thin-plate spline through them at the origin.

    The spline of least bending energy, ``r**2 log r`` plus a plane (Duchon 1977; Bookstein, IEEE TPAMI 11(6), 1989,
    doi:10.1109/34.24792); a plane through the points is reproduced. It needs three points that are not on one line.
    """
    scaled = points / np.sqrt((points**2).sum(axis=1).mean())
    plane = np.concatenate([np.ones((len(points), 1)), scaled], axis=1)
    if len(points) < 3 or np.linalg.svd(plane, compute_uv=False)[-1] < _SINGULAR:
        raise EmgDspError(
            f"{len(points)} electrodes, all on one line, do not fix a thin plate; required are three that are not. "
            "Use the method 'idw' or 'bilinear'."
        )
    system = np.zeros((len(points) + 3,) * 2)
    system[:-3, :-3] = _bending(((scaled[:, None] - scaled[None]) ** 2).sum(axis=-1))
    system[:-3, -3:], system[-3:, :-3] = plane, plane.T
    origin = np.concatenate([_bending((scaled**2).sum(axis=1)), [1.0, 0.0, 0.0]])
    return np.linalg.solve(system, origin)[:-3]


def _bending(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """``r**2 log r`` from ``r**2``, 0 at 0; a common factor cancels in the weights."""
    return squared * np.log(np.where(squared > 0, squared, 1.0))
