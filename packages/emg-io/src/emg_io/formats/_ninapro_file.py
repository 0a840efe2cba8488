"""One MAT file of NinaPro: EMG and labels together, everything else apart."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Aux, Content, Header, Source, Track
from emg_io.engines._mat import open_mat

from . import _ninapro_aux as beside
from ._myo import clipped
from ._ninapro_bases import SPARE
from ._ninapro_labels import Numbering, check_whole, numbering
from ._remarks import NOMINAL, Remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat

    from ._ninapro_bases import Base

_CUES = {"label": "stimulus", "repetition": "repetition"}
_MOVED = {"label": "restimulus", "repetition": "rerepetition"}


class Name(NamedTuple):
    """What a file name says; ``exercise`` is 1 where the data base has one only."""

    subject: int
    session: str
    task: str
    exercise: int


@dataclass(frozen=True)
class NinaproFile(Source):
    """One MAT file of a data base; the signals beside the EMG are inflated only when asked for."""

    base: Base
    container: Container
    member: Member
    name: Name
    n_chans: int

    def scan(self) -> Header:
        """Read the tags only (and the six force calibrations): lengths, checked to agree within a second."""
        with self._opened() as mat:
            return self._header(mat)

    def load(self) -> Content:
        """Read EMG and labels, cut to the shortest; ``raw`` is (channels, time) as stored."""
        with self._opened() as mat:
            header = self._header(mat)
            self._check_ids(mat)
            tracks = self._tracks(mat, header.n_samples)
            emg = mat.read("emg")[: header.n_samples]
        self._check_samples(emg)
        raw = np.ascontiguousarray(self._electrodes(emg).T)
        return Content(tracks=tracks, raw=raw, sfreq=self.base.sfreq, metadata=header.metadata)

    def aux(self, name: str) -> Aux:
        """Read one signal beside the EMG."""
        with self._opened() as mat:
            return beside.read(self.base, mat, name, self._header(mat).n_samples, self._file)

    def check(self) -> None:
        """Read everything anew, signals beside the EMG as well."""
        super().check()
        for name in self.header().aux:
            self.aux(name)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    @contextmanager
    def _opened(self) -> Iterator[Mat]:
        """Open the file for a while."""
        with self.container.open(self.member.name) as stream:
            yield open_mat(stream, self.member.size, self._file)

    def _fields(self, mat: Mat) -> dict[str, str]:
        """Return the field of each track: labels of the real movement must be there, in the force exercise cues do."""
        moved = _MOVED
        if self.name.exercise == self.base.force_exercise and "restimulus" not in mat.variables:
            moved = _CUES
        cues = {
            track: field
            for track, field in (("cue", "stimulus"), ("cue_repetition", "repetition"))
            if field in mat.variables and field not in moved.values()
        }
        return {**moved, **cues}

    def _header(self, mat: Mat) -> Header:
        """Compare lengths and count what must be cut."""
        fields = self._fields(mat)
        lengths = {"emg": self._length(mat, "emg", self.base.n_stored or self.n_chans)}
        lengths |= {field: self._length(mat, field, 1) for field in fields.values()}
        shortest, longest = min(lengths.values()), max(lengths.values())
        if longest - shortest > self.base.sfreq or not shortest:
            raise EmgIoError(
                "lengths disagree by more than a second",
                file=self._file,
                place=", ".join(lengths),
                expected="equal lengths, > 0",
                found=str(lengths),
            )
        cut = {field: length - shortest for field, length in lengths.items() if length > shortest}
        names = beside.present(self.base, mat)
        uneven = beside.lengths(mat, names, shortest)
        warnings = [f"{field}: {count} samples cut at the end" for field, count in cut.items()]
        warnings += [
            f"{field}: {abs(n)} samples {'more' if n > 0 else 'fewer'} than EMG" for field, n in uneven.items()
        ]
        if not self.base.verified:
            warnings += [
                f"{field}: {found} in the file, {want} by its name, which counts"
                for field, want, found in self._other_ids(mat)
            ]
        return Header(shortest, self.base.sfreq, self._metadata(mat, fields, cut, tuple(warnings)), names)

    def _metadata(
        self, mat: Mat, fields: Mapping[str, str], cut: Mapping[str, int], warnings: tuple[str, ...]
    ) -> Mapping[str, object]:
        """Return what is to be said of a recording; what costs a pass is found when asked for."""
        said: dict[str, object] = {
            "clock": NOMINAL,
            "unit": f"{self.base.unit} (unverified)",
            "label_field": fields["label"],
            "trimmed_samples": sum(cut.values()),
            "warnings": warnings,
        }
        if self.base.files == "exercise":
            said["exercise"] = self.name.exercise
        if self.base.n_stored:
            said["channels"] = f"{mat.shape('emg')[1]} columns stored; spare ones, which are constant, are left out"
        if "forcecal" in mat.variables and mat.shape("forcecal") == (2, 6):
            said["force_calibration"] = mat.read("forcecal").astype(float).tolist()
        said |= dict(self.base.remarks)
        later: dict[str, Callable[[], object]] = {"dead_channels": self._dead} if self.base.n_stored else {}
        if self.base.unit == "adc":
            later["clipped"] = lambda: clipped(self.content().raw)
        return Remarks(said, later)

    def _dead(self) -> tuple[int, ...]:
        """Return the channels that are constant throughout."""
        raw = self.content().raw
        return tuple(np.flatnonzero(raw.min(axis=1) == raw.max(axis=1)).tolist())

    def _length(self, mat: Mat, field: str, n_columns: int) -> int:
        """Return the number of rows of a field, after a look at its columns."""
        shape = mat.shape(field)
        wanted = {n_columns, self.n_chans} if field == "emg" else {n_columns}
        if len(shape) != 2 or shape[1] not in wanted:
            expected = " or ".join(f"(time, {number})" for number in sorted(wanted))
            raise EmgIoError("wrong shape", file=self._file, place=field, expected=expected, found=str(shape))
        return shape[0]

    def _other_ids(self, mat: Mat) -> Iterator[tuple[str, int, object]]:
        """Yield field, number in the file name and what the file says, where subject and exercise differ from it."""
        wanted = {"subject": self.name.subject}
        if self.base.files != "day":
            wanted["exercise"] = self.name.exercise
        for field, want in wanted.items():
            if field in mat.variables:
                found = mat.read(field).ravel()[:4].tolist() if mat.shape(field) == (1, 1) else mat.shape(field)
                if found != [want]:
                    yield field, want, found

    def _check_ids(self, mat: Mat) -> None:
        """Refuse files of a verified data base under another's name; for the others it is a warning."""
        for field, want, found in self._other_ids(mat) if self.base.verified else ():
            raise EmgIoError(
                "file name and content disagree", file=self._file, place=field, expected=str(want), found=str(found)
            )

    def _tracks(self, mat: Mat, n_samples: int) -> dict[str, Track]:
        """Read the label fields: whole numbers within their sets, labels counting on over the exercises."""
        fields = self._fields(mat)
        values = {track: mat.read(field)[:n_samples, 0] for track, field in fields.items()}
        labels = [track for track in ("label", "cue") if track in fields]
        rule = numbering(self.base, self.name.exercise, [values[track] for track in labels])
        tracks: dict[str, Track] = {}
        for track, field in fields.items():
            if track in labels:
                tracks[track] = Track(track, rule.apply(values[track], self._file, field), self.base.names)
            else:
                check_whole(values[track], range(1, self.base.n_repetitions + 1), self._file, field)
                tracks[track] = Track(track, values[track].astype(np.int16))
        return tracks | self._local(rule, tracks["label"])

    def _local(self, rule: Numbering, label: Track) -> dict[str, Track]:
        """Return the number within the exercise, where there are several."""
        if len(self.base.exercises) == 1:
            return {}
        before, names = self.base.before(self.name.exercise), self.base.names
        n_movements = self.base.exercises[self.name.exercise - 1]
        local = {0: names[0]} | {number: names[before + number] for number in range(1, n_movements + 1)}
        return {"local_label": Track("local_label", rule.local(label.values), local)}

    def _check_samples(self, emg: NDArray[Any]) -> None:
        """Refuse samples that no electrode of the set can give."""
        low, high = self.base.limits
        if emg.min() >= low and emg.max() <= high:
            return
        row, column = np.argwhere(~((emg >= low) & (emg <= high)))[0].tolist()
        raise EmgIoError(
            "sample out of range",
            file=self._file,
            place=f"emg, row {row}, column {column}",
            expected=f"finite, {low:g} to {high:g} {self.base.unit}",
            found=str(emg[row, column]),
        )

    def _electrodes(self, emg: NDArray[np.generic]) -> NDArray[np.generic]:
        """Leave out spare columns: those that are constant or, where an electrode is dead, those known to be spare."""
        if emg.shape[1] == self.n_chans:
            return emg
        moving = np.flatnonzero(emg.min(axis=0) != emg.max(axis=0))
        if len(moving) == self.n_chans:
            return emg[:, moving]
        if np.isin(moving, SPARE).any():
            raise EmgIoError(
                "not the electrodes of the set",
                file=self._file,
                place="emg",
                expected=f"{self.n_chans} columns that are not constant, or columns {SPARE} constant",
                found=f"{len(moving)}: columns {moving.tolist()}",
            )
        return emg[:, np.setdiff1d(np.arange(emg.shape[1]), SPARE)]
