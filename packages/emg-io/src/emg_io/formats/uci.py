"""UCI "EMG data for gestures": a Myo armband logged by sample-and-hold, 36 subjects, two series each.

Rows carry irregular millisecond stamps, some 950 a second, but the eight values change only about 104 times a second.
The reader keeps the stamps and every row; `Recording.resample` makes a uniform clock of them. A last row without its
line ending is read where it is whole, which ``metadata["last_line_ended"]`` tells. One file is published with its last
row cut off (``34/1_raw_data_10-51_07.04.16.txt``, by public loaders; unverified here): that row is left out and said.
Source: Lobov, Krilova, Kastalskiy, Kazantsev, Makarov, Sensors 2018, 18(4):1122.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording, runs
from emg_io._source import Content, Source, Track
from emg_io.engines._uci_repeats import parse

from ._format import Format, FormatInfo, forger, named
from ._myo import RING, clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

SCALE_V = 1e-5
LABELS = {
    0: "unmarked",
    1: "rest",
    2: "fist",
    3: "wrist flexion",
    4: "wrist extension",
    5: "radial deviation",
    6: "ulnar deviation",
    7: "extended palm",
}
_PUBLISHED_CUT = re.compile(r"(?:^|/)34/1_raw_data_10-51_07\.04\.16\.txt$", re.IGNORECASE)
_FILE = re.compile(r"(?:^|/)(\d{1,4})/([12])_raw_data_[^/]*\.txt$", re.IGNORECASE)


@dataclass(frozen=True)
class UciFile(Source):
    """One text file of the set, folder or archive."""

    container: Container
    member: Member

    def load(self) -> Content:
        """Parse the file; ``raw`` is (8, time) int8 counts."""
        file = self.container.label(self.member.name)
        data = self.container.read(self.member.name)
        tail = _cut_bytes(self.member.name, data)
        data = data[: len(data) - tail]
        stamps, counts, classes = parse(data, file)
        changes = np.flatnonzero(np.any(counts[:, 1:] != counts[:, :-1], axis=0))
        span_s = int(stamps[-1] - stamps[0]) / 1e3
        if not len(changes):
            raise EmgIoError(
                "signal never changes", file=file, place="channels", expected="readings", found="one repeated reading"
            )
        tracks = {"label": Track("label", classes, LABELS), "repetition": Track("repetition", occurrences(classes))}
        metadata = {
            "clock": "sample-and-hold log with stamps in ms; sfreq is the rate of distinct readings",
            "rows_per_second": (len(stamps) - 1) / span_s,
            "largest_step_s": int(np.diff(stamps).max()) / 1e3,
            "clipped": clipped(counts),
            "unit": "nominally volts (unverified): Myo count x 1e-5",
            "last_line_ended": data.endswith(b"\n") and not tail,
            "warnings": (f"last row is cut off as published: {tail} bytes left out",) if tail else (),
        }
        return Content(stamps / 1e3, tracks, raw=counts, sfreq=len(changes) / span_s, metadata=metadata)


def _cut_bytes(name: str, data: bytes) -> int:
    """Return the length of a last row that is published without all its columns."""
    tail = data[data.rfind(b"\n") + 1 :]
    return len(tail) if _PUBLISHED_CUT.search(name) and tail.count(b"\t") < 9 else 0


def occurrences(labels: NDArray[np.integer]) -> NDArray[np.int16]:
    """Count the runs of each label, 1, 2, ... within that label; samples labelled 0 get 0."""
    numbers, seen = np.zeros(len(labels), np.int16), dict[int, int]()
    for start, stop, value in runs(labels):
        if value:
            seen[value] = seen.get(value, 0) + 1
            numbers[start:stop] = seen[value]
    return numbers


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: subject from its folder, session from the series number."""
    return [_recording(container, member) for member in members]


def _recording(container: Container, member: Member) -> Recording:
    """Make the lazy recording of one file."""
    match = _FILE.search(member.name)
    if match is None:
        raise EmgIoError("not a UCI recording", file=container.label(member.name), place="name")
    subject, series = match.groups()
    return Recording(
        subject=subject,
        session=series,
        repetition=None,
        source=container.label(member.name),
        n_chans=8,
        unit="V",
        scale=SCALE_V,
        offset=0.0,
        layout=RING,
        uniform=False,
        reader=UciFile(container, member),
    )


FORMAT = Format(
    info=FormatInfo(
        name="uci",
        title="EMG data for gestures (UCI 481)",
        licence="CC BY 4.0 (believed, unverified)",
        citation="Lobov, Krilova, Kastalskiy, Kazantsev, Makarov, Sensors 2018, 18(4):1122",
        doi="10.3390/s18041122",
        verified_on_real_files=True,
        writes=True,
        n_chans=8,
        sfreq=100.0,
        unit="V",
        layout=RING,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("uci"),
)
