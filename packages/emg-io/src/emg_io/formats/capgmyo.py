"""CapgMyo DB-a, DB-b, DB-c: 128 electrodes round the forearm, one file a trial; one reader, a table.

Files are called ``SSS-GGG-TTT.mat``: subject, gesture, trial. In DB-b one person has two subject numbers,
``2 * (person - 1) + session``: the reader gives the person as subject and 1 or 2 as session, so that a split by
subject never sees a person twice (the number of the file is in the metadata). Gestures 100 and 101 are maximum-force
trials: their task is ``"mvc 100"`` or ``"mvc 101"``, and they have no label, so that they never become classes.
The three sets share file names; they are told apart by the publisher's folders (``dba-preprocessed-001``) or by numbers
that only one of them has.
Source: Geng et al., Scientific Reports 2016, 6:36571; Du et al., Sensors 2017, 17(3):458.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Header, Source, Track
from emg_io.engines._mat import open_mat

from ._format import Format, FormatInfo, forger, named
from ._ninapro_names import MOVEMENTS_52
from ._remarks import NOMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat

SFREQ = 1000.0
SCALE_MV = 2.5
N_CHANS = 128
MVC = (100, 101)
_N_TRIALS = 10
_MAX_RAW = 4.0  # four times full scale: filters overshoot, but never that far
_FILE = re.compile(r"(?:^|/)(\d{3})-(\d{3})-(\d{3})\.mat$", re.IGNORECASE)
_FOLDER = re.compile(r"(?:^|[^a-z0-9])db-?([abc])(?![a-z])", re.IGNORECASE)
LAYOUT = Layout.grid(
    np.arange(N_CHANS).reshape(16, 8),
    circular=(True, False),
    description="eight modules of 2 x 8 round the right forearm: rows close into a ring, columns run along the arm",
)


@dataclass(frozen=True)
class Part:
    """One of the three sets.

    Attributes
    ----------
    letter
        ``"a"``, ``"b"`` or ``"c"``.
    n_ids
        Subject numbers that occur in file names.
    names
        Gestures by label.
    sessions
        Subject numbers per person.
    """

    letter: str
    n_ids: int
    names: Mapping[int, str] = field(repr=False, hash=False)
    sessions: int = 1


_HAND = {gesture: MOVEMENTS_52[12 + gesture] for gesture in range(1, 9)}
_FINGERS = {gesture: MOVEMENTS_52[gesture] for gesture in range(1, 13)}
PARTS = (Part("a", 18, _HAND), Part("b", 20, _HAND, sessions=2), Part("c", 10, _FINGERS))


class Name(NamedTuple):
    """What a file name says: subject number, gesture, trial."""

    number: int
    gesture: int
    trial: int


@dataclass(frozen=True)
class CapgFile(Source):
    """One trial."""

    part: Part
    container: Container
    member: Member
    name: Name

    def scan(self) -> Header:
        """Read the tags only."""
        with self.container.open(self.member.name) as stream:
            return self._header(open_mat(stream, self.member.size, self._file))

    def load(self) -> Content:
        """Read the trial; ``raw`` is (128, frames), 1 being full scale."""
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, self._file)
            header = self._header(mat)
            self._check_ids(mat)
            data = mat.read("data")
        self._check_samples(data)
        tracks = {}
        if self.name.gesture not in MVC:
            labels = np.full(len(data), self.name.gesture, np.int16)
            tracks["label"] = Track("label", labels, self.part.names)
        raw = np.ascontiguousarray(data.T)
        return Content(tracks=tracks, raw=raw, sfreq=SFREQ, metadata=header.metadata)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    def _header(self, mat: Mat) -> Header:
        """Check the shape and say what is known."""
        shape, kind = mat.shape("data"), mat.node("data").kind
        if len(shape) != 2 or shape[1] != N_CHANS or not shape[0] or not kind.startswith("f"):
            raise EmgIoError(
                "not a trial of CapgMyo",
                file=self._file,
                place="data",
                expected=f"floats (frames, {N_CHANS})",
                found=f"{kind} {shape}",
            )
        metadata: dict[str, object] = {
            "clock": NOMINAL,
            "unit": "raw +-1 is +-2.5 mV (publisher's description, unverified)",
            "signal": "preprocessed by the publisher: band 20-380 Hz, usually the middle second",
            "subject_number": self.name.number,
        }
        if self.part.sessions > 1:
            metadata["subject"] = "a person; subject_number is 2 * (person - 1) + session"
        return Header(shape[0], SFREQ, metadata)

    def _check_ids(self, mat: Mat) -> None:
        """Compare subject, gesture and trial with the file name, where the file has them.

        In DB-b the subject may be written as the person or as the number that counts recordings.
        """
        for place, want in zip(("subject", "gesture", "trial"), self.name, strict=True):
            if place not in mat.variables:
                continue
            shape = mat.shape(place)
            found = mat.read(place).ravel().tolist() if shape == (1, 1) else shape
            person = (self.name.number - 1) // self.part.sessions + 1
            if found != [want] and not (place == "subject" and found == [person]):
                raise EmgIoError(
                    "file name and content disagree",
                    file=self._file,
                    place=place,
                    expected=str(want),
                    found=str(found),
                )

    def _check_samples(self, data: NDArray[np.generic]) -> None:
        """Refuse samples far beyond full scale, and what is no number."""
        if data.min() >= -_MAX_RAW and data.max() <= _MAX_RAW:
            return
        row, column = np.argwhere(~(np.abs(data) <= _MAX_RAW))[0].tolist()
        raise EmgIoError(
            "sample out of range",
            file=self._file,
            place=f"data, row {row}, column {column}",
            expected=f"finite, at most {_MAX_RAW:g} times full scale",
            found=str(data[row, column]),
        )


def _probe(part: Part, container: Container, members: Sequence[Member]) -> bool:
    """Tell the sets apart by numbers that not all of them have, and by the publisher's folders."""
    if any(_parsed(part, member.name) is None for member in members):
        return False
    letters = {letter for member in members for letter in _letters(member.name)} or set(_letters(container.path.name))
    return not letters or letters == {part.letter}


def _letters(path: str) -> list[str]:
    """Return the letters of the sets that a path names."""
    return [letter.casefold() for letter in _FOLDER.findall(path)]


def _parsed(part: Part, path: str) -> Name | None:
    """Return what a file name says, None where the set has no such trial."""
    match = _FILE.search(path)
    if match is None:
        return None
    name = Name(int(match[1]), int(match[2]), int(match[3]))
    known = 1 <= name.number <= part.n_ids and 1 <= name.trial <= _N_TRIALS
    return name if known and (name.gesture in part.names or name.gesture in MVC) else None


def _open(part: Part, container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    return [_recording(part, container, member) for member in members]


def _recording(part: Part, container: Container, member: Member) -> Recording:
    """Make the lazy recording of one trial."""
    name, file = _parsed(part, member.name), container.label(member.name)
    if name is None:
        raise EmgIoError(
            f"no such trial in DB-{part.letter}: is it another part of CapgMyo?",
            file=file,
            place="name",
            expected=f"subject 1..{part.n_ids}, gesture 1..{len(part.names)} or 100, 101, trial 1..{_N_TRIALS}",
            found=member.name.rsplit("/", 1)[-1],
        )
    person, session = divmod(name.number - 1, part.sessions)
    return Recording(
        subject=str(person + 1),
        session=str(session + 1),
        repetition=name.trial,
        source=file,
        n_chans=N_CHANS,
        unit="mV",
        scale=SCALE_MV,
        offset=0.0,
        layout=LAYOUT,
        uniform=True,
        reader=CapgFile(part, container, member, name),
        task=part.names.get(name.gesture, f"mvc {name.gesture}"),
    )


def _format(part: Part) -> Format:
    """Make the registry entry of a part."""
    return Format(
        info=FormatInfo(
            name=f"capgmyo-{part.letter}",
            title=f"CapgMyo DB-{part.letter}",
            licence="not established",
            citation="Du et al., Surface EMG-based inter-session gesture recognition enhanced by deep domain "
            "adaptation, Sensors 2017, 17(3):458",
            doi="10.3390/s17030458",
            verified_on_real_files=False,
            writes=True,
            n_chans=N_CHANS,
            sfreq=SFREQ,
            unit="mV",
            layout=LAYOUT,
            label_names=part.names,
        ),
        claims=named(_FILE),
        open=partial(_open, part),
        forge=forger("capgmyo", letter=part.letter),
        probe=partial(_probe, part),
    )


FORMATS = tuple(_format(part) for part in PARTS)
