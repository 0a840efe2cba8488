"""Myo armband dataset of Côté-Allard et al.: seven gestures, headerless int16, two parts recorded months apart.

The part belongs to the subject's name (``"EvaluationDataset/Female0"``), because the same names mean other people in
the other part, with one known exception: ``EvaluationDataset/Female0`` holds, byte for byte, what
``PreTrainingDataset`` holds as Female7 (training0), Female8 (Test0) and Female9 (Test1). Pre-training on all of the
first part therefore sees an evaluation subject: leave those three out; `Dataset.duplicates` finds them.
Source: Côté-Allard et al., IEEE TNSRE 2019, 27(4):760.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording
from emg_io._source import Annotations, Header, RandomAccess, Track

from ._format import Format, FormatInfo, forger
from ._myo import CLOCK, COUNT_MAX, COUNT_MIN, RING, SFREQ, UNIT, clipped
from ._remarks import Remarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

LABELS = {
    0: "neutral",
    1: "radial deviation",
    2: "wrist flexion",
    3: "ulnar deviation",
    4: "wrist extension",
    5: "hand close",
    6: "hand open",
}
PARTS = ("PreTrainingDataset", "EvaluationDataset")
SESSIONS = ("training0", "Test0", "Test1")
_N_FILES = 28
_ROW_BYTES = 16
_MAX_SHEET_BYTES = 65_536
_FOLDER = rf"(?:^|/)({'|'.join(PARTS)})/((?:Female|Male)\d{{1,3}})/"
_FILE = re.compile(rf"{_FOLDER}({'|'.join(SESSIONS)})/classe_(\d{{1,2}})\.dat$", re.IGNORECASE)
_SHEET = re.compile(rf"{_FOLDER}experiment\.csv$", re.IGNORECASE)


@dataclass(frozen=True)
class MyoDat(RandomAccess):
    """One trial: eight interleaved channels of little-endian int16; ``sheet`` is the person's experiment.csv."""

    container: Container
    member: Member
    sheet: Member | None
    label: int

    def scan(self) -> Header:
        """Tell the length from the size of the file."""
        n_samples, rest = divmod(self.member.size, _ROW_BYTES)
        if rest or not n_samples:
            raise EmgIoError(
                "not whole rows of eight int16: file is cut off or of another kind",
                file=self.container.label(self.member.name),
                place="size",
                expected=f"a multiple of {_ROW_BYTES} bytes, more than 0",
                found=str(self.member.size),
            )
        person = {} if self.sheet is None else experiment(self.container, self.sheet)
        later = {"clipped": lambda: clipped(self.samples(0, n_samples))}
        return Header(n_samples, SFREQ, Remarks({"clock": CLOCK, "unit": UNIT, "person": person}, later))

    def samples(self, start: int, stop: int) -> NDArray[np.int16]:
        """Read rows ``start`` to ``stop``; a value that no armband sends raises."""
        with self.container.open(self.member.name) as stream:
            stream.seek(start * _ROW_BYTES)
            data = stream.read((stop - start) * _ROW_BYTES)
        if len(data) != (stop - start) * _ROW_BYTES:
            raise EmgIoError(
                "file is shorter than when it was listed",
                file=self.container.label(self.member.name),
                place=f"byte {start * _ROW_BYTES + len(data)}",
                expected=f"{self.member.size} bytes",
            )
        counts = np.frombuffer(data, "<i2").reshape(-1, 8)
        odd = np.argwhere((counts < COUNT_MIN) | (counts > COUNT_MAX))
        if len(odd):
            row, channel = odd[0].tolist()
            raise EmgIoError(
                "not a Myo count",
                file=self.container.label(self.member.name),
                place=f"sample {start + row}, channel {channel + 1}",
                expected=f"{COUNT_MIN}..{COUNT_MAX}",
                found=str(counts[row, channel]),
            )
        return np.ascontiguousarray(counts.T, np.int16)

    def read_annotations(self) -> Annotations:
        """Label every sample with the trial's gesture."""
        labels = np.full(self.header().n_samples, self.label, np.int8)
        return Annotations(None, {"label": Track("label", labels, LABELS)})


@lru_cache(maxsize=256)
def experiment(container: Container, sheet: Member) -> dict[str, list[str]]:
    """Return what the person's ``experiment.csv`` says: the cells that are filled, by key, keys spelt as they are.

    Rows are ragged and values stand in the second or third column, so positions mean nothing.
    """
    if sheet.size > _MAX_SHEET_BYTES:
        raise EmgIoError(
            "too large for a sheet about one person",
            file=container.label(sheet.name),
            place="size",
            expected=f"<= {_MAX_SHEET_BYTES} bytes",
            found=str(sheet.size),
        )
    lines = container.read(sheet.name).decode("utf-8-sig", "replace").splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return {row[0]: [cell for cell in row[1:] if cell] for row in rows if row[0]}


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return trials, and the sheets of people who have some."""
    trials = [member for member in members if _FILE.search(member.name)]
    people = {_person(member) for member in trials}
    return [m for m in members if _FILE.search(m.name) or (_SHEET.search(m.name) and _person(m) in people)]


def _person(member: Member) -> str:
    """Return the folder of a trial's or a sheet's person."""
    found = re.search(_FOLDER, member.name, re.IGNORECASE)
    return member.name[: found.end()].casefold() if found else ""


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    sheets = {_person(member): member for member in members if _SHEET.search(member.name)}
    return [
        _recording(container, member, match, sheets.get(_person(member)))
        for member in members
        if (match := _FILE.search(member.name))
    ]


def _recording(container: Container, member: Member, match: re.Match[str], sheet: Member | None) -> Recording:
    """Make the lazy recording of one trial: gesture and repetition come from the number in its name."""
    part, person, session, digits = match.groups()
    if int(digits) >= _N_FILES:
        raise EmgIoError(
            "no such trial in the set",
            file=container.label(member.name),
            place="name",
            expected=f"classe_0.dat to classe_{_N_FILES - 1}.dat",
            found=f"classe_{digits}.dat",
        )
    repetition, label = divmod(int(digits), len(LABELS))
    return Recording(
        subject=f"{_spelt(part, PARTS)}/{person[0].upper()}{person[1:].lower()}",
        session=_spelt(session, SESSIONS),
        repetition=repetition,
        source=container.label(member.name),
        n_chans=8,
        unit="adc",
        scale=1.0,
        offset=0.0,
        layout=RING,
        uniform=True,
        reader=MyoDat(container, member, sheet, label),
        task=LABELS[label],
    )


def _spelt(name: str, known: tuple[str, ...]) -> str:
    """Return a name in the set's own capitals."""
    return next(word for word in known if word.casefold() == name.casefold())


FORMAT = Format(
    info=FormatInfo(
        name="myo-armband",
        title="MyoArmbandDataset (Côté-Allard et al.)",
        licence="GPL-3.0",
        citation="Côté-Allard et al., IEEE TNSRE 2019, 27(4):760-771",
        doi="10.1109/TNSRE.2019.2896269",
        verified_on_real_files=True,
        writes=True,
        n_chans=8,
        sfreq=SFREQ,
        unit="adc",
        layout=RING,
        label_names=LABELS,
    ),
    claims=_claims,
    open=_open,
    forge=forger("myo_armband"),
)
