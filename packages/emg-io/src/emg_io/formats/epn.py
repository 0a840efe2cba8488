"""EMG-EPN-612: 612 people, a Myo armband, some 300 five-second trials of six gestures each, as JSON.

One file holds both halves of one person's trials (``trainingSamples``, ``testingSamples``; 150 each in the published
set). Opening a data set reads names only and cannot know how many trials a file holds, so a recording is one half of
one file: its trials stand end to end, in the order of their numbers, and are **not continuous in time**. Three tracks
tell them apart: ``trial`` (the sample's number), ``label`` and ``repetition`` (how often the gesture has come in this
half). Windows must not straddle trials: `Split.windows` cuts at the track ``trial``, and `Recording.segments("trial")`
lists the trials. This is lazy, honest about time, and reads 13 MB of text twice at worst, where a recording a trial
would read it up to three hundred times or promise trials that a file may not have.

The people of the two folders are different people with the same numbers, so the folder belongs to the subject:
``training/user7`` and ``testing/user7``. Labels go by name, because loaders number gestures differently. The testing
half of testing users has no names: label -1, repetition 0.
Source: Benalcázar et al., EMG-EPN-612, 2020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._recording import Recording
from emg_io._source import Aux, Content, Event, Header, RandomAccess, Track
from emg_io.engines._json import Document, parse

from ._epn_sample import SENSORS, Sample, error, mapping, read_counts, read_ground_truth, read_sensor, samples
from ._format import Format, FormatInfo, forger, named
from ._myo import CLOCK, RING, SFREQ, UNIT, clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

LABELS = {
    -1: "not provided",
    0: "noGesture",
    1: "fist",
    2: "waveIn",
    3: "waveOut",
    4: "open",
    5: "pinch",
    6: "sync",
    7: "relax",
}
HALVES = ("trainingSamples", "testingSamples")
_IDS = {name: value for value, name in LABELS.items() if value >= 0}
_KEPT_BACK = (None, "", "notProvided")
_TRUTH_NAMES = {-1: "not provided", 0: "outside the gesture", 1: "gesture"}
_FILE = re.compile(r"(?:^|/)(training|testing)JSON/user(\d{1,4})/user\2\.json$", re.IGNORECASE)


@dataclass(frozen=True)
class EpnHalf(RandomAccess):
    """One half (``"trainingSamples"`` or ``"testingSamples"``) of a user's file; sensors are read when asked for."""

    container: Container
    member: Member
    half: str

    def scan(self) -> Header:
        """Return what reading the EMG tells."""
        emg = self._emg()
        present = emg.metadata["sensors"]
        return Header(emg.raw.shape[1], SFREQ, emg.metadata, tuple(present) if isinstance(present, list) else ())

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return counts; the text must be read whole, once."""
        return self._emg().raw[:, start:stop]

    def aux(self, name: str) -> Aux:
        """Return one of the armband's own sensors."""
        return self.content().aux[name]

    def check(self) -> None:
        """Read this half anew, and look into every array of the file."""
        self.load()
        self._parsed().check()

    def read_annotations(self) -> Content:
        """Read EMG and tracks; ``raw`` is (8, time) int8 counts, trials end to end."""
        return self._read(self._parsed(), sensors=False)

    def load(self) -> Content:
        """Read everything."""
        return self._read(self._parsed(), sensors=True)

    def _emg(self) -> Content:
        """Return EMG and tracks, from the cache if they are there."""
        notes = self.annotations()
        return notes if isinstance(notes, Content) else self.read_annotations()

    def _parsed(self) -> Document:
        """Parse the file but for its arrays."""
        return parse(self.container.read(self.member.name), self.container.label(self.member.name))

    def _read(self, document: Document, *, sensors: bool) -> Content:
        """Read the arrays of this half."""
        _check_rate(document)
        trials = samples(document, self.half)
        raw, lengths = read_counts(document, trials)
        labels = np.array([_label(document, trial) for trial in trials], np.int8)
        marks, n_longer = read_ground_truth(document, trials, lengths)
        tracks = {
            "label": Track("label", np.repeat(labels, lengths), LABELS),
            "repetition": Track("repetition", np.repeat(_occurrences(labels), lengths)),
            "trial": Track("trial", np.repeat(np.array([trial.number for trial in trials], np.int16), lengths)),
            "ground_truth": Track("ground_truth", marks, _TRUTH_NAMES),
        }
        aux = _sensors(document, trials, lengths) if sensors else {}
        longer = (f"groundTruth: longer than the EMG in {n_longer} trials, cut there",) if n_longer else ()
        metadata = {**_metadata(document, trials, raw), "warnings": longer}
        events = _events(document, trials, labels, lengths)
        return Content(None, tracks, events, raw=raw, sfreq=SFREQ, metadata=metadata, aux=aux)


def _check_rate(document: Document) -> None:
    """Refuse a file that names another rate than the set's."""
    general = mapping(document, document.tree, "top level").get("generalInfo", {})
    rate = mapping(document, general, "generalInfo").get("samplingFrequencyInHertz", SFREQ)
    if rate != SFREQ:
        place = "generalInfo.samplingFrequencyInHertz"
        raise error(document, place, "not the rate of this set", f"{SFREQ:g}", str(rate)[:80])


def _label(document: Document, trial: Sample) -> int:
    """Return the number of a trial's gesture by its name; -1 where the name is kept back."""
    name = trial.fields.get("gestureName")
    if name in _KEPT_BACK:
        return -1
    if not isinstance(name, str) or name not in _IDS:
        place = f"{trial.place}.gestureName"
        raise error(document, place, "unknown gesture", ", ".join(_IDS), str(name)[:80])
    return _IDS[name]


def _occurrences(labels: NDArray[np.int8]) -> NDArray[np.int16]:
    """Count how often each label has come, 1, 2, ...; 0 where it is not provided."""
    seen = np.zeros(len(labels), np.int16)
    for value in set(labels.tolist()) - {-1}:
        seen[labels == value] = np.arange(1, np.count_nonzero(labels == value) + 1)
    return seen


def _present(trials: Sequence[Sample]) -> list[str]:
    """Return the sensors that any trial has."""
    return [sensor for sensor in SENSORS if any(sensor in trial.fields for trial in trials)]


def _sensors(document: Document, trials: Sequence[Sample], lengths: NDArray[np.int64]) -> dict[str, Aux]:
    """Return the armband's own sensors at the EMG's clock."""
    return {
        sensor: Aux(sensor, read_sensor(document, trials, sensor, lengths), SFREQ, "unknown", SENSORS[sensor])
        for sensor in _present(trials)
    }


def _metadata(document: Document, trials: Sequence[Sample], raw: NDArray[np.int8]) -> dict[str, object]:
    """Return what the file says of person and device, and what was done to fit trials into one recording."""
    tree: dict[str, Any] = document.tree
    facts = {
        key: {k: v for k, v in mapping(document, tree.get(key, {}), key).items() if isinstance(v, str | int | float)}
        for key in ("generalInfo", "userInfo")
    }
    return {
        "clock": f"{CLOCK}; trials stand end to end and are not continuous in time: see track trial",
        "unit": UNIT,
        "n_trials": len(trials),
        "clipped": clipped(raw),
        "sensors": _present(trials),
        "sensor_clock": "50 Hz (nominal) held to the EMG's clock: reading j // 4 of the trial stands at its sample j; "
        "NaN where it has no such reading",
        **facts,
    }


def _events(
    document: Document, trials: Sequence[Sample], labels: NDArray[np.int8], lengths: NDArray[np.int64]
) -> tuple[Event, ...]:
    """Return every trial, and where in it the gesture was asked for, with the number as stored for its value."""
    events, starts = [], np.cumsum(lengths) - lengths
    for trial, label, start, length in zip(trials, labels.tolist(), starts.tolist(), lengths.tolist(), strict=True):
        events.append(Event(start / SFREQ, length / SFREQ, "trial", LABELS[label]))
        point = trial.fields.get("startPointforGestureExecution")
        if point is None:
            continue
        if isinstance(point, bool) or not isinstance(point, int | float):
            place = f"{trial.place}.startPointforGestureExecution"
            raise error(document, place, "not a sample number", "a number", str(point)[:80])
        if 0 <= point <= length:
            events.append(Event((start + point) / SFREQ, 0.0, "start", str(point)))
    return tuple(sorted(events, key=lambda event: event.onset))


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make two recordings a file, one a half."""
    matches = [(member, match) for member in members if (match := _FILE.search(member.name))]
    return [
        Recording(
            subject=f"{match[1].lower()}/user{match[2]}",
            session="1",
            repetition=None,
            source=container.label(member.name),
            n_chans=8,
            unit="adc",
            scale=1.0,
            offset=0.0,
            layout=RING,
            uniform=True,
            reader=EpnHalf(container, member, half),
            task=half,
        )
        for member, match in matches
        for half in HALVES
    ]


FORMAT = Format(
    info=FormatInfo(
        name="epn-612",
        title="EMG-EPN-612",
        licence="not established",
        citation="Benalcázar et al., EMG-EPN-612 Dataset, Zenodo, 2020",
        doi="10.5281/zenodo.4421500",
        verified_on_real_files=False,
        writes=True,
        n_chans=8,
        sfreq=SFREQ,
        unit="adc",
        layout=RING,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("epn"),
)
