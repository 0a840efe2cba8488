"""`SpatialMedian`: the median of an electrode and its eight neighbours, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._stages import Buffer, Run

from .geometry import ring_axis
from .grid import Grid  # noqa: TC001  fields of dataclasses
from .memoryless import StatelessRun
from .mixer import GridStage
from .rows import located

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_dsp._arrays import Array


@dataclass(frozen=True)
class SpatialMedian(GridStage):
    """Replace each sample by the median of the 3 x 3 electrodes around it.

    Parameters
    ----------
    grid : Grid
        The electrodes. Beyond the border the electrode at the border counts again (`scipy.ndimage`'s ``reflect``); a
        closed axis goes round; a missing neighbour counts as the centre. Dropped channels pass unchanged.

    A NaN makes the nine medians around it NaN. Geng et al., Scientific Reports 6:36571, 2016 use it on CSL-HDEMG
    (doi:10.1038/srep36571).

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Grid, SpatialMedian
    >>> x = 9.0 * np.eye(128)[:, 20:21]
    >>> float(SpatialMedian(Grid.capgmyo())(x).max())
    0.0
    """

    kind = "spatial_median"

    grid: Grid

    @cached_property
    def nine(self) -> NDArray[np.int64]:
        """Nine channels for each channel of the file (n_chans, 9), -1 for dropped ones."""
        table = np.array(self.grid.sheets)
        rows, cols = table.shape[1:]
        closed = ring_axis(self.grid)
        nine = np.full((self.grid.n_chans, 9), -1, dtype=np.int64)
        for channel in self.grid.channels.tolist():
            sheet, row, col = self.grid.places[channel].tolist()
            at_row, at_col = _around(row, rows, closed == 0), _around(col, cols, closed == 1)
            taps = table[sheet][np.ix_(at_row, at_col)].ravel()
            nine[channel] = np.where(taps < 0, channel, taps)
        return nine

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run; there is no memory."""
        self.check_channels(n_chans)
        return _MedianRun(self.nine, dtype)


def _around(at: int, n: int, closed: bool) -> list[int]:
    """Return the places before, at and after one place of an axis."""
    beside = [at - 1, at, at + 1]
    return [place % n if closed else min(max(place, 0), n - 1) for place in beside]


class _MedianRun(StatelessRun):
    def __init__(self, nine: NDArray[np.int64], dtype: np.dtype[Any]) -> None:
        self._nine = nine
        self._dropped = np.flatnonzero(nine[:, 0] < 0).tolist()
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._nine)

    def step(self, chunk: Array) -> Array:
        from .mixing import EXCHANGES, median_of_nine

        out = self._out.take(*chunk.shape)
        median_of_nine(*located(chunk), self._nine, EXCHANGES, out)
        for channel in self._dropped:
            out[channel] = chunk[channel]
        return out
