"""3DC: ten dry electrodes of a printed armband, eleven gestures, each trial a text file of integers.

``train`` holds the first four cycles and ``test`` the last four, after a pause; both are of one person, so they are
sessions. Trials are nominally five seconds, but some are far shorter: nothing is padded, `metadata` flags them.
Source: Côté-Allard et al., Frontiers in Bioengineering and Biotechnology 2020, 8:158.
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

from ._format import Format, FormatInfo, forger, named
from ._remarks import NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member

SFREQ = 1000.0
N_CHANS = 10
NOMINAL_SAMPLES = 5000
SESSIONS = ("train", "test")
LABELS = {
    0: "neutral",
    1: "radial deviation",
    2: "wrist flexion",
    3: "ulnar deviation",
    4: "wrist extension",
    5: "supination",
    6: "pronation",
    7: "power grip",
    8: "open hand",
    9: "chuck grip",
    10: "pinch grip",
}
RING = Layout.ring(N_CHANS, "3DC armband, ten electrodes round the forearm")
_FILE = re.compile(
    r"(?:^|/)Participant(\d{1,4})/(train|test)/EMG/3dc_EMG_gesture_(\d{1,2})_(\d{1,2})\.txt$", re.IGNORECASE
)


@dataclass(frozen=True)
class ThreeDcText(Source):
    """One trial: rows of ten integers."""

    container: Container
    member: Member
    label: int

    def load(self) -> Content:
        """Parse the file; ``raw`` is (10, time) int16 as stored."""
        file = self.container.label(self.member.name)
        raw = read_table(self.container.read(self.member.name), file, dtype=np.int16, n_columns=N_CHANS).values
        n_samples = raw.shape[1]
        metadata = {
            "clock": NOMINAL,
            "unit": "counts of the converter; their size in volts is not stated",
            "nominal_samples": NOMINAL_SAMPLES,
            "short": n_samples < NOMINAL_SAMPLES,
        }
        tracks = {"label": Track("label", np.full(n_samples, self.label, np.int8), LABELS)}
        return Content(tracks=tracks, raw=raw, sfreq=SFREQ, metadata=metadata)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: person and part from its folders, repetition and gesture from its name."""
    return [
        _recording(container, member, match) for member in members if (match := _FILE.search(member.name)) is not None
    ]


def _recording(container: Container, member: Member, match: re.Match[str]) -> Recording:
    """Make the lazy recording of one trial; in the name the repetition comes first, then the gesture."""
    subject, session, repetition, label = match.groups()
    if int(label) not in LABELS:
        raise EmgIoError(
            "no such gesture in the set",
            file=container.label(member.name),
            place="name",
            expected=f"0..{len(LABELS) - 1}",
            found=label,
        )
    return Recording(
        subject=str(int(subject)),
        session=session.lower(),
        repetition=int(repetition),
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="adc",
        scale=1.0,
        offset=0.0,
        layout=RING,
        uniform=True,
        reader=ThreeDcText(container, member, int(label)),
        task=LABELS[int(label)],
    )


FORMAT = Format(
    info=FormatInfo(
        name="3dc",
        title="3DC data set",
        licence="none stated; the authors ask for credit",
        citation="Côté-Allard et al., Interpreting Deep Learning Features for Myoelectric Control, "
        "Frontiers in Bioengineering and Biotechnology 2020, 8:158",
        doi="10.3389/fbioe.2020.00158",
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
    forge=forger("threedc"),
)
