"""The channels table of a BIDS recording laid over the signals of its file: which are EMG, what the others are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

from ._edf_pick import of_highest_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io.engines._edf_header import EdfHeader

    from ._bids_table import Row, Table


@dataclass(frozen=True)
class Channels:
    """What a channels table says of a file's signals.

    Attributes
    ----------
    emg
        Signals of type EMG and the highest rate among these, indices into the file's signals.
    names, electrodes, units
        One each: name, (electrode, group), unit as written or ``""``.
    others, kinds, other_units
        The remaining signals in the table, their types in lower case (for MISC the group, if named), their units.
    remarks
        What a user should know.
    """

    emg: tuple[int, ...]
    names: tuple[str, ...]
    electrodes: tuple[tuple[str, str], ...]
    units: tuple[str, ...]
    others: tuple[int, ...]
    kinds: tuple[str, ...]
    other_units: tuple[str, ...]
    remarks: dict[str, object]


def read_channels(table: Table, header: EdfHeader) -> Channels:
    """Lay a channels table over a file's signals; raise `EmgIoError` where they cannot be brought together."""
    table.require("name", "type")
    rows = _matched(table, header)
    emg = [index for index, row in rows.items() if row.text("type").upper() == "EMG"]
    if not emg:
        found = ", ".join(dict.fromkeys(row.text("type") or "n/a" for row in rows.values()))
        raise EmgIoError("no channel is EMG", file=table.file, place="column type", expected="EMG", found=found)
    for index in emg:
        rate = rows[index].number("sampling_frequency", header.sfreq(index))
        if abs(rate / header.sfreq(index) - 1) > 1e-3:
            raise rows[index].wrong("sampling_frequency", f"{header.sfreq(index):g} as in the file", f"{rate:g}")
    picked = of_highest_rate(header, emg)
    others = tuple(index for index in rows if index not in picked)
    return Channels(
        picked,
        _names([rows[index] for index in picked]),
        tuple((_electrode(rows[index]), rows[index].text("group")) for index in picked),
        tuple(rows[index].text("units") for index in picked),
        others,
        tuple(_kind(rows[index]) for index in others),
        tuple(header.signals[index].unit or rows[index].text("units") for index in others),
        _remarks(rows, picked, header),
    )


def _matched(table: Table, header: EdfHeader) -> dict[int, Row]:
    """Return the row of every signal that has one: by place where all labels agree, else by name."""
    rows = list(table)
    ordinary = [index for index, signal in enumerate(header.signals) if not signal.holds_annotations]
    labels = [header.signals[index].label for index in ordinary]
    if len(rows) == len(ordinary) and all(
        _same(label, row.text("name")) for label, row in zip(labels, rows, strict=True)
    ):
        return dict(zip(ordinary, rows, strict=True))
    found: dict[int, Row] = {}
    for row in rows:
        places = [index for index, label in zip(ordinary, labels, strict=True) if _same(label, row.text("name"))]
        places = [index for index in places if header.signals[index].label == row.text("name")] or places
        if len(places) != 1 or places[0] in found:
            raise row.wrong("name", f"one signal of the file: {', '.join(labels)}", row.text("name") or "n/a")
        found[places[0]] = row
    return dict(sorted(found.items()))


def _same(label: str, name: str) -> bool:
    """Tell whether a label, 16 characters of ASCII in the file, stands for a name."""
    return label == name or label == name.replace("µ", "u").encode("ascii", "replace")[:16].decode().strip()


def _kind(row: Row) -> str:
    """Return what a channel that is no EMG is."""
    kind = row.text("type").lower() or "other"
    return row.text("group") or kind if kind == "misc" else kind


def _electrode(row: Row) -> str:
    """Return the name of the electrode that a channel measures at."""
    return row.text("signal_electrode") or row.text("name")


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return different names: with their group where the name alone is not enough."""
    names = [row.text("name") for row in rows]
    return tuple(
        f"{row.text('group')}/{name}" if names.count(name) > 1 else name for row, name in zip(rows, names, strict=True)
    )


def _remarks(rows: dict[int, Row], picked: Sequence[int], header: EdfHeader) -> dict[str, object]:
    """Return bad channels, references, and where table and file disagree."""
    remarks: dict[str, object] = {}
    bad = [rows[index].text("name") for index in picked if rows[index].text("status").casefold() == "bad"]
    if bad:
        remarks["bad_channels"] = bad
    references = list(dict.fromkeys(rows[index].text("reference", "reference_electrode") for index in picked))
    if any(references):
        remarks["reference"] = references
    muscles = [rows[index].text("target_muscle") for index in picked]
    if any(muscles):
        remarks["target_muscle"] = muscles
    silent = [s.label for i, s in enumerate(header.signals) if not s.holds_annotations and i not in rows]
    if silent:
        remarks["left_out"] = f"signals without a row in channels.tsv: {', '.join(silent)}"
    differing = {
        f"{header.signals[i].unit} ({rows[i].text('units')})"
        for i in picked
        if _differ(header.signals[i].unit, rows[i].text("units"))
    }
    if differing:
        remarks["unit"] = f"as in the file's header, which channels.tsv contradicts: {', '.join(sorted(differing))}"
    return remarks


def _differ(written: str, said: str) -> bool:
    """Tell whether two units mean different things."""
    from ._edf_pick import unit_of

    return bool(written and said) and unit_of(written) != unit_of(said)
