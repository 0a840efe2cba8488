"""NinaPro: one reader, a table of data bases.

One MAT file a subject and exercise. No rate is stored: it comes from the table and is nominal. ``restimulus`` and
``rerepetition`` (relabelled to the real movement) become the tracks ``label`` and ``repetition``.
Source: Atzori et al., Scientific Data 2014, 1:140053; names of the movements as in its table 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Header, Source, Track
from emg_io.engines._mat5 import MatFile

from ._format import Format, FormatInfo, forger
from ._ninapro_names import MOVEMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

_FILE = re.compile(r"(?:^|/)S(\d{1,3})_(?:A(?P<a1>\d)_E(?P<e1>\d)|E(?P<e2>\d)_A(?P<a2>\d))\.mat$", re.IGNORECASE)
_TRACKS = {"label": "restimulus", "repetition": "rerepetition", "cue": "stimulus", "cue_repetition": "repetition"}
_REQUIRED = ("label", "repetition")


@dataclass(frozen=True)
class Base:
    """One NinaPro data base.

    Attributes
    ----------
    name, title
        Registry key and full name.
    n_chans, sfreq
        Channels, and rate in Hz (nominal: the files hold none).
    layout
        Electrode layout.
    exercises
        Movements per exercise; labels restart at 1 in each and count on over all of them here.
    n_repetitions
        Repetitions per movement.
    limit_v
        Largest magnitude of a sample, V: beyond it a file is damaged.
    """

    name: str
    title: str
    n_chans: int
    sfreq: float
    layout: Layout
    exercises: tuple[int, ...]
    n_repetitions: int
    limit_v: float

    def offset(self, exercise: int) -> int:
        """Return what is added to a label of an exercise (1, 2, ...) so that labels count on."""
        return sum(self.exercises[: exercise - 1])


DB1 = Base(
    name="ninapro-db1",
    title="NinaPro DB1",
    n_chans=10,
    sfreq=100.0,
    layout=Layout.ring_and_points(
        8, 2, "ring of 8 at the radio-humeral joint, then flexor and extensor digitorum superficialis"
    ),
    exercises=(12, 17, 23),
    n_repetitions=10,
    limit_v=5.0,
)


@dataclass(frozen=True)
class NinaproFile(Source):
    """One MAT file of a data base."""

    base: Base
    container: Container
    member: Member
    subject: int
    exercise: int

    def scan(self) -> Header:
        """Read the tags only: lengths, checked to agree within a second."""
        with self.container.open(self.member.name) as stream:
            return self._header(MatFile.scan(stream, self.member.size, self._file))

    def load(self) -> Content:
        """Read EMG and labels, cut to the shortest; ``raw`` is (channels, time) float64 as stored."""
        with self.container.open(self.member.name) as stream:
            mat = MatFile.scan(stream, self.member.size, self._file)
            header = self._header(mat)
            self._check_ids(mat)
            tracks = {name: self._track(mat, name, header.n_samples) for name in self._present(mat)}
            emg = np.asarray(mat.read("emg"), np.float64)[: header.n_samples]
        self._check_samples(emg)
        return Content(tracks=tracks, raw=np.ascontiguousarray(emg.T), sfreq=self.base.sfreq, metadata=header.metadata)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    def _present(self, mat: MatFile) -> list[str]:
        """Return the tracks that the file has; the relabelled ones must be there."""
        return [name for name, field in _TRACKS.items() if name in _REQUIRED or field in mat.variables]

    def _header(self, mat: MatFile) -> Header:
        """Compare lengths and count what must be cut."""
        lengths = {"emg": self._length(mat, "emg", self.base.n_chans)}
        lengths |= {_TRACKS[name]: self._length(mat, _TRACKS[name], 1) for name in self._present(mat)}
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
        metadata = {
            "clock": "nominal: the files store no rate",
            "unit": "V (unverified)",
            "signal": "rectified and smoothed by the electrode",
            "exercise": self.exercise,
            "trimmed_samples": sum(cut.values()),
            "warnings": tuple(f"{field}: {count} samples cut at the end" for field, count in cut.items()),
        }
        return Header(shortest, self.base.sfreq, metadata)

    def _length(self, mat: MatFile, field: str, n_columns: int) -> int:
        """Return the number of rows of a field, after a look at its columns."""
        shape = mat.shape(field)
        if len(shape) != 2 or shape[1] != n_columns:
            raise EmgIoError(
                "wrong shape", file=self._file, place=field, expected=f"(time, {n_columns})", found=str(shape)
            )
        return shape[0]

    def _check_ids(self, mat: MatFile) -> None:
        """Compare subject and exercise with the file name, where the file has them."""
        for field, want in (("subject", self.subject), ("exercise", self.exercise)):
            if field in mat.variables and mat.read(field).ravel().tolist() != [want]:
                raise EmgIoError(
                    "file name and content disagree",
                    file=self._file,
                    place=field,
                    expected=str(want),
                    found=str(mat.read(field).ravel()[:4].tolist()),
                )

    def _track(self, mat: MatFile, name: str, n_samples: int) -> Track:
        """Read one label field: whole numbers within the set of the exercise."""
        field, labels = _TRACKS[name], name in {"label", "cue"}
        values = np.asarray(mat.read(field))[:n_samples, 0]
        limit = self.base.exercises[self.exercise - 1] if labels else self.base.n_repetitions
        wrong = np.flatnonzero(~((values >= 0) & (values <= limit)) | (values != np.floor(values)))
        if len(wrong):
            raise EmgIoError(
                "value outside its set",
                file=self._file,
                place=f"{field}, row {wrong[0]}",
                expected=f"a whole number in 0..{limit}",
                found=str(values[wrong[0]]),
            )
        whole = values.astype(np.int16)
        if not labels:
            return Track(name, whole)
        return Track(name, np.where(whole > 0, whole + self.base.offset(self.exercise), 0).astype(np.int16), MOVEMENTS)

    def _check_samples(self, emg: NDArray[np.float64]) -> None:
        """Refuse samples that no electrode of the set can give."""
        wrong = np.argwhere(~(np.abs(emg) <= self.base.limit_v))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise EmgIoError(
                "sample out of range",
                file=self._file,
                place=f"emg, row {row}, column {column}",
                expected=f"finite, at most {self.base.limit_v:g} V",
                found=str(emg[row, column]),
            )


def _claims(base: Base, members: Sequence[Member]) -> list[Member]:
    """Return the files named like a subject and exercise of a data base."""
    found = [(member, _FILE.search(member.name)) for member in members]
    return [member for member, match in found if match and 1 <= _exercise(match) <= len(base.exercises)]


def _exercise(match: re.Match[str]) -> int:
    """Return the exercise of a file name, either order."""
    return int(match["e1"] or match["e2"])


def _open(base: Base, container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: subject from its name, session from the exercise."""
    recordings = []
    for member in members:
        match = _FILE.search(member.name)
        if match is None:
            raise EmgIoError("not a NinaPro file", file=container.label(member.name), place="name")
        subject, exercise = int(match[1]), _exercise(match)
        recordings.append(
            Recording(
                subject=str(subject),
                session=f"E{exercise}",
                repetition=None,
                source=container.label(member.name),
                n_chans=base.n_chans,
                unit="V",
                scale=1.0,
                offset=0.0,
                layout=base.layout,
                uniform=True,
                reader=NinaproFile(base, container, member, subject, exercise),
            )
        )
    return recordings


def _format(base: Base, *, verified: bool) -> Format:
    """Make the registry entry of a data base."""
    return Format(
        info=FormatInfo(
            name=base.name,
            title=base.title,
            licence="free for research with citation (unverified); no redistribution terms seen",
            citation="Atzori et al., Electromyography data for non-invasive naturally-controlled robotic hand "
            "prostheses, Scientific Data 2014, 1:140053",
            doi="10.1038/sdata.2014.53",
            verified_on_real_files=verified,
            writes=True,
            n_chans=base.n_chans,
            sfreq=base.sfreq,
            unit="V",
            layout=base.layout,
            label_names=MOVEMENTS,
        ),
        claims=partial(_claims, base),
        open=partial(_open, base),
        forge=forger("ninapro"),
    )


FORMATS = (_format(DB1, verified=True),)
