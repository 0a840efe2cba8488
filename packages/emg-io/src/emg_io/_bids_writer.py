"""One EMG-BIDS data set being written, recording by recording, into a folder that becomes the data set in the end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ._atomic import write_bytes
from ._bids_written import WrittenRecording
from ._errors import EmgIoError
from .engines._edf_write import Channel, write_edf
from .formats._bids_beside import beside_of
from .formats._bids_digital import digitise
from .formats._bids_events import quote
from .formats._bids_spell import (
    channels_table,
    coordinate_system,
    dumps,
    electrodes_table,
    events_json,
    events_table,
    label,
    places_of,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._recording import Recording
    from .formats._bids_beside import Beside
    from .formats._bids_digital import Digital

BIDS_VERSION = "1.11.1"
_TASK = re.compile(r"(.*?)(?:_acq-([0-9A-Za-z+]+))?(?:_recording-([0-9A-Za-z+]+))?", re.DOTALL)
_README = (
    "Surface EMG as BDF+ files of the Brain Imaging Data Structure, written by emg-io. Files hold the stored integers",
    "themselves, with scale in their headers, unless a line below says to what step floats were rounded. The tables",
    "`*_events.tsv` hold the label of every span of samples, and single events.",
)


@dataclass(frozen=True)
class About:
    """What holds for all recordings."""

    task: str
    power_line_hz: float | None
    sidecar: dict[str, object]


@dataclass
class Writer:
    """A data set being written: identifiers taken so far, coordinate systems, label names by task."""

    folder: Path
    about: About
    labels: dict[tuple[str, ...], str] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, bytes] = field(default_factory=dict)
    electrodes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    names: dict[str, dict[int, str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, recording: Recording) -> WrittenRecording:
        """Write one recording and all that stands beside it."""
        if not recording.uniform:
            problem = "clock is not uniform and BIDS files have one rate: recording.resample(sfreq) first"
            raise EmgIoError(problem, file=recording.source, place="timestamps", expected="uniform samples")
        entities = self._entities(recording)
        stem = "_".join(f"{key}-{value}" for key, value in entities.items())
        if stem in self.stems:
            problem, found = "two recordings get the same BIDS name", self.stems[stem]
            raise EmgIoError(problem, file=recording.source, place=stem, expected="different labels", found=found)
        self.stems[stem] = recording.source
        inner = "/".join(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities) + "/emg"
        (self.folder / inner).mkdir(parents=True, exist_ok=True)
        digital, (beside, left_out) = digitise(recording), beside_of(recording)
        base = self.folder / inner / stem
        self._write_samples(Path(f"{base}_emg.bdf"), recording, digital, beside)
        write_bytes(Path(f"{base}_emg.json"), dumps(self._sidecar(recording)))
        write_bytes(Path(f"{base}_channels.tsv"), channels_table(recording, digital.unit, beside))
        self._keep_layout(inner, stem, entities, recording)
        self._write_events(Path(f"{base}_events.tsv"), entities["task"], recording)
        name, steps = f"{inner}/{stem}_emg.bdf", tuple((group.name, group.quantum) for group in beside)
        numbers = (digital.quantum, digital.scale_error)
        made = WrittenRecording(name, recording.source, digital.unit, *numbers, steps, left_out)
        self.remarks += _remarks(made)
        return made

    def finish(self, described: Mapping[str, str], authors: tuple[str, ...]) -> None:
        """Write what describes the data set."""
        from importlib.metadata import version

        body: dict[str, object] = {"BIDSVersion": BIDS_VERSION, "DatasetType": "raw"}
        body |= {key: words for key, words in described.items() if words}
        body |= {"Authors": list(authors)} if authors else {}
        body["GeneratedBy"] = [{"Name": "emg-io", "Version": version("emg-io")}]
        write_bytes(self.folder / "dataset_description.json", dumps(body))
        people = sorted((bids, words) for (what, words), bids in _pairs(self.labels) if what == "sub")
        rows = [(f"sub-{bids}", quote(words)) for bids, words in people]
        write_bytes(self.folder / "participants.tsv", table(("participant_id", "source_id"), rows))
        meaning = {"source_id": {"Description": "Identifier of the subject where the recordings came from"}}
        write_bytes(self.folder / "participants.json", dumps(meaning))
        for task, names in self.names.items():
            write_bytes(self.folder / f"task-{task}_events.json", events_json(names))
        self._write_electrodes()
        lines = [f"# {described['Name']}", "", *_README, "", *self.remarks]
        write_bytes(self.folder / "README.md", ("\n".join(lines).rstrip() + "\n").encode())

    def _write_electrodes(self) -> None:
        """Write coordinate systems and electrodes.tsv: one a session where its recordings agree, else one each."""
        files = dict(self.spaces)
        for session, tables in self.electrodes.items():
            same = len(set(tables.values())) == 1
            kept = {session: next(iter(tables.values()))} if same else tables
            files |= {f"{stem}_electrodes.tsv": rows for stem, rows in kept.items()}
        for path, content in files.items():
            write_bytes(self.folder / path, content)

    def _entities(self, recording: Recording) -> dict[str, str]:
        """Return the entities of a recording's name in their order; different words never share a label."""
        task, acquisition, device = self._task(recording)
        words = {"sub": recording.subject, "ses": recording.session, "task": task}
        entities = {}
        for what, said in words.items():
            if said or what != "ses":
                entities[what] = label(said, what, recording.source)
                self._claim(what, said, entities[what], recording.source)
        run = None if recording.repetition is None else str(recording.repetition)
        entities |= {key: value for key, value in (("acq", acquisition), ("run", run), ("recording", device)) if value}
        return entities

    def _task(self, recording: Recording) -> tuple[str, str | None, str | None]:
        """Return the name of the task, and the entities acq and recording that may follow it."""
        found = _TASK.fullmatch(recording.task)
        task, acquisition, device = found.groups() if found else (recording.task, None, None)
        return task or self.about.task, acquisition, device

    def _claim(self, what: str, words: str, bids: str, file: str) -> None:
        """Refuse a label that stands for other words already."""
        other = next((said for (kind, said), held in _pairs(self.labels) if kind == what and held == bids), words)
        if other != words:
            problem, found = "two identifiers get the same BIDS label", f"{other} and {words}"
            raise EmgIoError(problem, file=file, place=f"{what}-{bids}", expected="different labels", found=found)
        self.labels[what, words] = bids

    def _sidecar(self, recording: Recording) -> dict[str, object]:
        """Return ``_emg.json``: every required field, and what the recording knows."""
        body: dict[str, object] = {
            "TaskName": self._task(recording)[0],
            "SamplingFrequency": recording.sfreq,
            "PowerLineFrequency": self.about.power_line_hz or "n/a",
            "EMGReference": "n/a",
            "EMGPlacementScheme": "Other",
            "EMGPlacementSchemeDescription": recording.layout.description or "not stated",
            "SoftwareFilters": "n/a",
            "HardwareFilters": "n/a",
            "RecordingType": "continuous",
            "EMGChannelCount": recording.n_chans,
            "RecordingDuration": recording.n_samples / recording.sfreq,
        }
        if recording.layout.pitch_mm:
            body["InterelectrodeDistance"] = recording.layout.pitch_mm
        return body | self.about.sidecar

    def _write_samples(self, path: Path, recording: Recording, digital: Digital, beside: Sequence[Beside]) -> None:
        """Write the BDF+ file."""
        unit = "" if digital.unit == "unknown" else digital.unit
        channels = [Channel(name, unit, one) for name, one in zip(recording.channels, digital.ranges, strict=True)]
        for group in beside:
            unit = group.unit if len(group.unit) <= 8 and group.unit.isascii() else ""
            channels += [Channel(row, unit, group.ranges) for row in group.rows]
        values = np.concatenate([digital.values, *(group.values for group in beside)]) if beside else digital.values
        write_edf(path, values, recording.sfreq, channels, sample_bytes=3)

    def _keep_layout(self, inner: str, stem: str, entities: Mapping[str, str], recording: Recording) -> None:
        """Keep electrodes.tsv and its coordinate systems; a second layout in a session gets a number."""
        places = places_of(recording.layout, recording.channels)
        systems = {p.space: dumps(coordinate_system(recording.layout, p.space, places)) for p in places if p.space}
        prefix = "_".join(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities)
        renamed = {space: self._place_system(f"{inner}/{prefix}", space, body) for space, body in systems.items()}
        self.electrodes.setdefault(f"{inner}/{prefix}", {})[f"{inner}/{stem}"] = electrodes_table(places, renamed)

    def _place_system(self, prefix: str, space: str, body: bytes) -> str:
        """Return the name under which a coordinate system is kept."""
        number, wanted = 1, space
        while self.spaces.setdefault(f"{prefix}_space-{wanted}_coordsystem.json", body) != body:
            number += 1
            wanted = f"{space}v{number}"
        return wanted

    def _write_events(self, path: Path, task: str, recording: Recording) -> None:
        """Write events.tsv where there is something to say, and keep the names of labels."""
        rows = events_table(recording)
        if rows is None:
            return
        write_bytes(path, rows)
        kept = self.names.setdefault(task, {})
        for value, said in recording.tracks["label"].names.items() if "label" in recording.tracks else ():
            if kept.setdefault(int(value), said) != said:
                problem, found = "one label has two names", f"{kept[int(value)]} and {said}"
                raise EmgIoError(problem, file=recording.source, place=f"label {value}", found=found)


def _pairs(labels: Mapping[tuple[str, ...], str]) -> list[tuple[tuple[str, ...], str]]:
    """Return what stands for what."""
    return list(labels.items())


def _remarks(made: WrittenRecording) -> list[str]:
    """Return what a reader of the data set should know of one file."""
    said = []
    if made.quantum:
        said.append(f"- {made.file}: rounded to steps of {made.quantum:g} {made.unit}")
    if made.scale_error:
        said.append(f"- {made.file}: scale in the header is {made.scale_error:.1e} off")
    for name, quantum in made.beside:
        if quantum:
            said.append(f"- {made.file}: {name} is rounded to steps of {quantum:g}")
    if made.left_out:
        said.append(f"- {made.file}: not written: {', '.join(made.left_out)}")
    return said
