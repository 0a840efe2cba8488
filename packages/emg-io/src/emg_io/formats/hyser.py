"""Hyser (PhysioNet hd-semg): four 8x8 grids on the forearm, 20 subjects, two days, five sub-datasets.

Sub-datasets ``pr`` (34 gestures, labels in text files), ``mvc``, ``1dof``, ``ndof`` and ``random`` (finger forces at
100 Hz beside the EMG). ``raw`` and ``preprocess`` (the authors' filtered copy) are both recordings, told apart by
``task``. The folder of a sub-dataset (``pr_dataset``) may be missing: records name it themselves. Known gaps of the
set, as gestures of subjects 3 and 11 and the random task of subject 10, are recordings that are not there. Every record
has gains of its own: compare ``signal``, never ``raw``, between records.
Source: Jiang et al., IEEE TNSRE 2021, 29:1035; the archive's README; PhysioNet 10.13026/ym7v-bh53.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Header, Track

from ._format import Format, FormatInfo, forger
from ._hyser_names import GESTURES
from ._wfdb_records import (
    VOLTAGES,
    WfdbSource,
    beside,
    calibration,
    channel_names,
    read_header,
    record_of,
    siblings,
    signal_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emg_io._container import Container, Member
    from emg_io.engines._wfdb_header import WfdbHeader

SFREQ, FORCE_HZ = 2048.0, 100.0
ARRAYS = ("ED", "EP", "FD", "FP")
CHANNELS = tuple(f"{array}-{row}-{column}" for array in ARRAYS for row in range(8, 0, -1) for column in range(8, 0, -1))
_FOLDER = r"(?:(?:^|/)(?:pr|mvc|1dof|ndof|random)_dataset)?(?:^|/)subject(?P<subject>\d{1,3})_session(?P<session>\d)/"
_NAME = (
    r"(?:(?P<stage>dynamic|maintenance)_(?P<way_pr>raw|preprocess)"
    r"|(?P<kind>mvc|1dof|ndof|random)_(?P<way>raw|preprocess|force)"
    r"(?:_(?P<part>finger\d{1,2}|combination\d{1,3}))?(?:_(?P<move>flexion|extension))?)"
    r"(?:_sample(?P<sample>\d{1,4}))?"
)
_RECORD = re.compile(rf"{_FOLDER}{_NAME}\.hea$", re.IGNORECASE)
_FILE = re.compile(rf"{_FOLDER}(?:{_NAME}\.(?:hea|dat)|label_(?:dynamic|maintenance)\.txt)$", re.IGNORECASE)
_MAX_LABEL_BYTES = 65_536


def _picture() -> Layout:
    """Return the picture [[block 0, 2], [1, 3]]; row r, column c of block k is channel 64 k + 63 - 8 r - c."""
    block = 63 - np.arange(64).reshape(8, 8)
    cells = np.block([[block, block + 128], [block + 64, block + 192]])
    words = "four 8x8 arrays: left half over the extensors, right over the flexors; upper distal, lower proximal"
    return Layout.grid(cells, description=words, pitch_mm=10.0, kind="grids")


_LAYOUT = _picture()


@dataclass(frozen=True)
class HyserFile(WfdbSource):
    """One record, its label in a text file, the finger forces in a record beside it.

    Attributes
    ----------
    sample
        Number of the trial, 1, 2, ...
    labels
        Text file with the gestures of all trials, or None where the record is no gesture trial.
    force, force_files
        Header and signal files of the forces, or None.
    """

    sample: int = 0
    labels: Member | None = None
    force: Member | None = None
    force_files: tuple[Member, ...] = ()

    def scan(self) -> Header:
        """Read the header file."""
        header = super().scan()
        return Header(header.n_samples, header.sfreq, header.metadata, ("force",) if self.force else ())

    def read_annotations(self) -> Annotations:
        """Read the gesture of this trial: one label throughout, and how often the gesture has come by then."""
        if self.labels is None:
            return Annotations()
        gestures = read_labels(self.container, self.labels)
        if not 1 <= self.sample <= len(gestures):
            raise EmgIoError(
                "trial has no label",
                file=self.container.label(self.labels.name),
                place=f"entry {self.sample}",
                expected=f"a label for {self.container.label(self.member.name)}",
                found=f"{len(gestures)} entries",
            )
        gesture, n_samples = gestures[self.sample - 1], self.header().n_samples
        repetition = gestures[: self.sample].count(gesture)
        values = {"label": gesture, "repetition": repetition}
        names = {"label": GESTURES}
        return Annotations(
            None, {k: Track(k, np.full(n_samples, v, np.int16), names.get(k, {})) for k, v in values.items()}
        )

    def aux(self, name: str) -> Aux:
        """Read the finger forces, (5, time) in the unit of their header."""
        if self.force is None or name != "force":
            return super().aux(name)
        reader = WfdbSource(self.container, self.force, self.force_files, ())
        record = record_of(self.container, self.force, self.force_files)
        signals, rate = record.header.signals, record.header.sfreq
        if rate != FORCE_HZ or any(signal.per_frame != 1 for signal in signals):
            raise EmgIoError(
                "not a force record",
                file=self.container.label(self.force.name),
                place="line 1",
                expected=f"{FORCE_HZ:g} Hz",
                found=f"{rate:g} Hz",
            )
        codes = record.read(reader.opened, range(len(signals)), 0, record.n_frames)
        scale, offset = calibration(signals, "unknown")
        values = codes * np.reshape(scale, (-1, 1)) + np.reshape(offset, (-1, 1))
        units = {signal.unit for signal in signals}
        names = channel_names(signals, range(len(signals)))
        return Aux("force", values, rate, units.pop() if len(units) == 1 else "unknown", names)


@lru_cache(maxsize=128)
def read_labels(container: Container, member: Member) -> tuple[int, ...]:
    """Read a label file: numbers 1..34 separated by commas, one a trial."""
    file, data = container.label(member.name), b""
    if member.size <= _MAX_LABEL_BYTES:
        data = container.read(member.name)
    written = data.decode("ascii", "replace").strip().removesuffix(",")
    tokens = [token.strip() for token in written.split(",")]
    wrong = [n for n, token in enumerate(tokens) if not re.fullmatch(r"\d{1,2}", token) or int(token) not in GESTURES]
    if wrong:
        raise EmgIoError(
            "not a label",
            file=file,
            place=f"entry {wrong[0] + 1}",
            expected="1..34, separated by commas",
            found=ascii(tokens[wrong[0]][:20]),
        )
    return tuple(int(token) for token in tokens)


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return records and labels of the five sub-datasets."""
    found = [member for member in members if _FILE.search(member.name)]
    return found if any(_RECORD.search(member.name) for member in found) else []


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording an EMG record; forces and labels join theirs."""
    index = siblings(members)
    folded = {name.casefold(): member for name, member in index.items()}
    found = [(member, _RECORD.search(member.name)) for member in members]
    return [
        _recording(container, member, match, index, folded)
        for member, match in found
        if match and (match["way"] or "raw").casefold() != "force"
    ]


def _recording(
    container: Container,
    member: Member,
    match: re.Match[str],
    index: Mapping[str, Member],
    folded: Mapping[str, Member],
) -> Recording:
    """Make the lazy recording of one record."""
    header, source = read_header(container, member), container.label(member.name)
    names = _checked(header, source)
    way, sample = (match["way_pr"] or match["way"]).casefold(), int(match["sample"] or 0)
    labels = _labels(container, member, match["stage"], folded)
    force, forces = (None, ()) if labels else _force(member, way, folded)
    scale, offset = calibration([s._replace(unit="mV") if s.unit == "V" else s for s in header.signals], "mV")
    remarks = _remarks(header, without_force=not labels and not force)
    files, channels = signal_files(header, member, index), tuple(range(len(CHANNELS)))
    return Recording(
        subject=str(int(match["subject"])),
        session=match["session"],
        repetition=sample or None,
        source=source,
        n_chans=len(CHANNELS),
        unit="mV",
        scale=scale,
        offset=offset,
        layout=_LAYOUT,
        uniform=True,
        reader=HyserFile(container, member, files, channels, remarks, sample, labels, force, forces),
        task=_task(match, way),
        channels=names,
    )


def _task(match: re.Match[str], way: str) -> str:
    """Return sub-dataset, stage, fingers, movement and processing."""
    parts = ("pr" if match["stage"] else match["kind"], match["stage"], match["part"], match["move"], way)
    return "/".join(part.casefold() for part in parts if part)


def _labels(container: Container, member: Member, stage: str | None, folded: Mapping[str, Member]) -> Member | None:
    """Return the label file of a gesture trial, which must exist; None for the force tasks."""
    if not stage:
        return None
    name = beside(member, f"label_{stage}.txt")
    if name.casefold() not in folded:
        file = container.label(member.name)
        raise EmgIoError("labels are missing", file=file, place="folder", expected=f"label_{stage}.txt beside it")
    return folded[name.casefold()]


def _force(member: Member, way: str, folded: Mapping[str, Member]) -> tuple[Member | None, tuple[Member, ...]]:
    """Return the header and signal file of the forces recorded with a record, where they exist."""
    stem = re.sub(rf"_{way}(?=[^/]*$)", "_force", member.name.casefold()).removesuffix(".hea")
    header, data = folded.get(f"{stem}.hea"), folded.get(f"{stem}.dat")
    return header, (data,) if data else ()


def _checked(header: WfdbHeader, source: str) -> tuple[str, ...]:
    """Refuse what is no EMG record of the set; return the channels' names."""
    signals = header.signals
    if len(signals) != len(CHANNELS) or header.sfreq != SFREQ or any(signal.per_frame != 1 for signal in signals):
        raise EmgIoError(
            "not an EMG record of Hyser",
            file=source,
            place="line 1",
            expected=f"{len(CHANNELS)} signals at {SFREQ:g} Hz",
            found=f"{len(signals)} at {header.sfreq:g} Hz",
        )
    units = {signal.unit for signal in signals}
    if not units <= VOLTAGES:
        raise EmgIoError("unit is no voltage", file=source, place="signal lines", expected="mV", found=str(units))
    names = tuple(signal.name for signal in signals)
    if names != CHANNELS and any(re.fullmatch(r"[A-Z]{2}-\d-\d", name) for name in names):
        first = next(n for n, name in enumerate(names) if name != CHANNELS[n])
        raise EmgIoError(
            "channels stand in another order than the set's layout",
            file=source,
            place=f"signal {first}",
            expected=CHANNELS[first],
            found=ascii(names[first][:20]),
        )
    return CHANNELS


def _remarks(header: WfdbHeader, *, without_force: bool) -> tuple[tuple[str, object], ...]:
    """Return what the metadata says."""
    written = ", ".join(sorted({signal.unit for signal in header.signals}))
    named = header.signals[0].name == CHANNELS[0]
    odd = [] if named else ["header names no electrodes: placed by position"]
    odd += ["no force record beside this one"] if without_force else []
    unit = f"header says {written}; read as mV (unverified): 2.5 V / gain 150 is the amplifier's range, 16.7 mV"
    return (("unit", unit), ("layout", "picture of the authors' loader (unverified)"), ("warnings", tuple(odd)))


FORMAT = Format(
    info=FormatInfo(
        name="hyser",
        title="Hyser: high-density surface EMG of hand gestures and finger forces",
        licence="ODC-By 1.0",
        citation="Jiang, Liu, Fan, Ye, Dai, Clancy, Akay, Chen, IEEE Transactions on Neural Systems and Rehabilitation "
        "Engineering 2021, 29:1035-1046",
        doi="10.1109/TNSRE.2021.3082551",
        verified_on_real_files=False,
        writes=True,
        n_chans=len(CHANNELS),
        sfreq=SFREQ,
        unit="mV",
        layout=_LAYOUT,
        label_names=GESTURES,
    ),
    claims=_claims,
    open=_open,
    forge=forger("hyser"),
)
