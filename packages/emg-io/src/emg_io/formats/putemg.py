"""putEMG: 24 electrodes in three bands round the forearm, 44 people, eight gestures followed on a screen, 5120 Hz.

One HDF5 file a trajectory, holding one data frame as pandas writes it; its index is the clock.
Source: Kaczmarek, Mankowski, Tomczynski, Sensors 2019, 19(16):3548.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Header, RandomAccess, Track
from emg_io.engines._pandas import frame_at, frames

from ._format import Format, FormatInfo, forger, named
from ._unix_clock import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._hdf5 import Hdf5File
    from emg_io.engines._pandas import Frame

SFREQ = 5120.0
SCALE_V = 5 / 4096 / 200
COLUMNS = tuple(f"EMG_{number}" for number in range(1, 25))
LABELS = {
    -6: "excluded (-6)",
    -5: "excluded (-5)",
    -4: "excluded (-4)",
    -2: "excluded (-2)",
    -1: "pause",
    0: "idle",
    1: "fist",
    2: "flexion",
    3: "extension",
    6: "pinch thumb-index",
    7: "pinch thumb-middle",
    8: "pinch thumb-ring",
    9: "pinch thumb-small",
}
BANDS = Layout.rings((8, 8, 8), "three bands of 8 round the forearm, band by band (unverified)")
_TRACKS = {"label": "TRAJ_GT", "cue": "TRAJ_1"}
_AUX = {"index": "s", "video_stamp": "unknown"}
_TOLERANCE = 0.01
_FILE = re.compile(
    r"(?:^|/)emg_gestures-(\d+)-(repeats_long|repeats_short|sequential)-(\d{4}-\d\d-\d\d)-(\d\d-\d\d-\d\d-\d+)\.hdf5$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PutEmgFile(RandomAccess):
    """One trajectory."""

    container: Container
    member: Member
    time: str

    def scan(self) -> Header:
        """Read the number of rows and the ends of the index, which must fit the rate."""
        with opened(self.container, self.member) as file:
            frame = _frame(file)
            first, last = (float(frame.stamps(at, at + 1)[0]) for at in (0, frame.n_rows - 1))
            rate = (frame.n_rows - 1) / (last - first) if last > first else np.nan
            if not abs(rate / SFREQ - 1) <= _TOLERANCE:
                raise frame.node.bad("index does not fit the rate", f"about {SFREQ} rows a second", f"{rate:.6g}")
            metadata = {
                "time_of_day": self.time,
                "clock": "nominal 5120 Hz; the file's own stamps are aux 'index'",
                "rows_per_second": rate,
                "unit": "count x 5/4096/200 V",
            }
            names = tuple(name for name in _AUX if name == "index" or name.upper() in frame.columns)
            return Header(frame.n_rows, SFREQ, metadata, names)

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read counts, (24, time), dtype as stored."""
        with opened(self.container, self.member) as file:
            frame = _frame(file)
            values = frame.matrix(COLUMNS, start, stop)
            if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
                found = f"{values.dtype}, rows {start} to {stop}"
                raise frame.node.bad("sample is not a number", "finite numbers", found)
            return values

    def read_annotations(self) -> Annotations:
        """Read the label corrected by video, and the cue; the index must run forwards."""
        with opened(self.container, self.member) as file:
            frame = _frame(file)
            stamps = frame.stamps().astype(float)
            if not (np.isfinite(stamps).all() and (np.diff(stamps) > 0).all()):
                wrong = int(np.flatnonzero(~(np.diff(stamps) > 0))[0]) + 1 if len(stamps) > 1 else 0
                raise frame.node.bad("index does not run forwards", "increasing seconds", f"row {wrong}")
            tracks = {name: Track(name, _labels(frame, column), LABELS) for name, column in _TRACKS.items()}
            return Annotations(None, tracks)

    def aux(self, name: str) -> Aux:
        """Read the index in s, or the stamp of the video, (1, time)."""
        with opened(self.container, self.member) as file:
            frame = _frame(file)
            if name not in _AUX or (name != "index" and name.upper() not in frame.columns):
                return super().aux(name)
            values = frame.stamps() if name == "index" else frame.column(name.upper())
            return Aux(name, values[None, :], SFREQ, _AUX[name], (name,))


def _frame(file: Hdf5File) -> Frame:
    """Return the one data frame of a file, which must have the set's columns and two rows or more."""
    found = frames(file)
    if len(found) != 1:
        raise file.root.bad("not a putEMG file", "one data frame", ", ".join(found) or "no data frame")
    frame = frame_at(file, found[0])
    missing = [name for name in (*COLUMNS, *_TRACKS.values()) if name not in frame.columns]
    if missing or frame.n_rows < 2:
        told = ", ".join(missing) or f"{frame.n_rows} rows"
        raise frame.node.bad("columns or rows are missing", "EMG_1..EMG_24, TRAJ_1, TRAJ_GT; two rows", told)
    return frame


def _labels(frame: Frame, column: str) -> NDArray[np.int16]:
    """Read a column of labels, which may be stored as floating numbers."""
    values = frame.column(column)
    known = np.array(sorted(LABELS))
    strange = ~np.isin(values, known) if values.dtype.kind in "iuf" else np.ones(len(values), bool)
    if strange.any():
        at = int(np.flatnonzero(strange)[0])
        raise frame.node.bad("unknown label", f"{column} of {known.tolist()}", f"{values[at]} in row {at}")
    return values.astype(np.int16)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: person, date and trajectory from its name."""
    return [_recording(container, member) for member in members]


def _recording(container: Container, member: Member) -> Recording:
    """Make the lazy recording of one file."""
    match = _FILE.search(member.name)
    if match is None:
        raise EmgIoError("not a putEMG recording", file=container.label(member.name), place="name")
    subject, trajectory, date, time = match.groups()
    return Recording(
        subject=subject,
        session=date,
        repetition=None,
        source=container.label(member.name),
        n_chans=24,
        unit="V",
        scale=SCALE_V,
        offset=0.0,
        layout=BANDS,
        uniform=True,
        reader=PutEmgFile(container, member, time),
        task=trajectory.casefold(),
        channels=COLUMNS,
    )


FORMAT = Format(
    info=FormatInfo(
        name="putemg",
        title="putEMG, gestures",
        licence="CC BY-NC 4.0",
        citation="Kaczmarek, Mankowski, Tomczynski, putEMG: A Surface Electromyography Hand Gesture Recognition "
        "Dataset, Sensors 2019, 19(16):3548",
        doi="10.3390/s19163548",
        verified_on_real_files=False,
        writes=True,
        n_chans=24,
        sfreq=SFREQ,
        unit="V",
        layout=BANDS,
        label_names=LABELS,
        non_commercial=True,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("putemg"),
)
