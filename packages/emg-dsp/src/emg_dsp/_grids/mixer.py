"""`Mixer`: a stage in which each channel that goes out is a weighted sum of channels that come in."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from emg_dsp._arrays import Array, NanPolicy, raise_not_finite, widen
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run, Stage
from emg_dsp._stages.stage import checked_state

from .grid import Grid
from .images import checked_signal, flat_lead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


class Entries(NamedTuple):
    """The weights that are not 0, row by row: row j has the entries ``starts[j] ... starts[j + 1] - 1``."""

    starts: NDArray[np.int64]
    channels: NDArray[np.int64]
    weights: NDArray[np.float64]


class GridStage(Stage):
    """A stage that belongs to a grid: a frozen dataclass of plain values and grids, which checks its channels."""

    grid: Grid
    sfreq = None

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

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal (..., channels, time); return (..., channels out, time), a new array.

        A NaN or infinite sample that has a weight raises and is named, or spreads (``nan="propagate"``) to the channels
        that it has a weight in.
        """
        from .mixing import mix
        from .moves import spoiled

        given = checked_signal(self.grid, x, nan)
        wide, result = widen(given)
        n_out = len(self.weights)
        out = np.empty((*given.shape[:-2], n_out, given.shape[-1]), dtype=wide.dtype)
        for source, target in zip(flat_lead(wide, 2), flat_lead(out, 2), strict=True):
            mix(source, *self.entries, target)
            if nan == "raise" and np.isnan(spoiled(target, np.arange(n_out))):
                raise_not_finite(np.where(np.any(self.weights != 0, axis=0, keepdims=True).T, given, 0))
        return out.astype(result, copy=False)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run; there is no memory."""
        self.check_channels(n_chans)
        return _MixerRun(self.entries, dtype)


class StatelessRun(Run):
    """A run without memory."""

    def dump(self) -> dict[str, Array]:
        return {}

    def load(self, state: Mapping[str, Array]) -> None:
        checked_state(state, {}, "a stage of a grid")


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
        mix(chunk, *self._entries, out)
        return out
