"""Myo readings: eight minutes of a Myo armband a session, one file a gesture, the label in the last column.

File k alternates label 0 and k in blocks of about five seconds, starting with 0; file 0 is label 0 throughout. Label 0
holds small movements, so it is no pure rest. An older edition of the set numbered the classes otherwise.
Source: the set's own description (myo-readings-dataset, MIT licence).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording, runs
from emg_io._source import Content, Source, Track
from emg_io.engines._table import read_table
from emg_io.engines._table_head import Dialect, read_head

from ._format import Format, FormatInfo, forger, named
from ._myo import CLOCK, RING, SFREQ, UNIT, clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

NOMINAL_S = 60.0
N_CHANS = 8
LABELS = {
    0: "hibernation",
    1: "flexion",
    2: "extension",
    3: "radial deviation",
    4: "ulnar deviation",
    5: "pronation",
    6: "supination",
    7: "fist",
}
_FILE = re.compile(r"(?:^|/)(\d{1,9})-(\d{1,4})/(\d)\.txt$", re.IGNORECASE)
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class MyoReadings(Source):
    """One file: rows of eight counts and a label."""

    container: Container
    member: Member
    gesture: int

    def load(self) -> Content:
        """Parse the file; ``raw`` is (8, time) int8 counts."""
        file = self.container.label(self.member.name)
        values = read_table(self.container.read(self.member.name), file, dtype=np.int8, n_columns=N_CHANS + 1).values
        labels = np.ascontiguousarray(values[N_CHANS])
        foreign = np.flatnonzero((labels != 0) & (labels != self.gesture))
        if len(foreign):
            raise EmgIoError(
                "label that does not belong to this file",
                file=file,
                place=f"line {foreign[0] + 1}, column {N_CHANS + 1}",
                expected=" or ".join(map(str, sorted({0, self.gesture}))),
                found=str(labels[foreign[0]]),
            )
        metadata = {
            "clock": CLOCK,
            "unit": UNIT,
            "rows_per_second": len(labels) / NOMINAL_S,
            "nominal_s": NOMINAL_S,
            "clipped": clipped(values[:N_CHANS]),
        }
        tracks = {"label": Track("label", labels, LABELS), "repetition": Track("repetition", _turns(labels))}
        return Content(tracks=tracks, raw=values[:N_CHANS].copy(), sfreq=SFREQ, metadata=metadata)


def _turns(labels: NDArray[np.integer]) -> NDArray[np.int16]:
    """Count the blocks of the gesture, 1, 2, ...; 0 in between."""
    numbers, seen = np.zeros(len(labels), np.int16), 0
    for start, stop, value in runs(labels):
        if value:
            seen += 1
            numbers[start:stop] = seen
    return numbers


def _probe(container: Container, members: Sequence[Member]) -> bool:
    """Tell whether the first file has nine columns; damaged files are claimed."""
    name = members[0].name
    with container.open(name) as stream:
        start = stream.read(_HEAD_BYTES)
    try:
        return read_head(start, container.label(name), Dialect()).n_columns == N_CHANS + 1
    except EmgIoError:
        return True


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: person and recording from its folder, gesture from its name."""
    return [
        _recording(container, member, match) for member in members if (match := _FILE.search(member.name)) is not None
    ]


def _recording(container: Container, member: Member, match: re.Match[str]) -> Recording:
    """Make the lazy recording of one file."""
    subject, session, gesture = match.groups()
    if int(gesture) not in LABELS:
        raise EmgIoError(
            "no such gesture in the set",
            file=container.label(member.name),
            place="name",
            expected="0.txt to 7.txt",
            found=f"{gesture}.txt",
        )
    return Recording(
        subject=subject,
        session=session,
        repetition=None,
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="adc",
        scale=1.0,
        offset=0.0,
        layout=RING,
        uniform=True,
        reader=MyoReadings(container, member, int(gesture)),
        task=LABELS[int(gesture)],
    )


FORMAT = Format(
    info=FormatInfo(
        name="myo-readings",
        title="Myo readings data set",
        licence="MIT",
        citation="myo-readings-dataset: Myo armband electromyographic readings of wrist gestures",
        doi="none known",
        verified_on_real_files=True,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="adc",
        layout=RING,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("myo_readings"),
    probe=_probe,
)
