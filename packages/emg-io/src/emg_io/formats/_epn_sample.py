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
) -> tuple[NDArray[np.float64], int]:
    """Read a sensor of the armband at the EMG's clock: reading ``j // 4`` of the trial stands at its sample ``j``.

    Returns
    -------
    values : ndarray
        (axes, time) float64; NaN where a trial has no such sensor.
    n_late : int
        Samples for which the last reading was held on, because the trial has too few of them.
    """
    axes = SENSORS[sensor]
    present = [trial for trial in trials if sensor in trial.fields]
    arrays = iter(document.numbers([span for trial in present for span in _named(document, trial, sensor, axes)]))
    values, n_late = np.full((len(axes), int(lengths.sum())), np.nan), 0
    for trial, stop, length in zip(trials, np.cumsum(lengths).tolist(), lengths.tolist(), strict=True):
        if sensor in trial.fields:
            rows = [next(arrays) for _ in axes]
            n_readings = len(rows[0])
            if {len(row) for row in rows} != {n_readings} or not n_readings:
                found = str([len(row) for row in rows])
                raise error(document, f"{trial.place}.{sensor}", "axes differ in length or are empty", "one", found)
            ticks = np.arange(length) // IMU_RATIO
            values[:, stop - length : stop] = np.stack(rows)[:, np.minimum(ticks, n_readings - 1)]
            n_late += int(np.count_nonzero(ticks >= n_readings))
    return values, n_late


def read_ground_truth(document: Document, trials: Sequence[Sample], lengths: NDArray[np.int64]) -> NDArray[np.int8]:
    """Read the (time,) marks 0 and 1 of where the gesture is; -1 where a trial has none, or too few of them."""
    marks = np.full(int(lengths.sum()), -1, np.int8)
    for trial, stop, length in zip(trials, np.cumsum(lengths).tolist(), lengths.tolist(), strict=True):
        if "groundTruth" in trial.fields:
            place = f"{trial.place}.groundTruth"
            span = trial.fields["groundTruth"]
            if not isinstance(span, Span):
                raise error(document, place, "not an array", "[0, 0, 1, ...]", type(span).__name__)
            (values,) = document.numbers([span])
            if len(values) > length or not np.isin(values, (0, 1)).all():
                raise error(document, place, "not marks of samples", f"0 or 1, at most {length}", str(len(values)))
            marks[stop - length : stop - length + len(values)] = values
    return marks


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
