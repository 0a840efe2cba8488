"""`Mixer`: a stage in which each channel that goes out is a weighted sum of channels that come in."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run

from .grid import Grid
from .memoryless import Memoryless, StatelessRun
from .rows import located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array


class Entries(NamedTuple):
    """The weights that are not 0, row by row: row j has the entries ``starts[j] ... starts[j + 1] - 1``."""

    starts: NDArray[np.int64]
    channels: NDArray[np.int64]
    weights: NDArray[np.float64]


class GridStage(Memoryless):
    """A stage that belongs to a grid: a frozen dataclass of plain values and grids, which checks its channels."""

    grid: Grid

    def __post_init__(self) -> None:
        checked_grid(self.grid, "grid")

    def to_dict(self) -> dict[str, Any]:
        """Describe kind and parameters in JSON's terms."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: _plain(value) for name, value in values.items()}}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Build what `to_dict` described; missing and unknown keys raise."""
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        if set(given) != {"kind", *names} or given["kind"] != cls.kind:
            raise EmgDspError(
                f"not a {cls.kind}: keys {sorted(given)}, kind {given.get('kind')!r}; "
                f"required are the keys {sorted({'kind', *names})} with kind {cls.kind!r}."
            )
        return cls(**{name: _grid_or_value(given[name]) for name in names})

    def check_channels(self, n_chans: int) -> None:
        """Raise unless a signal has the channels of the grid's file."""
        if n_chans != self.grid.n_chans:
            raise EmgDspError(
                f"{n_chans} channels; {self.kind} for grid {self.grid.name!r} requires {self.grid.n_chans}."
            )


def checked_grid(grid: Any, name: str) -> None:  # noqa: ANN401  anything may come from a caller
    """Raise unless ``grid`` is one."""
    if not isinstance(grid, Grid):
        raise EmgDspError(f"{name}={grid!r}; required is a Grid, e.g. Grid.capgmyo() or Grid.named(...).")


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a parameter as JSON holds it."""
    if isinstance(value, Grid):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value


def _grid_or_value(value: Any) -> Any:  # noqa: ANN401
    """Return a parameter from JSON's terms: objects are grids."""
    return Grid.from_dict(value) if isinstance(value, dict) else value


@dataclass(frozen=True)
class Mixer(GridStage):
    """Weighted sums of channels: linear, without memory, float64 inside."""

    grid: Grid

    @cached_property
    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """Weights (channels out, channels in), read-only."""

    @cached_property
    def entries(self) -> Entries:
        """The weights that are not 0."""
        rows, channels = np.nonzero(self.weights)
        starts = np.searchsorted(rows, np.arange(len(self.weights) + 1)).astype(np.int64)
        return Entries(starts, channels.astype(np.int64), np.ascontiguousarray(self.weights[rows, channels]))

    def heard(self, n_chans: int) -> NDArray[np.bool_]:
        """Tell which channels have a weight."""
        return np.isin(np.arange(n_chans), self.entries.channels)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run; there is no memory."""
        self.check_channels(n_chans)
        return _MixerRun(self.entries, dtype)


class _MixerRun(StatelessRun):
    def __init__(self, entries: Entries, dtype: np.dtype[Any]) -> None:
        self._entries = entries
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._entries.starts) - 1

    def step(self, chunk: Array) -> Array:
        from .mixing import mix

        out = self._out.take(self.n_chans_out, chunk.shape[1])
        mix(*located(chunk), *self._entries, out)
        return out
