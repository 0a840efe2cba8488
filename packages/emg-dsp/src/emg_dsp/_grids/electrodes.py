"""`Electrodes`: which channel of a file sits where, as a checked value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emg_dsp._checks import among, positive, whole
from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Sheet: TypeAlias = tuple[tuple[int, ...], ...]
"""Rows of channel numbers, -1 where there is no electrode."""
Axis: TypeAlias = Literal["rows", "cols"]
"""An axis of a grid: ``"rows"`` is the one that counts rows."""
Kind: TypeAlias = Literal["monopolar", "bipolar", "filtered", "unknown"]
"""What one channel is."""

KINDS = ("monopolar", "bipolar", "filtered", "unknown")
MOST_CHANNELS = 1 << 16
"""Channels of one file at most."""
_SHOWN = 8


@dataclass(frozen=True)
class Electrodes:
    """Channel numbers by place, checked: each channel of the file has one place, or is named as dropped.

    Parameters
    ----------
    sheets : nested sequence (grids, rows, cols) of int
        Channel numbers from 0, -1 where there is no electrode. Several grids of one shape in one file are several
        sheets; electrodes of different sheets are never neighbours.
    n_chans : int
        Channels of the file, 1 to 65,536.
    dropped : sequence of int
        Channels of the file that carry nothing and have no place.
    pitch_mm : pair of float or None
        Distance of neighbouring electrodes in mm (> 0) from row to row and from column to column; None where it is not
        known. Distances then take the other axis' pitch, or count electrodes where neither is known.
    closed : {"rows", "cols", None}
        Axis that closes round the limb: ``"rows"`` says that the last row lies beside the first.
    along : {"rows", "cols", None}
        Axis that runs along the limb, as muscle fibres do: ``"rows"`` says that the row number grows along it. None
        where that depends on who puts the grid on.
    kind : {"monopolar", "bipolar", "filtered", "unknown"}
        What a channel is: an electrode against a reference, a difference of two, or what a spatial filter gave.
    name : str
        What the grid is called.
    note : str
        Where the map comes from and what of it nobody has verified.

    Raises
    ------
    EmgDspError
        If a channel has two places or none, or is dropped and placed; the message names the channels.
    """

    sheets: tuple[Sheet, ...]
    n_chans: int
    dropped: tuple[int, ...] = ()
    pitch_mm: tuple[float | None, float | None] = (None, None)
    closed: Axis | None = None
    along: Axis | None = None
    kind: Kind = "unknown"
    name: str = "custom"
    note: str = ""

    def __post_init__(self) -> None:
        table = _table(self.sheets, self.name)
        object.__setattr__(self, "sheets", tuple(tuple(tuple(row) for row in sheet) for sheet in table.tolist()))
        object.__setattr__(self, "n_chans", whole(self.n_chans, "n_chans", 1, most=MOST_CHANNELS))
        object.__setattr__(self, "dropped", channel_list(self.dropped, "dropped"))
        object.__setattr__(self, "pitch_mm", _checked_pitch(self.pitch_mm))
        for field in ("name", "note"):
            if not isinstance(getattr(self, field), str):
                raise EmgDspError(f"{field}={getattr(self, field)!r}; required is text.")
        for field, allowed in (("closed", ("rows", "cols", None)), ("along", ("rows", "cols", None)), ("kind", KINDS)):
            value = getattr(self, field)
            if not (among(value, allowed) or (value is None and None in allowed)):
                raise EmgDspError(f"{field}={value!r}; required is one of {allowed}.")
        _check_bijection(table[table >= 0], self.dropped, self.n_chans, self.name)

    @property
    def map(self) -> NDArray[np.int64]:
        """Channel numbers (rows, cols), or (grids, rows, cols) where there are several grids; -1 for no electrode."""
        table = np.array(self.sheets, dtype=np.int64)
        return table[0] if len(table) == 1 else table

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image: (rows, cols), or (grids, rows, cols) where there are several grids."""
        rows, cols = len(self.sheets[0]), len(self.sheets[0][0])
        return (rows, cols) if len(self.sheets) == 1 else (len(self.sheets), rows, cols)

    @property
    def n_electrodes(self) -> int:
        """Channels that have a place."""
        return self.n_chans - len(self.dropped)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Channel of each place in row-major order, -1 for no electrode: (places,), read-only."""
        flat = self.map.ravel()
        flat.flags.writeable = False
        return flat

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Sheet, row and column of each channel of the file: (n_chans, 3), -1 for dropped channels, read-only."""
        places = np.full((self.n_chans, 3), -1, dtype=np.int64)
        table = np.array(self.sheets, dtype=np.int64)
        where = np.argwhere(table >= 0)
        places[table[tuple(where.T)]] = where
        places.flags.writeable = False
        return places

    @property
    def channels(self) -> NDArray[np.int64]:
        """Channels of the file that have a place, ascending."""
        return np.flatnonzero(self.places[:, 0] >= 0)

    def steps(self) -> tuple[float, float]:
        """Return the distance from row to row and from column to column that geometry uses, in mm or in electrodes."""
        rows, cols = self.pitch_mm
        known = rows or cols or 1.0
        return rows or known, cols or known

    def to_dict(self) -> dict[str, Any]:
        """Describe the grid in JSON's terms; `from_dict` gives an equal one."""
        plain = {field.name: getattr(self, field.name) for field in fields(Electrodes)}
        plain["sheets"] = np.array(self.sheets).tolist()
        return plain | {"dropped": list(self.dropped), "pitch_mm": list(self.pitch_mm)}


def channel_list(values: Any, name: str) -> tuple[int, ...]:  # noqa: ANN401  anything may come from a caller
    """Return channel numbers, ascending, or raise unless they are whole numbers of at least 0."""
    try:
        return tuple(sorted(whole(value, f"channel in {name}", 0) for value in values))
    except TypeError:
        raise EmgDspError(f"{name}={values!r}; required is a list of channel numbers.") from None


def from_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the keys of plain data; return the arguments of a grid."""
    known = {field.name for field in fields(Electrodes)}
    plain: Any = given
    if not isinstance(plain, Mapping) or set(plain) != known:
        keys = f"keys {sorted(map(str, plain))}" if isinstance(plain, Mapping) else repr(plain)
        raise EmgDspError(f"not a grid: {keys}; required are {sorted(known)}.")
    return dict(given)


def _table(sheets: Any, name: str) -> NDArray[np.int64]:  # noqa: ANN401  anything may come from a caller
    """Return a map as (grids, rows, cols) of whole numbers, or raise."""
    try:
        table = np.asarray(sheets)
    except ValueError:
        table = np.empty(0)
    if table.ndim != 3 or table.size == 0 or table.dtype.kind not in "iu":
        raise EmgDspError(
            f"map of {name!r} has shape {table.shape} and type {table.dtype}; required is a table of whole numbers "
            "(rows, cols), or (grids, rows, cols), with rows of one length."
        )
    if table.min() < -1 or table.max() >= MOST_CHANNELS:
        wrong = table.min() if table.min() < -1 else table.max()
        raise EmgDspError(
            f"map of {name!r} has {wrong}; required are channels from 0, -1 for no electrode, at most "
            f"{MOST_CHANNELS - 1}."
        )
    return table.astype(np.int64)


def _check_bijection(placed: NDArray[np.int64], dropped: tuple[int, ...], n_chans: int, name: str) -> None:
    """Raise unless every channel of the file has one place or is dropped."""
    counts = Counter(placed.tolist()) + Counter(dropped)
    twice = sorted(channel for channel, count in counts.items() if count > 1)
    missing = sorted(set(range(n_chans)) - set(counts))
    beyond = sorted(channel for channel in counts if channel >= n_chans)
    found = [
        f"{what}: {', '.join(map(str, channels[:_SHOWN]))}{' ...' if len(channels) > _SHOWN else ''}"
        for what, channels in (("twice", twice), ("missing", missing), ("not in the file", beyond))
        if channels
    ]
    if found:
        raise EmgDspError(
            f"map of {name!r} is no bijection; channels {'; '.join(found)}. Required is each of 0 ... {n_chans - 1} "
            "in one place, or in dropped."
        )


def _checked_pitch(pitch: Any) -> tuple[float | None, float | None]:  # noqa: ANN401
    """Return a pair of distances; one number stands for both axes, None for unknown ones."""
    pair: Iterable[Any] = pitch if isinstance(pitch, tuple | list) else (pitch, pitch)
    values = tuple(None if value is None else positive(value, "pitch_mm", "mm") for value in pair)
    if len(values) != 2:
        raise EmgDspError(f"pitch_mm={pitch!r}; required is a pair: from row to row, from column to column.")
    return values[0], values[1]
