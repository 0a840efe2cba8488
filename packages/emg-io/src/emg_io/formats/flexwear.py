"""FlexWear-HD: a sleeve of 64 electrodes, 13 people, ten gestures, 4 kHz.

One HDF5 file a person and round; one dataset a gesture, trials by electrodes by time.
Source: the set's description; electrode map, unit and rest of the files are not established.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Header, RandomAccess, Track

from ._format import Format, FormatInfo, forger, named
from ._remarks import NO_UNIT
from ._unix_clock import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._hdf5 import Hdf5File, Node

SFREQ, N_CHANS = 4000.0, 64
GESTURES = (
    "rest", "abduct", "adduct", "extend", "grip", "pronate", "supinate", "tripod", "wextend", "wflex",
)  # fmt: skip
LABELS = dict(enumerate(GESTURES))
ELECTRODES = Layout.unplaced(N_CHANS, "64 electrodes on the forearm; the map is not established")
MAX_TRIALS = 1000
_FILE = re.compile(r"(?:^|/)p(\d{3})/data_allchannels_(initial|recalibration)\.h5$", re.IGNORECASE)


@dataclass(frozen=True)
class FlexWearTrial(RandomAccess):
    """One trial of one gesture, by their numbers; trials count from 1."""

    container: Container
    member: Member
    gesture: int
    trial: int

    def scan(self) -> Header:
        """Read the shape of the gesture's dataset."""
        with opened(self.container, self.member) as file:
            metadata = {
                "clock": "nominal: the set's description gives 4000 Hz",
                "unit": NO_UNIT,
                "layout": "electrode map not established",
                "warnings": tuple(f"{name}: no gesture of the set, left out" for name in _strangers(file)),
            }
            return Header(self._node(file).shape[2], SFREQ, metadata)

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read a trial, (64, time), and cut it."""
        with opened(self.container, self.member) as file:
            node = self._node(file)
            values = node.read(self.trial - 1, self.trial)[0, :, start:stop]
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise node.bad("sample is not finite", "finite numbers", f"NaN or infinity in trial {self.trial}")
            return np.ascontiguousarray(values)

    def read_annotations(self) -> Annotations:
        """Label every sample with the trial's gesture."""
        n_samples = self.header().n_samples
        return Annotations(None, {"label": Track("label", np.full(n_samples, self.gesture, np.int8), LABELS)})

    def _node(self, file: Hdf5File) -> Node:
        """Return the gesture's dataset, which must hold the trial."""
        node = _gestures(file)[self.gesture]
        if self.trial > node.shape[0]:
            raise node.bad("trial is missing", f"trial {self.trial}", f"{node.shape[0]} trials")
        return node


def _gestures(file: Hdf5File) -> dict[int, Node]:
    """Return the datasets of a file by gesture: (trials, 64, time) numbers."""
    found: dict[int, Node] = {}
    for name in file.root.names:
        gesture = _gesture(name)
        if gesture not in GESTURES:
            continue
        if GESTURES.index(gesture) in found:
            raise file.root.bad("gesture occurs twice", f"{', '.join(GESTURES)}, each once", name)
        node = file.root[name]
        if node.is_group or node.type.kind != "number" or len(node.shape) != 3 or node.shape[1] != N_CHANS:
            told = "a group" if node.is_group else f"{node.type.kind} {node.shape}"
            raise node.bad("not the trials of a gesture", f"numbers (trials, {N_CHANS}, time)", told)
        if node.shape[0] > MAX_TRIALS or node.shape[2] < 1:
            raise node.bad("not the trials of a gesture", f"at most {MAX_TRIALS} trials of samples", str(node.shape))
        found[GESTURES.index(gesture)] = node
    if not found:
        raise file.root.bad("no gesture of the set", ", ".join(GESTURES), ", ".join(file.root.names)[:200])
    return found


def _gesture(name: str) -> str:
    """Return the gesture that a dataset's name begins with."""
    return re.sub(r"_p\d+$", "", name)


def _strangers(file: Hdf5File) -> list[str]:
    """Return the names at the root that are no gestures."""
    return [name for name in file.root.names if _gesture(name) not in GESTURES]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a trial: the files' headers tell how many there are."""
    found: list[Recording] = []
    for member in members:
        with opened(container, member) as file:
            shapes = {gesture: node.shape for gesture, node in sorted(_gestures(file).items())}
        for gesture, shape in shapes.items():
            found += [_recording(container, member, gesture, trial) for trial in range(1, shape[0] + 1)]
    return found


def _recording(container: Container, member: Member, gesture: int, trial: int) -> Recording:
    """Make the lazy recording of one trial."""
    match = _FILE.search(member.name)
    if match is None:
        raise EmgIoError("not a FlexWear-HD file", file=container.label(member.name), place="name")
    return Recording(
        subject=match.group(1),
        session=match.group(2).casefold(),
        repetition=trial,
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=ELECTRODES,
        uniform=True,
        reader=FlexWearTrial(container, member, gesture, trial),
        task=GESTURES[gesture],
    )


FORMAT = Format(
    info=FormatInfo(
        name="flexwear-hd",
        title="FlexWear-HD",
        licence="CC BY 4.0",
        citation="FlexWear-HD, a high-density sEMG data set of 13 people (authors not established)",
        doi="none known",
        verified_on_real_files=False,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="unknown",
        layout=ELECTRODES,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("flexwear"),
)
