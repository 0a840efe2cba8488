"""The texts that stand beside a recording in a BIDS data set: tables and JSON, strict in what they write.

Source: BIDS 1.11 and its schema, electromyography.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from emg_io._errors import EmgIoError

from ._bids_events import LABEL, quote
from ._bids_layout import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from emg_io._layout import Layout
    from emg_io._recording import Recording
    from emg_io._source import Track

    from ._bids_beside import Beside

_NOT_LABEL = re.compile(r"[^0-9A-Za-z+]")


class Place(NamedTuple):
    """One electrode as a table has it: name, coordinates, name of their system; a coordinate is None if not known."""

    name: str
    x: float | None
    y: float | None
    space: str


def label(words: str, what: str, file: str) -> str:
    """Return an identifier as BIDS allows it: letters, digits and plus; nothing left is an error."""
    bare = _NOT_LABEL.sub("", words)
    if not bare:
        expected = "at least one of the letters A-Z, a-z or digits"
        raise EmgIoError("cannot be a BIDS label", file=file, place=what, expected=expected, found=ascii(words))
    return bare


def dumps(body: Mapping[str, object]) -> bytes:
    """Return JSON as a file."""
    return orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return tab-separated text; None and ``""`` become ``n/a``, numbers their shortest exact decimals."""
    lines = ["\t".join(columns), *("\t".join(_cell(cell) for cell in row) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def channels_table(recording: Recording, unit: str, beside: Sequence[Beside]) -> bytes:
    """Return channels.tsv: one row a channel, the electrode of the same name; then the signals beside the EMG."""
    columns = ("name", "type", "units", "sampling_frequency", "signal_electrode", "reference", "group")
    units = unit if unit in {"V", "mV", "uV"} else None
    for name in recording.channels:
        if not name.isprintable() or name != name.strip() or name.casefold() == "n/a":
            raise EmgIoError("not a name for a table", file=recording.source, place="channels", found=ascii(name))
    rows: list[tuple[object, ...]] = [
        (name, "EMG", units, recording.sfreq, name, None, None) for name in recording.channels
    ]
    for group in beside:
        rows += [(name, "MISC", group.unit, recording.sfreq, None, None, group.name) for name in group.rows]
    return table(columns, rows)


def places_of(layout: Layout, names: Sequence[str]) -> list[Place]:
    """Return where electrodes sit: mm in grids of known pitch, else steps; percent of the way round in rings."""
    made = []
    for channel, name in enumerate(names):
        row, column = layout.position(channel)
        pitch = layout.pitch_mm
        if layout.kind == "unplaced":
            made.append(Place(name, None, None, ""))
        elif layout.kind in {"ring", "rings", "ring+points"} and (row == 0 or layout.kind == "rings"):
            size = sum(cell != -1 for cell in layout.cells[row])
            made.append(Place(name, 100.0 * column / size, 0.0, f"ring{row + 1}" if layout.kind == "rings" else "ring"))
        elif layout.kind == "ring+points":
            made.append(Place(name, float(column), 0.0, "points"))
        else:
            step = pitch or 1.0
            made.append(Place(name, column * step, row * step, "grid"))
    return made


def electrodes_table(places: Sequence[Place], renamed: Mapping[str, str]) -> bytes:
    """Return electrodes.tsv; without a coordinate system where electrodes are not placed."""
    if not places[0].space:
        return table(("name", "x", "y"), [(place.name, None, None) for place in places])
    rows = [(place.name, place.x, place.y, None, renamed[place.space]) for place in places]
    return table(("name", "x", "y", "z", "coordinate_system"), rows)


def coordinate_system(layout: Layout, space: str, places: Sequence[Place]) -> dict[str, object]:
    """Return coordsystem.json of one system: words, units, and under `KEY` the layout itself."""
    if space.startswith("ring"):
        units, words = "percent", "x: way round the limb, percent of the circumference from the first electrode; y: 0"
    elif space == "points":
        units, words = "n/a", "single electrodes: x counts them and is no position"
    elif layout.pitch_mm:
        units, words = "mm", "x: along a row of the grid, y: down its columns, from the electrode at its first corner"
    else:
        units, words = "n/a", "x: column and y: row of the grid, in steps whose length is not known"
    stated = {
        "kind": layout.kind,
        "circular": list(layout.circular),
        "pitch_mm": layout.pitch_mm,
        "shape": list(layout.shape),
        "description": layout.description,
        "cells": {place.name: list(layout.position(k)) for k, place in enumerate(places) if place.space == space},
    }
    description = f"{words}. {layout.description}".strip()
    system = {"EMGCoordinateSystem": "Other", "EMGCoordinateUnits": units}
    return system | {"EMGCoordinateSystemDescription": description, KEY: stated}


def events_table(recording: Recording) -> bytes | None:
    """Return events.tsv: the runs of the label track, with repetitions, and the events; None where there is nothing."""
    rows: list[tuple[object, ...]] = []
    tracks = recording.tracks
    if "label" in tracks:
        rows += _label_rows(tracks["label"], tracks.get("repetition"), recording.sfreq)
    rows += [(e.onset, e.duration, None, None, None, e.kind, quote(e.value)) for e in recording.events]
    columns = ("onset", "duration", "trial_type", "value", "repetition", "event_kind", "event_value")
    return table(columns, sorted(rows, key=lambda row: float(str(row[0])))) if rows else None


def events_json(names: Mapping[int, str]) -> bytes:
    """Return events.json: what the columns mean, and every label a data set may have."""
    levels = {str(value): name for value, name in sorted(names.items())}
    return dumps(
        {
            "trial_type": {
                "Description": "Label of the samples of this span",
                "Levels": {n: n for n in levels.values()},
            },
            "value": {"Description": "Number of the label", "Levels": levels},
            "repetition": {"Description": "Which repetition of the label this is"},
            "event_kind": {"Description": f"'{LABEL}' for spans of the label track, else the kind of a single event"},
            "event_value": {"Description": "What a single event says; %XX stands for a byte a table cannot hold"},
        }
    )


def _label_rows(labels: Track, repetitions: Track | None, sfreq: float) -> list[tuple[object, ...]]:
    """Return a row for every run of one label and one repetition."""
    numbers: NDArray[np.int64] = labels.values.astype(np.int64)
    again = np.zeros_like(numbers) if repetitions is None else repetitions.values.astype(np.int64)
    edges = np.flatnonzero((np.diff(numbers) != 0) | (np.diff(again) != 0)) + 1
    starts, rows = [0, *edges.tolist()], list[tuple[object, ...]]()
    for start, stop in zip(starts, [*edges.tolist(), len(numbers)], strict=True):
        value = int(numbers[start])
        repetition = None if repetitions is None else int(again[start])
        name = quote(labels.names.get(value, str(value)))
        rows.append((start / sfreq, (stop - start) / sfreq, name, value, repetition, LABEL, None))
    return rows


def _cell(value: object) -> str:
    """Return one cell."""
    if value is None or value == "":
        return "n/a"
    return np.format_float_positional(value, trim="-") if isinstance(value, float) else str(value)
