"""One EDF or BDF file as a lazy recording: which signals are EMG, which lie beside them, what the clock does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Annotations, Aux, Event, Header, RandomAccess
from emg_io.engines._edf import read_samples
from emg_io.engines._edf_header import read_header
from emg_io.engines._edf_tal import read_notes
from emg_io.engines._edf_time import ENDS

from ._edf_pick import grouped, pick
from ._remarks import STATED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._edf_header import EdfHeader
    from emg_io.engines._edf_tal import Notes

    from ._edf_pick import Group

_TOLERANCE_SAMPLES = 2.0


@dataclass(frozen=True)
class EdfFile(RandomAccess):
    """One file: ``picked`` signals are the recording, ``groups`` lie beside it; ``gaps`` marks a stamped clock."""

    container: Container
    member: Member
    head: EdfHeader = field(compare=False, repr=False)  # the member stands for it in comparisons
    picked: tuple[int, ...] = field(compare=False, repr=False)
    groups: tuple[Group, ...] = field(compare=False, repr=False)
    how: str = field(compare=False, repr=False, default="")
    gaps: bool = False
    n_trimmed: int = 0

    @classmethod
    def open(cls, container: Container, member: Member) -> EdfFile:
        """Read the header, and for a file with gaps when its records start; every signal lies beside no recording."""
        file = container.label(member.name)
        with container.open(member.name) as stream:
            header = read_header(stream, member.size, file)
            starts = read_notes(stream, header, range(header.n_records), file).starts if header.variant == "D" else None
        half = 0.5 * header.record_s / max(signal.n_per_record for signal in header.signals)
        gaps = starts is not None and not _steady(starts, header, half)
        return cls(container, member, header, (), (), gaps=gaps)

    def choose(self, picked: Sequence[int], groups: Sequence[Group], how: str) -> EdfFile:
        """Return the file as a recording of ``picked`` signals; samples after a noted end of recording are left out."""
        trimmed = self._trimmed(picked[0])
        return replace(self, picked=tuple(picked), groups=tuple(groups), how=how, n_trimmed=trimmed)

    @property
    def file(self) -> str:
        """Name for messages."""
        return self.container.label(self.member.name)

    def scan(self) -> Header:
        """Return size, rate and remarks; the header was read when the file was opened."""
        n_samples = self.head.n_samples(self.picked[0]) - self.n_trimmed
        aux = () if self.gaps else tuple(group.name for group in self.groups)
        return Header(n_samples, self.head.sfreq(self.picked[0]), self._remarks(), aux)

    def samples(self, start: int, stop: int) -> NDArray[np.integer]:
        """Read digital values, (channels, stop - start) int16 or int32; only the records that hold them."""
        with self.container.open(self.member.name) as stream:
            return read_samples(stream, self.head, self.picked, start, stop, self.file)

    def read_annotations(self) -> Annotations:
        """Read every annotation; onsets count from the first sample."""
        with self.container.open(self.member.name) as stream:
            found = read_notes(stream, self.head, range(self.head.n_records), self.file)
        zero = _zero(found.starts)
        stamps = self._stamps(found) if self.gaps else None
        if not self.gaps and not _steady(found.starts, self.head, _TOLERANCE_SAMPLES / self.scan().sfreq):
            raise EmgIoError(
                "records do not follow each other in a file that is declared continuous",
                file=self.file,
                place="annotations, record starts",
                expected=f"one every {self.head.record_s:g} s",
            )
        kept = [note for note in found.notes if not (self.n_trimmed and note.text == ENDS)]
        events = [Event(note.onset - zero, note.duration, "annotation", note.text) for note in kept]
        return Annotations(stamps, {}, tuple(sorted(events, key=lambda event: event.onset)))

    def aux(self, name: str) -> Aux:
        """Read a group of signals beside the EMG, physical, float32."""
        group = next((group for group in self.groups if group.name == name and not self.gaps), None)
        if group is None:
            return super().aux(name)
        signals = [self.head.signals[index] for index in group.signals]
        n_samples = self.head.n_samples(group.signals[0])
        with self.container.open(self.member.name) as stream:
            digital = read_samples(stream, self.head, group.signals, 0, n_samples, self.file)
        values = digital.astype(np.float32)
        values *= np.array([[signal.scale] for signal in signals], np.float32)
        values += np.array([[signal.offset] for signal in signals], np.float32)
        rate = self.head.sfreq(group.signals[0])
        kept = n_samples - int(self.n_trimmed * rate / self.head.sfreq(self.picked[0]))
        return Aux(name, values[:, :kept], rate, group.unit, tuple(signal.label for signal in signals))

    def check(self) -> None:
        """Read everything anew; the header must be the one that was read when the file was opened."""
        with self.container.open(self.member.name) as stream:
            if read_header(stream, self.member.size, self.file) != self.head:
                raise EmgIoError("header changed since the file was opened", file=self.file, place="header")
        super().check()

    def _remarks(self) -> dict[str, object]:
        """Return what a user should know of this file."""
        header = self.head
        remarks: dict[str, object] = {"clock": STATED, "kind": header.kind, "emg": self.how}
        remarks["record_s"] = header.record_s
        remarks |= {"patient": header.patient, "recording": header.recording, "start": header.start or "not stated"}
        remarks["prefilter"] = sorted({header.signals[index].prefilter for index in self.picked})
        if header.unfinished:
            lost = f"; {header.spare_bytes} bytes of a last record were left out" if header.spare_bytes else ""
            remarks["unfinished"] = f"the header does not say how many records there are; {header.n_records} are{lost}"
        if self.gaps:
            remarks["clock"] = "records with gaps between them: see timestamps; sfreq is the rate inside a record"
            remarks["left_out"] = [group.name for group in self.groups]
        if self.n_trimmed:
            remarks["trimmed_samples"] = f"{self.n_trimmed} after the annotation '{ENDS}'"
        return remarks

    def _trimmed(self, signal: int) -> int:
        """Return how many samples follow a noted end of recording that lies in the last record."""
        if self.gaps or not self.head.variant:
            return 0
        last = self.head.n_records - 1
        with self.container.open(self.member.name) as stream:
            first = read_notes(stream, self.head, (0,), self.file).starts
            notes = read_notes(stream, self.head, (last,), self.file).notes
        ends = [note.onset - _zero(first) for note in notes if note.text == ENDS]
        n_samples, sfreq = self.head.n_samples(signal), self.head.sfreq(signal)
        kept = round(ends[0] * sfreq) if len(ends) == 1 else n_samples
        inside = last * self.head.signals[signal].n_per_record < kept < n_samples
        return n_samples - kept if inside else 0

    def _stamps(self, found: Notes) -> NDArray[np.float64]:
        """Return a time for every sample of a file with gaps, s from the first."""
        n_per_record = self.head.signals[self.picked[0]].n_per_record
        inside = np.arange(n_per_record) / self.scan().sfreq
        stamps: NDArray[np.float64] = ((found.starts - _zero(found.starts))[:, None] + inside[None, :]).ravel()
        silent = len(found.starts) < self.head.n_records or not np.all(np.isfinite(stamps))
        if silent or not np.all(np.diff(stamps) > 0):
            raise EmgIoError(
                "records of a file with gaps overlap or do not say when they start",
                file=self.file,
                place="annotations, record starts",
                expected="one start a record, each after the end of the record before",
            )
        return stamps


def open_edf(container: Container, member: Member) -> EdfFile:
    """Open a file whose labels and units alone say which signals are EMG."""
    opened = EdfFile.open(container, member)
    picked, others, how = pick(opened.head, opened.file)
    return opened.choose(picked, grouped(opened.head, others), how)


def _steady(starts: NDArray[np.float64], header: EdfHeader, tolerance: float) -> bool:
    """Tell whether the records that say when they start follow each other without a gap."""
    said = np.isfinite(starts)
    if header.variant == "D" and not (said.all() and len(said) == header.n_records):
        return False
    expected = _zero(starts) + np.flatnonzero(said) * header.record_s
    return bool(np.all(np.abs(starts[said] - expected) <= tolerance))


def _zero(starts: NDArray[np.float64]) -> float:
    """Return when the first sample was taken, s after the file's start; 0 where the first record does not say."""
    return float(starts[0]) if len(starts) and np.isfinite(starts[0]) else 0.0
