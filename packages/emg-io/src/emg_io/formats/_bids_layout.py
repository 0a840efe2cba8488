"""Where electrodes sit, from the tables of a BIDS data set: as we wrote it, or a grid where coordinates form one.

Our own files carry the layout in the coordinate systems under `KEY`: kind, circularity, pitch, words, and the cell of
every electrode. Others are placed by coordinates alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ._bids_table import Table

KEY = "ElectrodeLayout"
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_TOLERANCE = 0.05
_SPARSE = 8  # most cells an electrode, so that a table cannot ask for much memory


class Electrode(NamedTuple):
    """One electrode: where it is in which coordinate system; NaN where a coordinate is not known."""

    name: str
    x: float
    y: float
    z: float
    space: str


def electrodes_of(table: Table, wanted: Sequence[tuple[str, str]]) -> list[Electrode | None]:
    """Return the electrode of each (name, group), None where the table has none."""
    table.require("name", "x", "y")
    found: dict[tuple[str, str], Electrode] = {}
    for row in table:
        x, y, z = (row.number(axis, np.nan) for axis in ("x", "y", "z"))
        key = row.text("name"), row.text("group")
        if key in found:
            raise row.wrong("name", "every electrode of a group once", key[0])
        found[key] = Electrode(key[0], x, y, z, row.text("coordinate_system"))
    alone: dict[str, Electrode | None] = {}
    for (name, _), electrode in found.items():
        alone[name] = None if name in alone else electrode
    return [found.get(key, alone.get(key[0])) for key in wanted]


def layout_of(electrodes: Sequence[Electrode | None], spaces: Mapping[str, Mapping[str, Any]]) -> tuple[Layout, str]:
    """Return a layout and, in words, where it comes from."""
    known = [electrode for electrode in electrodes if electrode is not None]
    if len(known) < len(electrodes) or not known:
        return Layout.unplaced(len(electrodes)), "electrodes.tsv does not place every channel"
    stated = [spaces.get(electrode.space, {}).get(KEY) for electrode in known]
    if all(isinstance(body, dict) for body in stated):
        made = _stated([body for body in stated if isinstance(body, dict)], known)
        if made is not None:
            return made, f"stated by {KEY} in coordsystem.json"
    return _from_coordinates(known, spaces)


def _from_coordinates(known: Sequence[Electrode], spaces: Mapping[str, Mapping[str, Any]]) -> tuple[Layout, str]:
    """Return the grid in every coordinate system, side by side with an empty column between, or no layout."""
    names = list(dict.fromkeys(electrode.space for electrode in known))
    pieces, pitches = [], []
    for name in names:
        own = np.array([channel for channel, electrode in enumerate(known) if electrode.space == name])
        cells, pitch = _lattice(np.array([known[channel][1:4] for channel in own], float))
        if cells is None:
            return Layout.unplaced(len(known)), "coordinates form no grid"
        scale = _MM.get(_units(spaces.get(name, {})), 0.0)
        pieces.append(np.where(cells < 0, -1, own[cells]))
        pitches.append(round(pitch * scale, 6) or None)
    shape = max(len(piece) for piece in pieces), sum(piece.shape[1] + 1 for piece in pieces) - 1
    if shape[0] * shape[1] > _SPARSE * len(known):
        return Layout.unplaced(len(known)), "grids do not fit into one picture"
    cells = np.full(shape, -1)
    at = 0
    for piece in pieces:
        cells[: len(piece), at : at + piece.shape[1]] = piece
        at += piece.shape[1] + 1
    kind = "grid" if len(pieces) == 1 else "grids"
    pitch_mm = pitches[0] if len(set(pitches)) == 1 else None
    description = f"from coordinates in {', '.join(name or 'one coordinate system' for name in names)}"
    return Layout.grid(cells, kind=kind, pitch_mm=pitch_mm, description=description), f"{kind} from coordinates"


def _units(space: Mapping[str, Any]) -> str:
    """Return the units of a coordinate system, under the schema's name or the one in the standard's prose."""
    return str(space.get("EMGCoordinateUnits", space.get("EMGCoordinateSystemUnits", "n/a")))


def _stated(bodies: Sequence[Mapping[str, Any]], electrodes: Sequence[Electrode]) -> Layout | None:
    """Return the layout that our own writer stated; None where it was edited into something else."""
    try:
        places = [tuple(body["cells"][one.name]) for body, one in zip(bodies, electrodes, strict=True)]
        if not all(type(n) is int and 0 <= n < 10_000 for place in places for n in place) or len(set(places)) < len(
            places
        ):
            return None
        first = bodies[0]
        rows, columns = first["shape"]
        if not (
            0 < rows * columns <= 1000 + _SPARSE * len(places)
            and all(row < rows and column < columns for row, column in places)
        ):
            return None
        cells = np.full((rows, columns), -1)
        for channel, (row, column) in enumerate(places):
            cells[row, column] = channel
        circular, pitch = first["circular"], first["pitch_mm"]
        return Layout.grid(
            cells,
            kind=str(first["kind"]),
            circular=(bool(circular[0]), bool(circular[1])),
            description=str(first["description"]),
            pitch_mm=None if pitch is None else float(pitch),
        )
    except (KeyError, TypeError, ValueError, IndexError, EmgIoError):
        return None


def _lattice(points: NDArray[np.float64]) -> tuple[NDArray[np.intp] | None, float]:
    """Return the channel in every cell of a regular grid in x and y, and its pitch (0 where the axes differ)."""
    flat = np.ptp(points[:, 2]) == 0 or np.all(np.isnan(points[:, 2]))
    if not flat or not np.all(np.isfinite(points[:, :2])) or len(points) < 2:
        return None, 0.0
    steps, places = [], []
    for axis in (1, 0):
        values = points[:, axis]
        gaps = np.diff(np.unique(values))
        reach = float(np.ptp(values))
        wide = gaps[gaps > reach * 1e-6]
        step = float(wide.min()) if len(wide) else 0.0
        index = np.rint((values - values.min()) / step) if step else np.zeros(len(values))
        if step and np.max(np.abs(values - values.min() - index * step)) > _TOLERANCE * step:
            return None, 0.0
        steps.append(step)
        places.append(index.astype(np.intp))
    shape = int(places[0].max()) + 1, int(places[1].max()) + 1
    taken = {(int(row), int(column)) for row, column in zip(*places, strict=True)}
    if len(taken) < len(points) or shape[0] * shape[1] > 2 * len(points):
        return None, 0.0
    cells = np.full(shape, -1, np.intp)
    cells[places[0], places[1]] = np.arange(len(points))
    real = [step for step in steps if step]
    return cells, real[0] if np.allclose(real, real[0], rtol=_TOLERANCE) else 0.0
