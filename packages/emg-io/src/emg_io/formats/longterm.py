"""Long-term sEMG, 8 channels: five people on thirty days, 22 motions, clips of a second and a half.

The armband sits in one of three places, which the design prescribes day by day. A clip stands alone: windows must not
cross clips. Names of the motions are published for the first two only.
Source: Kanoga, Kanemura, Asoh, Biomedical Signal Processing and Control 2020, 60:101981, and the set's own programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Source, Track
from emg_io.engines._table import read_table
from emg_io.engines._table_head import Dialect

from ._format import Format, FormatInfo, forger, named
from ._remarks import NO_UNIT, NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member

SFREQ = 200.0
N_CHANS = 8
NOMINAL_SAMPLES = 300
POSITIONS = "NIONIIOONNONNOOIIINOOIOIINNINO"  # of the armband, day 1 to 30
LABELS = {1: "rest", 2: "wrist flexion", **{n: f"motion {n}" for n in range(3, 23)}}
N_TRIALS = 4
LIMIT = 100.0
_CLOSED = Dialect(closed=True)
RING = Layout.ring(N_CHANS, "armband of eight electrodes round the forearm; its place differs between days")
_FILE = re.compile(r"(?:^|/)sub(\d{1,3})/day(\d{1,3})/D(\d{1,3})M(\d{1,3})T(\d{1,3})\.csv$", re.IGNORECASE)


@dataclass(frozen=True)
class LongTermText(Source):
    """One clip: rows of eight decimals."""

    container: Container
    member: Member
    day: int
    motion: int

    def load(self) -> Content:
        """Parse the file; ``raw`` is (8, time) float64 as stored."""
        file = self.container.label(self.member.name)
        raw = read_table(self.container.read(self.member.name), file, _CLOSED, n_columns=N_CHANS).values
        wild = np.argwhere(np.abs(raw) > LIMIT)
        if len(wild):
            channel, row = wild[0].tolist()
            raise EmgIoError(
                "sample out of range",
                file=file,
                place=f"line {row + 1}, column {channel + 1}",
                expected=f"at most {LIMIT:g}",
                found=str(raw[channel, row]),
            )
        n_samples = raw.shape[1]
        metadata = {
            "clock": NOMINAL,
            "unit": NO_UNIT,
            "position": POSITIONS[self.day - 1],
            "nominal_samples": NOMINAL_SAMPLES,
            "short": n_samples < NOMINAL_SAMPLES,
        }
        tracks = {"label": Track("label", np.full(n_samples, self.motion, np.int8), LABELS)}
        return Content(tracks=tracks, raw=raw, sfreq=SFREQ, metadata=metadata)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: person and day from its folders, motion and trial from its name."""
    return [
        _recording(container, member, match) for member in members if (match := _FILE.search(member.name)) is not None
    ]


def _recording(container: Container, member: Member, match: re.Match[str]) -> Recording:
    """Make the lazy recording of one clip; the day stands in its folder and in its name."""
    subject, folder_day, day, motion, trial = map(int, match.groups())
    if day != folder_day or not (1 <= day <= len(POSITIONS) and motion in LABELS and trial >= 1):
        raise EmgIoError(
            "no such clip in the set",
            file=container.label(member.name),
            place="name",
            expected=f"the same day 1..{len(POSITIONS)} twice, motion 1..{len(LABELS)}, trial 1..{N_TRIALS}",
            found=match[0].lstrip("/"),
        )
    return Recording(
        subject=str(subject),
        session=f"day{day}",
        repetition=trial,
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=RING,
        uniform=True,
        reader=LongTermText(container, member, day, motion),
        task=LABELS[motion],
    )


FORMAT = Format(
    info=FormatInfo(
        name="longterm-8ch",
        title="Wearable-sensor long-term sEMG data set",
        licence="Apache-2.0",
        citation="Kanoga, Kanemura, Asoh, Are armband sEMG devices dense enough for long-term use?, "
        "Biomedical Signal Processing and Control 2020, 60:101981",
        doi="10.1016/j.bspc.2020.101981",
        verified_on_real_files=True,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="unknown",
        layout=RING,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("longterm"),
)
