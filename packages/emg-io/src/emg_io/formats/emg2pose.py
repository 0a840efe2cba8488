"""emg2pose: hand poses by motion capture beside a band of 16 electrodes on the wrist, 193 users, 2 kHz.

One HDF5 file a hand and stage: a table of Unix time, 20 joint angles and the band. Splits come from ``metadata.csv``,
which the downloads call ``emg2pose_metadata.csv``.
Source: Salter, Warren, Schlager, Spurr, Han, Bhasin, Cai, Walkington, Bolarinwa, Wang, Danielson, Merel, Pnevmatikakis,
Marshall, NeurIPS 2024, arXiv 2412.02725.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Header, RandomAccess, Track

from ._format import Format, FormatInfo, forger
from ._remarks import NO_UNIT, STAMPED
from ._unix_clock import NOMINAL_HZ, Table, disagreements, has_group, number, opened, rows, stem, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._hdf5 import Hdf5File, Node

GROUP, ANGLES = "emg2pose", "joint_angles"
TRACKED = {0: "tracking failed", 1: "tracked"}
FAILED_BELOW_RAD = 1e-8
BAND = Layout.ring(16, "band of 16 round the wrist of the side that the task names")
JOINTS = (
    "thumb CMC FE", "thumb CMC AA", "thumb MCP FE", "thumb IP FE",
    *(f"{finger} {joint}" for finger in ("index", "middle", "ring", "pinky")
      for joint in ("MCP AA", "MCP FE", "PIP FE", "DIP FE")),
)  # fmt: skip
_FILE = re.compile(r"(?:^|/)[^/]*_(left|right)\.hdf5$", re.IGNORECASE)
_LIST = re.compile(r"(?:^|/)(?:emg2pose_)?metadata\.csv$", re.IGNORECASE)
_COLUMNS = ("user", "session", "stage", "side", "filename")
_EXTRAS = ("moving_hand", "held_out_user", "held_out_stage", "split", "generalization")
_BLOCK_ROWS = 50_000


@dataclass(frozen=True)
class PoseFile(RandomAccess):
    """One hand of one stage; what ``metadata.csv`` says of it, if there is one, is held against the file."""

    container: Container
    member: Member
    listed: tuple[tuple[str, str], ...] = ()

    def scan(self) -> Header:
        """Read the length, the first and the last time, and the attributes."""
        with opened(self.container, self.member) as file:
            group, table = file[GROUP], _table(file)
            told = _identity(group)
            warnings = disagreements(group, self.listed, told)
            rate = number(group, "sample_rate")
            if rate != NOMINAL_HZ:
                raise group.bad("rate is not the set's", f"{NOMINAL_HZ} Hz", str(rate), "sample_rate")
            metadata = {
                **told,
                **{name: value for name, value in self.listed if name in _EXTRAS},
                "start_unix_s": table.span()[0],
                "clock": STAMPED,
                "unit": NO_UNIT,
                "warnings": warnings,
                "tracking": f"track 'tracked' is 0 where all {len(JOINTS)} angles are 0: label_counts('tracked')",
            }
            return Header(table.n_rows, table.rate(), metadata, (ANGLES,))

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read the band."""
        with opened(self.container, self.member) as file:
            return _table(file).samples(start, stop)

    def read_annotations(self) -> Annotations:
        """Read the clock, and find the samples without a pose."""
        with opened(self.container, self.member) as file:
            table = _table(file)
            tracked = np.ones(table.n_rows, np.int8)
            for start in range(0, table.n_rows, _BLOCK_ROWS):
                stop = min(start + _BLOCK_ROWS, table.n_rows)
                tracked[start:stop] = (np.abs(_angles(table, start, stop)) > FAILED_BELOW_RAD).any(axis=0)
            return Annotations(table.clock(), {"tracked": Track("tracked", tracked, TRACKED)})

    def aux(self, name: str) -> Aux:
        """Read the joint angles, (20, time) rad; all are 0 where tracking failed."""
        if name != ANGLES:
            return super().aux(name)
        with opened(self.container, self.member) as file:
            table = _table(file)
            return Aux(ANGLES, _angles(table, 0, table.n_rows), table.rate(), "rad", JOINTS)


def _table(file: Hdf5File) -> Table:
    """Return the table of a file, which must hold the angles too."""
    node = file[f"{GROUP}/timeseries"]
    Table.at(node, ((ANGLES, len(JOINTS)),))
    return Table.at(node, (("emg", 16),))


def _angles(table: Table, start: int, stop: int) -> NDArray[np.float64]:
    """Read joint angles, (20, time), finite."""
    return Table(table.node, ((ANGLES, len(JOINTS)),)).samples(start, stop).astype(np.float64, copy=False)


def _identity(group: Node) -> dict[str, str]:
    """Return whose hand it is, when and in which stage."""
    return {name: text(group, name) for name in ("user", "session", "stage", "side")}


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the files that end in a side, and the table beside them."""
    found = [member for member in members if _FILE.search(member.name)]
    tables = [member for member in members if _LIST.search(member.name)]
    return [*found, *tables[:1]] if found else []


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: identity from metadata.csv or, where it is silent, from the file."""
    listed: dict[str, tuple[tuple[str, str], ...]] = {}
    for member in members:
        if _LIST.search(member.name):
            for row in rows(container, member, _COLUMNS):
                wanted = [*_COLUMNS[:-1], *(name for name in _EXTRAS if name in row)]
                listed[stem(row["filename"])] = tuple((name, row[name]) for name in wanted)
    files = [member for member in members if not _LIST.search(member.name)]
    return [_recording(container, member, listed.get(stem(member.name), ())) for member in files]


def _recording(container: Container, member: Member, listed: tuple[tuple[str, str], ...]) -> Recording:
    """Make the lazy recording of one file."""
    if listed:
        identity = dict(listed)
    else:
        with opened(container, member) as file:
            identity = _identity(file[GROUP])
    return Recording(
        subject=identity["user"],
        session=identity["session"],
        repetition=None,
        source=container.label(member.name),
        n_chans=16,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=BAND,
        uniform=False,
        reader=PoseFile(container, member, listed),
        task=f"{identity['stage']}/{identity['side']}",
    )


FORMAT = Format(
    info=FormatInfo(
        name="emg2pose",
        title="emg2pose",
        licence="CC BY-NC-SA 4.0",
        citation="Salter et al., emg2pose: A Large and Diverse Benchmark for sEMG Hand Pose Estimation, NeurIPS 2024",
        doi="10.48550/arXiv.2412.02725",
        verified_on_real_files=False,
        writes=True,
        n_chans=16,
        sfreq=NOMINAL_HZ,
        unit="unknown",
        layout=BAND,
        non_commercial=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("emg2pose"),
    probe=has_group(GROUP),
)
