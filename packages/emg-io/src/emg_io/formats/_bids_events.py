"""Events of a BIDS recording: rows of events.tsv as events, and as a label for every sample where they cover spans.

Our own tables add two columns: ``event_kind`` (``label`` marks the rows that make the label track) and ``event_value``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._container import natural
from emg_io._source import Annotations, Event, Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ._bids_table import Table

LABEL = "label"
UNLABELLED = "unlabelled"


class EventRow(NamedTuple):
    """One row: onset and duration in s, then texts, empty where the table says nothing."""

    onset: float
    duration: float
    trial_type: str
    value: str
    kind: str
    event_value: str
    repetition: str


def event_rows(table: Table) -> list[EventRow]:
    """Return the rows of an events table; a wrong cell raises `EmgIoError` with its line and column."""
    table.require("onset", "duration")
    ours, rows = "event_kind" in table.columns, []
    for row in table:
        duration = row.number("duration", 0.0)
        if duration < 0:
            raise row.wrong("duration", "seconds >= 0", str(duration))
        texts = [row.text(name) for name in ("trial_type", "value", "event_kind", "event_value", "repetition")]
        rows.append(EventRow(row.number("onset"), duration, *([unquote(text) for text in texts] if ours else texts)))
    return rows


def label_values(rows: Iterable[EventRow], levels: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of every trial type of a data set.

    The column ``value`` decides where it holds one whole number for each; else they count from 1 in natural order.
    ``levels`` are further numbers and their types, as our own events.json states them.
    """
    stated: dict[str, set[str]] = {}
    for row in rows:
        if row.trial_type:
            stated.setdefault(row.trial_type, set()).add(row.value)
    for number, name in levels.items():
        stated.setdefault(str(name), set()).add(str(number))
    numbers = [next(iter(values)) for values in stated.values() if len(values) == 1]
    plain = all(re.fullmatch(r"-?\d{1,9}", number) for number in numbers)
    if plain and len(numbers) == len(stated) == len({int(number) for number in numbers}):
        return {name: int(number) for name, number in zip(stated, numbers, strict=True)}
    return {name: place for place, name in enumerate(sorted(stated, key=natural), 1)}


def annotated(rows: Iterable[EventRow], values: Mapping[str, int], n_samples: int, sfreq: float) -> Annotations:
    """Return events in order of onset, and the tracks ``"label"`` and ``"repetition"`` where the rows make them."""
    rows = list(rows)
    spans = [row for row in rows if row.trial_type and row.duration > 0 and row.kind in {"", LABEL}]
    events = [_event(row) for row in rows if row.kind != LABEL]
    tracks = {}
    labels = _painted([(row, values[row.trial_type]) for row in spans], n_samples, sfreq) if spans else None
    if labels is not None:
        gap = 0 if 0 not in values.values() else min(values.values()) - 1
        names = {number: name for name, number in values.items()}
        covered = labels[1]
        if not covered.all():
            names[gap] = UNLABELLED
        tracks["label"] = Track(
            "label", np.where(covered, labels[0], gap).astype(np.int32), dict(sorted(names.items()))
        )
        numbers = [(row, int(row.repetition)) for row in spans if re.fullmatch(r"-?\d{1,9}", row.repetition)]
        repetitions = _painted(numbers, n_samples, sfreq) if numbers else None
        if repetitions is not None:
            tracks["repetition"] = Track("repetition", repetitions[0])
    return Annotations(None, tracks, tuple(sorted(events, key=lambda event: event.onset)))


def overlaps(rows: Iterable[EventRow], values: Mapping[str, int], n_samples: int, sfreq: float) -> bool:
    """Tell whether rows give one sample two labels, so that they make no track."""
    spans = [row for row in rows if row.trial_type and row.duration > 0 and row.kind in {"", LABEL}]
    return bool(spans) and _painted([(row, values[row.trial_type]) for row in spans], n_samples, sfreq) is None


def quote(text: str) -> str:
    """Return a text that a table can hold: control characters and edges as %XX, the empty text as ``n/a``."""
    words = re.sub(
        r"[%\x00-\x1f\x7f-\x9f\u2028\u2029]|^\s|\s$", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), text
    )
    return {"": "n/a"}.get(
        words, f"%{ord(words[0]):02X}{words[1:]}" if words.casefold() in {"n/a", "na", "nan"} else words
    )


def unquote(text: str) -> str:
    """Undo `quote`; ``n/a`` was made empty by the table."""
    return re.sub(r"(?:%[0-9A-F]{2})+", lambda m: bytes.fromhex(m[0].replace("%", "")).decode("utf-8", "replace"), text)


def _event(row: EventRow) -> Event:
    """Return a row as an event."""
    if row.kind:
        return Event(row.onset, row.duration, row.kind, row.event_value)
    if row.trial_type:
        return Event(row.onset, row.duration, "trial_type", row.trial_type)
    return Event(row.onset, row.duration, "event", row.value)


def _painted(
    spans: list[tuple[EventRow, int]], n_samples: int, sfreq: float
) -> tuple[NDArray[np.int32], NDArray[np.bool_]] | None:
    """Return the number of every sample and whether it has one; None where two spans disagree."""
    painted, covered, budget = np.zeros(n_samples, np.int32), np.zeros(n_samples, bool), 2 * n_samples + len(spans)
    for row, number in spans:
        ends = (row.onset * sfreq, (row.onset + row.duration) * sfreq)
        start, stop = (round(min(max(end, 0.0), float(n_samples))) for end in ends)
        budget -= stop - start
        if budget < 0:
            return None
        if np.any(painted[start:stop][covered[start:stop]] != number):
            return None
        painted[start:stop], covered[start:stop] = number, True
    return painted, covered
