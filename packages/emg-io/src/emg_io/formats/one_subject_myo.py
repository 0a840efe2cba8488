"""One-subject Myo set (LibEMG's demo data): six sessions of five gestures, twice each, and one unlabelled stream.

The class number in a file's name means nothing by itself: ``metadata.json`` beside the trials names it, and the name
counts (a peer library's own table swaps wrist flexion and extension).
Source: the set's repository (LibEMG OneSubjectMyoDataset).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording
from emg_io._source import Content, Source, Track
from emg_io.engines._json import Document, parse
from emg_io.engines._table import read_table

from ._format import Format, FormatInfo, forger
from ._myo import CLOCK, RING, SFREQ, UNIT, clipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

LABELS = {0: "hand close", 1: "hand open", 2: "no motion", 3: "wrist extension", 4: "wrist flexion"}
STREAM = "stream"
_FILE = re.compile(r"(?:^|/)(trial_\d{1,4})/R_(\d{1,4})_C_(\d{1,3})\.csv$", re.IGNORECASE)
_STREAM = re.compile(r"(?:^|/)stream/raw_emg\.csv$", re.IGNORECASE)
_NAMES = re.compile(r"(?:^|/)trial_\d{1,4}/metadata\.json$", re.IGNORECASE)


@dataclass(frozen=True)
class MyoTable(Source):
    """One file of eight columns of counts, and the file that names its class (None for the stream)."""

    container: Container
    member: Member
    names: Member | None
    trial: bool

    def load(self) -> Content:
        """Parse the file; ``raw`` is (8, time) int8 counts."""
        file = self.container.label(self.member.name)
        raw = read_table(self.container.read(self.member.name), file, dtype=np.int8, n_columns=RING.n_chans).values
        tracks = {"label": Track("label", np.full(raw.shape[1], self._label(), np.int8), LABELS)} if self.trial else {}
        return Content(tracks=tracks, raw=raw, sfreq=SFREQ, metadata=_metadata(raw))

    def _label(self) -> int:
        """Return the number of the class that ``metadata.json`` names for this file."""
        if self.names is None:
            label = self.container.label(self.member.name)
            raise EmgIoError("nothing names this class", file=label, place="metadata.json", found="no such file")
        file, wanted = self.container.label(self.names.name), _tail(self.member.name)
        said = _entry(parse(self.container.read(self.names.name), file), wanted)
        match = _FILE.search(self.member.name)
        numbers = None if match is None else (int(match[2]), int(match[3]))
        found = (said.get("rep_idx"), said.get("class_idx"))
        if found != numbers:
            rule = f"rep_idx, class_idx {numbers}"
            raise EmgIoError(
                "disagrees with the file's name", file=file, place=wanted, expected=rule, found=_show(found)
            )
        name = said.get("class_name")
        for label_id, meaning in LABELS.items():
            if isinstance(name, str) and name.replace("_", " ").casefold() == meaning:
                return label_id
        rule = ", ".join(LABELS.values())
        raise EmgIoError("unknown class", file=file, place=wanted, expected=rule, found=_show(name))


def _entry(document: Document, wanted: str) -> Mapping[str, object]:
    """Return what a file says of the trial whose path ends like this one."""
    entries = document.tree.items() if isinstance(document.tree, dict) else ()
    found = [entry for key, entry in entries if _tail(key.replace("\\", "/")) == wanted]
    if len(found) != 1 or not isinstance(found[0], dict):
        number = str(len(found))
        raise EmgIoError("does not name a trial once", file=document.file, place=wanted, expected="1", found=number)
    return found[0]


def _metadata(raw: NDArray[np.int8]) -> dict[str, object]:
    """Return remarks."""
    return {"clock": CLOCK, "unit": UNIT, "clipped": clipped(raw)}


def _tail(name: str) -> str:
    """Return the last two parts of a path, in small letters."""
    return "/".join(name.casefold().split("/")[-2:])


def _show(value: object) -> str:
    """Return a value for a message: short, printable."""
    return ascii(value)[:80]


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return trials, their names, and the stream beside them."""
    if not any(_FILE.search(member.name) for member in members):
        return []
    return [member for member in members if any(kind.search(member.name) for kind in (_FILE, _NAMES, _STREAM))]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a table: session from its folder, class and repetition from its name."""
    names = {_folder(member): member for member in members if _NAMES.search(member.name)}
    recordings = []
    for member in members:
        match = _FILE.search(member.name)
        if match is not None:
            reader = MyoTable(container, member, names.get(_folder(member)), trial=True)
            recordings.append(_recording(reader, match[1].lower(), f"class_{int(match[3])}", int(match[2])))
        elif _STREAM.search(member.name):
            recordings.append(_recording(MyoTable(container, member, None, trial=False), STREAM, STREAM, None))
    return recordings


def _folder(member: Member) -> str:
    """Return the folder of a file."""
    return member.name.rpartition("/")[0]


def _recording(reader: MyoTable, session: str, task: str, repetition: int | None) -> Recording:
    """Make the lazy recording of one table."""
    return Recording(
        subject="1",
        session=session,
        repetition=repetition,
        source=reader.container.label(reader.member.name),
        n_chans=RING.n_chans,
        unit="adc",
        scale=1.0,
        offset=0.0,
        layout=RING,
        uniform=True,
        reader=reader,
        task=task,
    )


FORMAT = Format(
    info=FormatInfo(
        name="one-subject-myo",
        title="OneSubjectMyoDataset (LibEMG)",
        licence="none stated",
        citation="LibEMG OneSubjectMyoDataset; Eddy et al., LibEMG, IEEE Access 2023",
        doi="none known",
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
    forge=forger("one_subject_myo"),
)
