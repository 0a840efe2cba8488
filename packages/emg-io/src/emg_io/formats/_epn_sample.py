"""One sample of an EPN-612 user: spans of a JSON document checked, then read as arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io.engines._json import Document, Span

from ._myo import COUNT_MAX, COUNT_MIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CHANNELS = tuple(f"ch{n}" for n in range(1, 9))
SENSORS = {"quaternion": ("w", "x", "y", "z"), "gyroscope": ("x", "y", "z"), "accelerometer": ("x", "y", "z")}
IMU_RATIO = 4
_KEY = re.compile(r"idx_(\d{1,4})")


class Sample(NamedTuple):
    """One trial as it stands in the file; ``place`` names it in messages."""

    number: int
    place: str
    fields: Mapping[str, Any]


def samples(document: Document, half: str) -> list[Sample]:
    """Return the trials of a half of a file (``"trainingSamples"`` or ``"testingSamples"``), by number."""
    found = mapping(document, document.tree, "top level").get(half)
    entries = mapping(document, found, half)
    listed: dict[int, Sample] = {}
    for key, fields in entries.items():
        match, place = _KEY.fullmatch(key), f"{half}.{key[:80]}"
        if match is None or int(match[1]) in listed:
            raise error(document, place, "not the name of a sample", "idx_1, idx_2, ... each once", key[:80])
        listed[int(match[1])] = Sample(int(match[1]), place, mapping(document, fields, place))
    if not listed:
        raise error(document, half, "no samples", "idx_1, idx_2, ...", "none")
    return [listed[number] for number in sorted(listed)]


def read_counts(document: Document, trials: Sequence[Sample]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Read the EMG of trials.

    Returns
    -------
    raw : ndarray
        (8, time) int8, the trials laid end to end.
    lengths : ndarray
        (trials,) samples of each.
    """
    spans = [span for trial in trials for span in _named(document, trial, "emg", CHANNELS)]
    arrays = document.numbers(spans)
    table = [arrays[at : at + len(CHANNELS)] for at in range(0, len(arrays), len(CHANNELS))]
    for trial, channels in zip(trials, table, strict=True):
        _check_counts(document, trial, channels)
    lengths = np.array([len(channels[0]) for channels in table])
    raw = np.stack([np.concatenate(rows) for rows in zip(*table, strict=True)])
    return raw.astype(np.int8, copy=False), lengths


def read_sensor(
    document: Document, trials: Sequence[Sample], sensor: str, lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Read a sensor of the armband at the EMG's clock: reading ``j // 4`` of the trial stands at its sample ``j``.

    Returns
    -------
    ndarray
        (axes, time) float64; NaN where a trial has no such sensor, or no such reading any more.
    """
    axes = SENSORS[sensor]
    present = [trial for trial in trials if sensor in trial.fields]
    arrays = iter(document.numbers([span for trial in present for span in _named(document, trial, sensor, axes)]))
    values = np.full((len(axes), int(lengths.sum())), np.nan)
    for trial, stop, length in zip(trials, np.cumsum(lengths).tolist(), lengths.tolist(), strict=True):
        if sensor in trial.fields:
            rows = [next(arrays) for _ in axes]
            if len({len(row) for row in rows}) > 1:
                found = str([len(row) for row in rows])
                raise error(document, f"{trial.place}.{sensor}", "axes differ in length", "one length", found)
            held = np.repeat(np.stack(rows), IMU_RATIO, axis=1)[:, :length]
            values[:, stop - length : stop - length + held.shape[1]] = held
    return values


def read_ground_truth(
    document: Document, trials: Sequence[Sample], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int8], int]:
    """Read where the gesture is.

    Returns
    -------
    marks : ndarray
        (time,) 0 or 1; -1 where a trial has none, or too few of them.
    n_longer : int
        Trials that have more marks than samples: those behind the last sample are left out.
    """
    marks = np.full(int(lengths.sum()), -1, np.int8)
    starts = (np.cumsum(lengths) - lengths).tolist()
    places = zip(trials, starts, lengths.tolist(), strict=True)
    marked = [place for place in places if "groundTruth" in place[0].fields]
    spans = [_truth(document, trial) for trial, _, _ in marked]
    n_longer = 0
    for (trial, start, length), values in zip(marked, document.numbers(spans), strict=True):
        odd = np.flatnonzero((values != 0) & (values != 1))
        if len(odd):
            place = f"{trial.place}.groundTruth[{odd[0]}]"
            raise error(document, place, "not marks of samples", "0 or 1", str(values[odd[0]]))
        n_longer += len(values) > length
        inside = values[:length]
        marks[start : start + len(inside)] = inside
    return marks, n_longer


def _truth(document: Document, trial: Sample) -> Span:
    """Return the array of a trial's marks."""
    span = trial.fields["groundTruth"]
    if not isinstance(span, Span):
        raise error(document, f"{trial.place}.groundTruth", "not an array", "[0, 0, 1, ...]", type(span).__name__)
    return span


def mapping(document: Document, value: object, place: str) -> Mapping[str, Any]:
    """Return an object of the document; anything else raises."""
    if not isinstance(value, dict):
        raise error(document, place, "missing or not an object", "{...}", type(value).__name__)
    return value


def error(document: Document, place: str, problem: str, expected: str, found: str) -> EmgIoError:
    """Describe what is wrong at a place of the document."""
    where, what = ascii(place)[1:-1], ascii(found)[1:-1]
    return EmgIoError(problem, file=document.file, place=where, expected=expected, found=what)


def _named(document: Document, trial: Sample, group: str, names: Sequence[str]) -> list[Span]:
    """Return the arrays of a group by name; all must be there."""
    place = f"{trial.place}.{group}"
    found = mapping(document, trial.fields.get(group), place)
    spans = [found.get(name) for name in names]
    for name, span in zip(names, spans, strict=True):
        if not isinstance(span, Span):
            raise error(document, f"{place}.{name}", "missing or not an array of numbers", "[...]", type(span).__name__)
    return [span for span in spans if isinstance(span, Span)]


def _check_counts(document: Document, trial: Sample, channels: Sequence[NDArray[np.generic]]) -> None:
    """Refuse channels of different length, and numbers that no armband sends."""
    lengths = [len(channel) for channel in channels]
    if len(set(lengths)) != 1 or not lengths[0]:
        problem = "channels differ in length or are empty"
        raise error(document, f"{trial.place}.emg", problem, "one length", str(lengths))
    for name, channel in zip(CHANNELS, channels, strict=True):
        if channel.dtype == np.int8:
            continue
        values = channel.astype(np.float64)
        odd = np.flatnonzero((values != np.rint(values)) | (values < COUNT_MIN) | (values > COUNT_MAX))
        if len(odd) or channel.dtype.kind == "f":
            at = int(odd[0]) if len(odd) else 0
            rule = f"whole numbers in {COUNT_MIN}..{COUNT_MAX}, without a point"
            raise error(document, f"{trial.place}.emg.{name}[{at}]", "not a Myo count", rule, str(channel[at]))
