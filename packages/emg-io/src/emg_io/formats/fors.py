"""FORS-EMG: twelve gestures in three orientations of the forearm, one MAT file a trial, channels first.

Folders and gestures are matched whatever their capitals; ``Ulner_Deviation``, as some files are called, is ulnar
deviation. The task names gesture and orientation.
Source: Rumman et al., arXiv:2409.07484.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Header, Source, Track
from emg_io.engines._mat import open_mat

from ._format import Format, FormatInfo, forger, named
from ._remarks import NO_UNIT, NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat

SFREQ = 985.0
N_CHANS = 8
ORIENTATIONS = ("rest", "pronation", "supination")
GESTURES = (
    "Thumb_UP",
    "Index",
    "Right_Angle",
    "Peace",
    "Index_Little",
    "Thumb_Little",
    "Hand_Close",
    "Hand_Open",
    "Wrist_Flexion",
    "Wrist_Extension",
    "Ulnar_Deviation",
    "Radial_Deviation",
)
LABELS = {number: name.replace("_", " ").casefold() for number, name in enumerate(GESTURES, 1)}
LAYOUT = Layout.unplaced(N_CHANS, "eight electrodes at elbow and mid-forearm; which is where is not known")
_N_SUBJECTS, _N_TRIALS = 19, 5
_SPELT = {"ulner deviation": "ulnar deviation"}
_FILE = re.compile(rf"(?:^|/)Subject(\d{{1,3}})/({'|'.join(ORIENTATIONS)})/([^/]+)-(\d{{1,2}})\.mat$", re.IGNORECASE)


class Name(NamedTuple):
    """What a path says."""

    subject: int
    orientation: str
    label: int
    trial: int


@dataclass(frozen=True)
class ForsFile(Source):
    """One trial."""

    container: Container
    member: Member
    name: Name

    def scan(self) -> Header:
        """Read the tags only."""
        with self.container.open(self.member.name) as stream:
            return self._header(open_mat(stream, self.member.size, self._file))

    def load(self) -> Content:
        """Read the trial; ``raw`` is (8, time) as stored."""
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, self._file)
            header = self._header(mat)
            raw = np.ascontiguousarray(mat.read("value"))
        wrong = np.argwhere(~np.isfinite(raw))
        if len(wrong):
            channel, sample = wrong[0].tolist()
            raise EmgIoError(
                "sample is no number",
                file=self._file,
                place=f"value, row {channel}, column {sample}",
                expected="a finite number",
                found=str(raw[channel, sample]),
            )
        labels = Track("label", np.full(raw.shape[1], self.name.label, np.int16), LABELS)
        return Content(tracks={"label": labels}, raw=raw, sfreq=SFREQ, metadata=header.metadata)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    def _header(self, mat: Mat) -> Header:
        """Check the shape and say what is known."""
        shape = mat.shape("value")
        if len(shape) != 2 or shape[0] != N_CHANS or not shape[1]:
            raise EmgIoError(
                "wrong shape: channels come first in this set",
                file=self._file,
                place="value",
                expected=f"({N_CHANS}, time)",
                found=str(shape),
            )
        metadata = {
            "clock": NOMINAL,
            "unit": NO_UNIT,
            "orientation": self.name.orientation,
        }
        return Header(shape[1], SFREQ, metadata)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    return [_recording(container, member) for member in members]


def _recording(container: Container, member: Member) -> Recording:
    """Make the lazy recording of one trial."""
    file, name = container.label(member.name), _parsed(member.name)
    if name is None:
        raise EmgIoError(
            "no such trial in FORS-EMG",
            file=file,
            place="name",
            expected=f"subject 1..{_N_SUBJECTS}, one of {', '.join(GESTURES)}, trial 1..{_N_TRIALS}",
            found=member.name,
        )
    return Recording(
        subject=str(name.subject),
        session="1",
        repetition=name.trial,
        source=file,
        n_chans=N_CHANS,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=LAYOUT,
        uniform=True,
        reader=ForsFile(container, member, name),
        task=f"{LABELS[name.label]}, {name.orientation}",
    )


def _parsed(path: str) -> Name | None:
    """Return what a path says, None where the set has no such trial."""
    match = _FILE.search(path)
    if match is None:
        return None
    spelt = match[3].replace("_", " ").casefold()
    label = next((number for number, name in LABELS.items() if name == _SPELT.get(spelt, spelt)), 0)
    name = Name(int(match[1]), match[2].casefold(), label, int(match[4]))
    return name if label and 1 <= name.subject <= _N_SUBJECTS and 1 <= name.trial <= _N_TRIALS else None


FORMAT = Format(
    info=FormatInfo(
        name="fors-emg",
        title="FORS-EMG",
        licence="not established",
        citation="Rumman et al., FORS-EMG: A Novel sEMG Dataset for Hand Gesture Recognition Across Multiple Forearm "
        "Orientations, arXiv:2409.07484, 2024",
        doi="10.48550/arXiv.2409.07484",
        verified_on_real_files=False,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="unknown",
        layout=LAYOUT,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("fors"),
)
