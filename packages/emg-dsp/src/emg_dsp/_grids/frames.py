"""`GridFrames`: one picture for each sample, on-line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import number
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run

from .grid import Grid  # noqa: TC001  fields of dataclasses
from .images import to_frames, write_frames
from .memoryless import StatelessRun
from .mixer import GridStage

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Array, NanPolicy


@dataclass(frozen=True)
class GridFrames(GridStage):
    """Make a frame (rows, cols) of each sample: `Grid.image` with ``frames=True``, as the last stage of a chain.

    Parameters
    ----------
    grid : Grid
        The electrodes.
    fill : float
        What stands where there is no electrode, finite; 0 by default, since frames go to networks.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Grid, GridFrames
    >>> stream = GridFrames(Grid.capgmyo()).stream(n_chans=128)
    >>> stream.push(np.zeros((128, 5), dtype=np.float32)).shape
    (5, 16, 8)
    """

    kind = "grid_frames"
    frames = True

    grid: Grid
    fill: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(number(self.fill, "fill", "a finite number")):
            raise EmgDspError(f"fill={self.fill!r}; required is a finite number.")

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Return the frames (..., time, rows, cols) of a whole signal."""
        return to_frames(self.grid, x, self.fill, nan, 1)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run; there is no memory."""
        self.check_channels(n_chans)
        return _FramesRun(self, dtype)


class _FramesRun(StatelessRun):
    def __init__(self, stage: GridFrames, dtype: np.dtype[Any]) -> None:
        self._stage = stage
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return self._stage.grid.n_electrodes

    def step(self, chunk: Array) -> Array:
        grid = self._stage.grid
        out = self._out.take(chunk.shape[1], grid.order.size)
        write_frames(chunk, grid.order, self._stage.fill, out, 1)
        return out.reshape(-1, *grid.shape)
