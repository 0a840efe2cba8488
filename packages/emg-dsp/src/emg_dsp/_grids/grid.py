"""`Grid`: the electrodes of a recording as a picture: where maps come from, and how they are put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from emg_dsp._checks import whole
from emg_dsp._errors import EmgDspError

from . import known
from .electrodes import Axis, Kind, channel_list, from_fields
from .operations import Operations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Grid(Operations):
    """A grid of electrodes: which channel of a file sits where, and the pictures that follow from it.

    A value: immutable, hashable, equal where all fields are equal. Make one with `capgmyo`, `csl`, `hyser`, `otb`,
    `flexemg`, `ninapro_db1`, `ring`, `custom` or `stack`, or by its name with `named`.

    Parameters
    ----------
    sheets, n_chans, dropped, pitch_mm, closed, along, kind, name, note
        As for `custom`; ``sheets`` is always (grids, rows, cols).

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Grid
    >>> grid = Grid.capgmyo()
    >>> x = np.zeros((128, 1000), dtype=np.float32)
    >>> grid.image(x).shape, grid.image(x, frames=True).shape
    ((16, 8, 1000), (1000, 16, 8))
    """

    @classmethod
    def capgmyo(cls) -> Self:
        """CapgMyo DB-a, b, c: 128 channels, 16 rows round the forearm (a ring), 8 columns along it."""
        return cls(**known.capgmyo())

    @classmethod
    def csl(cls) -> Self:
        """CSL-HDEMG: 192 stored channels, 168 kept, 24 rows round the forearm, 7 columns along it."""
        return cls(**known.csl())

    @classmethod
    def hyser(cls) -> Self:
        """Hyser: 256 channels, four grids of 8 x 8 at 10 mm; the order within a grid is unverified (see ``note``)."""
        return cls(**known.hyser())

    @classmethod
    def otb(cls, code: str, orientation: Literal[0, 180] = 0) -> Self:
        """Grid of OT Bioelettronica: GR04MM1305 or GR08MM1305 (13 x 5, one corner empty) or GR10MM0808 (8 x 8)."""
        return cls(**known.otb(code, orientation))

    @classmethod
    def flexemg(cls) -> Self:
        """Flexemg: 64 channels, 16 x 4, the halves mirrored."""
        return cls(**known.flexemg())

    @classmethod
    def ninapro_db1(cls) -> Self:
        """NinaPro DB1: 10 channels in a row, as published networks take them; no geometry."""
        return cls(**known.ninapro_db1())

    @classmethod
    def ring(cls, n: int, bands: int = 1) -> Self:
        """Armband of ``n >= 2`` electrodes (1 x n, the columns close), or ``bands`` of them side by side."""
        return cls(**known.ring(n, bands))

    @classmethod
    def custom(
        cls,
        map: ArrayLike,  # noqa: A002  the field's name
        *,
        n_chans: int | None = None,
        dropped: Collection[int] = (),
        pitch_mm: float | tuple[float | None, float | None] | None = None,
        closed: Axis | None = None,
        along: Axis | None = None,
        kind: Kind = "unknown",
        name: str = "custom",
        note: str = "",
    ) -> Self:
        """Make a grid from a map of your own.

        Parameters
        ----------
        map : array (rows, cols) or (grids, rows, cols) of int
            Channel of the file at each place, from 0; -1 for no electrode.
        n_chans : int, optional
            Channels of the file; by default as many as are placed and dropped.
        dropped : collection of int
            Channels of the file without a place, named so that none is forgotten.
        pitch_mm : float, pair of float or None
            Distance of neighbouring electrodes in mm (> 0): one number, or from row to row and from column to column;
            None where it is not known.
        closed : {"rows", "cols", None}
            Axis that closes round the limb: ``"rows"`` says that the last row lies beside the first.
        along : {"rows", "cols", None}
            Axis that runs along the limb, as muscle fibres do: ``"rows"`` says that the row number grows along it.
        kind : {"monopolar", "bipolar", "filtered", "unknown"}
            What a channel is.
        name, note : str
            What the grid is called, and where its map comes from.

        Returns
        -------
        Grid

        Raises
        ------
        EmgDspError
            If a channel has two places or none; the message names the channels.
        """
        table = np.asarray(map) if not isinstance(map, list | tuple) else _ragged_to_empty(map)
        sheets: Any = table if table.ndim == 3 else table[None]
        gone = channel_list(dropped, "dropped")
        count = max(1, int((table >= 0).sum()) + len(gone) if table.dtype.kind in "iu" else 1)
        pitch: Any = pitch_mm
        return cls(sheets, count if n_chans is None else n_chans, gone, pitch, closed, along, kind, name, note)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return a grid of `grid_names`; near names are listed where there is none."""
        return cls(**known.known(name))

    @classmethod
    def stack(cls, grids: Sequence[Grid], name: str = "stack") -> Self:
        """Put grids of one shape one after another: the channels of the second follow those of the first, and so on.

        Images have a leading axis for the grids. Shape, pitch, closed axis and direction must be the same in all.
        """
        given: Any = grids
        if not isinstance(given, list | tuple) or not given or any(not isinstance(grid, Grid) for grid in given):
            raise EmgDspError(f"grids={grids!r}; required is a list of at least one Grid.")
        facts = {(grid.shape[-2:], grid.pitch_mm, grid.closed, grid.along, grid.kind) for grid in grids}
        if len(facts) > 1:
            raise EmgDspError(
                f"grids differ in shape, pitch, closed axis, direction or kind: {sorted(map(str, facts))}; "
                "required are the same in all. Keep grids that differ apart."
            )
        starts = np.cumsum([0, *(grid.n_chans for grid in grids)]).tolist()
        parts = [(np.array(grid.sheets), start) for grid, start in zip(grids, starts, strict=False)]
        sheets: Any = np.concatenate([np.where(table < 0, -1, table + start) for table, start in parts])
        dropped = [c + start for grid, start in zip(grids, starts, strict=False) for c in grid.dropped]
        notes = " ".join(dict.fromkeys(grid.note for grid in grids))
        return replace(grids[0], sheets=sheets, n_chans=starts[-1], dropped=tuple(dropped), name=name, note=notes)  # type: ignore[return-value]

    def part(self, index: int) -> Self:
        """Return one grid of several, for the same file: the channels of the others are dropped."""
        at = whole(index, "index", 0)
        if at >= len(self.sheets):
            raise EmgDspError(f"index={at}; grid {self.name!r} has {len(self.sheets)} grids, counted from 0.")
        own = {channel for row in self.sheets[at] for channel in row}
        others = tuple(channel for channel in range(self.n_chans) if channel not in own)
        return replace(self, sheets=(self.sheets[at],), dropped=others, name=f"{self.name}[{at}]")

    def compact(self) -> Self:
        """Return the grid for a signal from which the dropped channels have been taken out already."""
        table = np.array(self.sheets)
        rank = np.cumsum(self.places[:, 0] >= 0) - 1
        sheets: Any = np.where(table < 0, -1, rank[table])
        return replace(self, sheets=sheets, n_chans=self.n_electrodes, dropped=())

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build what `to_dict` described; missing and unknown keys raise."""
        return cls(**from_fields(fields))


def _ragged_to_empty(rows: Sequence[Any]) -> Any:  # noqa: ANN401
    """Return nested lists as an array; rows of different length give an empty one, which no grid accepts."""
    try:
        return np.asarray(rows)
    except ValueError:
        return np.empty((0, 0))
