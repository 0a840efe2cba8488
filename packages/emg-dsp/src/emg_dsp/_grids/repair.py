"""`Repair`: bad channels are replaced by what the good ones around them say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from emg_dsp._checks import one_of
from emg_dsp._errors import EmgDspError

from .electrodes import channel_list
from .geometry import offsets, plate_weights, ring_axis, same_sheet
from .mixer import Mixer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENOUGH = 2


@dataclass(frozen=True)
class Repair(Mixer):
    """Replace bad channels by an interpolation of good ones; all other channels pass unchanged.

    Parameters
    ----------
    grid : Grid
        The electrodes.
    bad : sequence of int
        Channels to replace; each has a place. See `Grid.bad_channels`.
    method : {"idw", "tps"}
        ``"idw"``: mean of the good neighbours (the eight around; further out until there are two), weighted by inverse
        squared distance (Shepard 1968, doi:10.1145/800186.810616). A constant field is exact.
        ``"tps"``: thin-plate spline through all good electrodes of the grid (Bookstein 1989, doi:10.1109/34.24792).
        Constants and planes are exact.

    Distances are those of the pitch, the short way round a closed axis. The spline of a closed grid unrolls it around
    each bad channel and leaves out what lies exactly opposite. What a bad channel holds, NaN too, has no influence;
    a `Stream` looks at all channels, so pass it ``nan="propagate"`` where bad ones hold NaN.

    Raises
    ------
    EmgDspError
        If a channel is not in the grid, or no good electrodes are left to take its place.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Grid, Repair
    >>> x = np.where(np.arange(128)[:, None] == 20, np.nan, np.ones((1, 5)))
    >>> bool(np.allclose(Repair(Grid.capgmyo(), (20,))(x), 1))
    True
    """

    kind = "repair"

    bad: tuple[int, ...]
    method: Literal["idw", "tps"] = "idw"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.method, "method", ("idw", "tps"))
        bad = tuple(dict.fromkeys(channel_list(self.bad, "bad")))
        unknown = [channel for channel in bad if channel not in self.grid.channels]
        if unknown:
            raise EmgDspError(
                f"bad={list(bad)}: {unknown} have no place in grid {self.grid.name!r}; "
                f"required are channels of its {self.grid.n_electrodes} electrodes."
            )
        object.__setattr__(self, "bad", bad)
        _ = self.weights

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weights (n_chans, n_chans), read-only: the identity, but for the rows of bad channels."""
        matrix = np.eye(self.grid.n_chans)
        for channel in self.bad:
            good = np.setdiff1d(same_sheet(self.grid, channel), self.bad)
            if len(good) == 0:
                raise EmgDspError(
                    f"channel {channel} has no good electrode on its grid; required is at least one. "
                    f"Bad are {len(self.bad)} of {self.grid.n_electrodes}."
                )
            steps = offsets(self.grid, channel, good)
            pick = _near(steps) if self.method == "idw" else _this_side(self, steps)
            points = steps[pick] * np.array(self.grid.steps())
            matrix[channel] = 0
            matrix[channel, good[pick]] = _inverse_square(points) if self.method == "idw" else plate_weights(points)
        matrix.flags.writeable = False
        return matrix


def _near(steps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Pick the electrodes within the smallest square around the origin that holds enough of them."""
    reach = np.abs(steps).max(axis=1)
    return np.flatnonzero(reach <= np.sort(reach)[:_ENOUGH].max())


def _this_side(stage: Repair, steps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Leave out the electrodes exactly half-way round a closed axis: they lie on both sides."""
    axis = ring_axis(stage.grid)
    if axis is None:
        return np.arange(len(steps))
    return np.flatnonzero(2 * np.abs(steps[:, axis]) != stage.grid.shape[-2:][axis])


def _inverse_square(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights by inverse squared distance from the origin; their sum is 1."""
    raw = 1.0 / (points**2).sum(axis=1)
    return np.asarray(raw / raw.sum())
