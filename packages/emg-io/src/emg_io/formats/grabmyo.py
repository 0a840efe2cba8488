"""GRABMyo (PhysioNet): 43 people, three days, 16 gestures and rest, seven trials each, forearm and wrist.

Each record holds 32 signals; four, ``U1`` to ``U4``, belong to no electrode and lie among the others, so channels are
chosen by name: ``F1`` to ``F16`` on the forearm, then ``W1`` to ``W12`` on the wrist. Every record has gains of its
own: compare ``signal``, never ``raw``, between records.
Source: Pradhan, He, Jiang, Scientific Data 2022, 9:733; PhysioNet 10.13026/89dm-f662.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Track

from ._format import Format, FormatInfo, forger, named
from ._wfdb_records import VOLTAGES, WfdbSource, calibration, read_header, siblings, signal_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emg_io._container import Container, Member
    from emg_io.engines._wfdb_header import WfdbHeader

SFREQ = 2048.0
CHANNELS = (*(f"F{n}" for n in range(1, 17)), *(f"W{n}" for n in range(1, 13)))
LABELS = dict(
    enumerate(
        (
            "lateral prehension",
            "thumb adduction",
            "thumb and little finger opposition",
            "thumb and index finger opposition",
            "thumb and index finger extension",
            "thumb and little finger extension",
            "index and middle finger extension",
            "little finger extension",
            "index finger extension",
            "thumb extension",
            "wrist extension",
            "wrist flexion",
            "forearm supination",
            "forearm pronation",
            "hand open",
            "hand close",
            "rest",
        ),
        start=1,
    )
)
_FILE = re.compile(
    r"(?:^|/)session(?P<session>[1-3])_participant(?P<subject>\d{1,3})_gesture(?P<gesture>\d{1,2})"
    r"_trial(?P<trial>\d{1,2})\.(?P<kind>hea|dat)$",
    re.IGNORECASE,
)
_LAYOUT = Layout.rings((8, 8, 6, 6), "two rings round the forearm, then two round the wrist (order unverified)")


@dataclass(frozen=True)
class GrabmyoFile(WfdbSource):
    """One trial: the gesture and the trial's number hold throughout."""

    gesture: int = 0
    trial: int = 0

    def read_annotations(self) -> Annotations:
        """Return the label of the file's name for every sample."""
        n_samples = self.header().n_samples
        label = Track("label", np.full(n_samples, self.gesture, np.int16), LABELS)
        return Annotations(
            tracks={"label": label, "repetition": Track("repetition", np.full(n_samples, self.trial, np.int16))}
        )


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a header."""
    index = siblings(members)
    found = [(member, _FILE.search(member.name)) for member in members]
    return [
        _recording(container, member, match, index)
        for member, match in found
        if match and match["kind"].casefold() == "hea"
    ]


def _recording(container: Container, member: Member, match: re.Match[str], index: Mapping[str, Member]) -> Recording:
    """Make the lazy recording of one trial."""
    header, source = read_header(container, member), container.label(member.name)
    gesture, trial = int(match["gesture"]), int(match["trial"])
    if gesture not in LABELS:
        raise EmgIoError("no such gesture", file=source, place="name", expected="gesture 1..17", found=str(gesture))
    channels = _chosen(header, source)
    scale, offset = calibration([header.signals[channel] for channel in channels], "mV")
    remarks = (
        ("unit", "as the header says"),
        ("layout", "rings of 8, 8, 6 and 6 in the order of the names (unverified)"),
    )
    files = signal_files(header, member, index)
    return Recording(
        subject=str(int(match["subject"])),
        session=match["session"],
        repetition=trial,
        source=source,
        n_chans=len(CHANNELS),
        unit="mV",
        scale=scale,
        offset=offset,
        layout=_LAYOUT,
        uniform=True,
        reader=GrabmyoFile(container, member, files, channels, remarks, gesture, trial),
        task=LABELS[gesture],
        channels=CHANNELS,
    )


def _chosen(header: WfdbHeader, source: str) -> tuple[int, ...]:
    """Find the electrodes by name, each once, in volts, at the set's rate."""
    places: dict[str, int] = {}
    for n, signal in enumerate(header.signals):
        name = signal.name.strip().upper()
        if name in CHANNELS and (name in places or signal.unit not in VOLTAGES or signal.per_frame != 1):
            raise EmgIoError(
                "not an electrode of the set",
                file=source,
                place=f"signal {n}",
                expected=f"{name} once, in mV, one sample a frame",
                found=f"{name} in {signal.unit[:20]}",
            )
        places[name] = n
    missing = [name for name in CHANNELS if name not in places]
    if missing or header.sfreq != SFREQ:
        raise EmgIoError(
            "not a record of GRABMyo",
            file=source,
            place="signal lines",
            expected=f"F1..F16 and W1..W12 at {SFREQ:g} Hz",
            found=f"{header.sfreq:g} Hz, without {', '.join(missing) or 'nothing'}",
        )
    return tuple(places[name] for name in CHANNELS)


FORMAT = Format(
    info=FormatInfo(
        name="grabmyo",
        title="GRABMyo: gesture recognition and biometrics electromyogram",
        licence="CC BY 4.0 (publisher's page and licence file; the archive's readme says ODC-By 1.0)",
        citation="Pradhan, He, Jiang, Multi-day dataset of forearm and wrist electromyogram for hand gesture "
        "recognition and biometrics, Scientific Data 2022, 9:733",
        doi="10.1038/s41597-022-01836-y",
        verified_on_real_files=False,
        writes=True,
        n_chans=len(CHANNELS),
        sfreq=SFREQ,
        unit="mV",
        layout=_LAYOUT,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("grabmyo"),
)
