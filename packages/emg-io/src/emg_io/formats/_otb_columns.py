"""Columns of an OTBioLab+ export by their descriptions: grid channels, firing trains, sources, force, the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from emg_io._errors import EmgIoError

from ._otb_grids import GRIDS, otb_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TEXT = 500
_CHANNEL = re.compile(r"([A-Z]{2}\d{2,3}[A-Z]{2}\d{4}) \((\d{1,4})\)\[([^\[\]]*)\]$")
_FORCE = re.compile(r"acquired data ?\[([^\[\]]*)\]", re.IGNORECASE)
_PATH = re.compile(r"performed path|requested path|original data", re.IGNORECASE)
_TRAIN_OF, _SOURCE_FOR = ("Decomposition of ", "decomposition of "), ("Source for ", "source for ")
_UNITS = ("uV", "mV", "V")
_ROLES = ("firing", "source", "force", "performed_path", "requested_path", "original_data")


class Beside(NamedTuple):
    """Columns that make one signal beside the EMG: its name and unit, the columns and their descriptions."""

    name: str
    unit: str
    columns: tuple[int, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class GridColumns:
    """One grid of a file.

    Attributes
    ----------
    site
        Muscle, input and grid, as described.
    code
        Grid code.
    unit
        Unit of the channels.
    columns
        Column of ``Data`` of each electrode, in order of electrode numbers.
    beside
        Firing trains and sources of this grid, force and the like of the whole file.
    ignored
        Descriptions of columns that none of this explains.
    """

    site: str
    code: str
    unit: str
    columns: tuple[int, ...]
    beside: tuple[Beside, ...]
    ignored: tuple[str, ...]


class _Column(NamedTuple):
    """What a description says: role, site, grid code, number and unit."""

    place: int
    text: str
    role: str
    site: str = ""
    code: str = ""
    number: int = 0
    unit: str = ""


def grids_of(descriptions: Sequence[str], file: str) -> tuple[GridColumns, ...]:
    """Sort columns by what they are; raise `EmgIoError` where grids are incomplete or have no known map."""
    long = [text for text in descriptions if len(text) > MAX_TEXT]
    if long:
        found = f"{len(long[0])}: {long[0][:40]!a}"
        raise EmgIoError(
            "description is too long",
            file=file,
            place="Description",
            expected=f"at most {MAX_TEXT} characters",
            found=found,
        )
    columns = [_column(place, text) for place, text in enumerate(descriptions)]
    sites = dict.fromkeys(column.site for column in columns if column.role == "emg")
    if not sites:
        raise EmgIoError(
            "no column is a channel of a grid",
            file=file,
            place="Description",
            expected="descriptions that end like 'GR08MM1305 (1)[uV]'",
            found=ascii(list(descriptions[:3])),
        )
    return tuple(_grid(site, columns, file) for site in sites)


def _column(place: int, text: str) -> _Column:
    """Tell the role of one column."""
    match = _CHANNEL.search(text)
    if match:
        code, number, unit = match.groups()
        role, site = _role(text[: match.end(1)])
        return _Column(place, text, role, site, code, int(number), unit)
    force, path = _FORCE.search(text), _PATH.search(text)
    if force:
        return _Column(place, text, "force", unit=force[1].strip())
    return _Column(place, text, path[0].lower().replace(" ", "_") if path else "other")


def _role(text: str) -> tuple[str, str]:
    """Tell a grid's channel from what was computed from the grid; return that and the site."""
    at = max(text.rfind(words) for words in _TRAIN_OF)
    if at < 0:
        return "emg", text
    return "source" if text[:at].endswith(_SOURCE_FOR) else "firing", text[at + len(_TRAIN_OF[0]) :]


def _grid(site: str, columns: list[_Column], file: str) -> GridColumns:
    """Collect the columns of one grid."""
    own = sorted((c for c in columns if c.role == "emg" and c.site == site), key=lambda column: column.number)
    code, unit = own[0].code, own[0].unit
    _check_code(code, file)
    numbers = [column.number for column in own]
    if numbers != list(range(1, GRIDS[code].n_chans + 1)):
        raise EmgIoError(
            "grid is not complete",
            file=file,
            place=f"Description, {site}",
            expected=f"electrodes 1..{GRIDS[code].n_chans} once each",
            found=f"{len(numbers)} columns, numbers {numbers[:5]}..{numbers[-1]}",
        )
    units = {column.unit for column in own}
    if len(units) > 1 or unit not in _UNITS:
        raise EmgIoError(
            "channels are not in one unit of voltage",
            file=file,
            place=f"Description, {site}",
            expected="|".join(_UNITS),
            found=", ".join(sorted(units)),
        )
    beside = [_beside(role, [c for c in columns if c.role == role and c.site in {site, ""}]) for role in _ROLES]
    ignored = tuple(column.text for column in columns if column.role == "other")
    return GridColumns(
        site, code, unit, tuple(column.place for column in own), tuple(b for b in beside if b.columns), ignored
    )


def _check_code(code: str, file: str) -> None:
    """Refuse a grid without a map, naming the file."""
    try:
        otb_layout(code)
    except EmgIoError as error:
        raise EmgIoError(
            error.problem, file=file, place="Description, grid code", expected=", ".join(GRIDS), found=code
        ) from None


def _beside(role: str, columns: list[_Column]) -> Beside:
    """Make one signal of the columns of a role, in their order."""
    unit = columns[0].unit if columns else ""
    unit = "%MVC" if "%" in unit and "MVC" in unit.upper() else {"a.u": "unknown"}.get(unit, unit) or "unknown"
    return Beside(role, unit, tuple(column.place for column in columns), tuple(column.text for column in columns))
