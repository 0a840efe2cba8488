"""flexemg: four gestures under a flexible 16 x 4 grid, uint16 counts, one MAT file a trial; labels are derived.

A trial rests for ``p.timerest`` samples, makes the gestures in the order of ``p.sequence`` for ``p.timegest`` each, and
rests again. The level of a channel is its own, far from mid-scale: nothing is subtracted here. The authors leave out
the last 3000 samples and 20 % of a gesture around each transition; this reader leaves that to the caller.
Source: Moin et al., ISCAS 2018, and the struct ``p`` of the files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Header, Source, Track
from emg_io.engines._mat import open_mat

from ._flexemg_script import LABELS, Script
from ._format import Format, FormatInfo, forger
from ._remarks import NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat

SFREQ = 1000.0
MV_PER_COUNT = 0.0030517578125
N_CHANS, N_STORED = 64, 96
_FILE = re.compile(r"(?:^|/)(\d{3})-Session(\d{1,2})(Train|Test)/(\d{3})-(\d{3})\.mat$", re.IGNORECASE)
_MAP = re.compile(r"(?:^|/)arraymap\.mat$", re.IGNORECASE)


def array_map() -> NDArray[np.uint8]:
    """Return the published electrode map, (16, 4): 1-based columns of ``raw``; its halves mirror each other."""
    row, column = np.mgrid[0:16, 0:4]
    return np.asarray(np.where(row < 8, 4 * (7 - row) + column + 1, 64 - 4 * (row - 8) - column), np.uint8)


LAYOUT = Layout.grid(array_map().astype(int) - 1, description="flexible array on the forearm, as in arraymap.mat")


@dataclass(frozen=True)
class FlexTrial(Source):
    """One trial: ``raw`` (time, 96), of which the last 32 columns are empty, and the struct ``p``."""

    container: Container
    member: Member
    grid: str

    def scan(self) -> Header:
        """Read the headers and the struct ``p``."""
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, self._file)
            return self._header(mat, Script.read(mat, self._file))

    def load(self) -> Content:
        """Read the counts, (64, time) uint16, and derive the labels."""
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, self._file)
            script = Script.read(mat, self._file)
            header = self._header(mat, script)
            columns = mat.read("raw").T
        empty = columns[N_CHANS:]
        if empty.any():
            channel, sample = np.argwhere(empty)[0].tolist()
            raise EmgIoError(
                "column without an electrode holds data",
                file=self._file,
                place=f"raw, row {sample}, column {N_CHANS + channel}",
                expected="0",
                found=str(empty[channel, sample]),
            )
        label, repetition = script.tracks(header.n_samples)
        tracks = {"label": Track("label", label, LABELS), "repetition": Track("repetition", repetition)}
        return Content(tracks=tracks, raw=columns[:N_CHANS].copy(), sfreq=SFREQ, metadata=header.metadata)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    def _header(self, mat: Mat, script: Script) -> Header:
        """Compare shape and timing."""
        node = mat.node("raw")
        if node.stored != "u2" or len(node.shape) != 2 or node.shape[1] != N_STORED or not node.shape[0]:
            raise EmgIoError(
                "wrong shape",
                file=self._file,
                place="raw",
                expected=f"stored as uint16, (time, {N_STORED}), time > 0",
                found=f"{node.kind} stored as {node.stored}, {node.shape}",
            )
        n_samples = node.shape[0]
        if script.n_samples > n_samples:
            raise EmgIoError(
                "gestures are longer than the recording",
                file=self._file,
                place="p",
                expected=f"at most {n_samples} samples, the rows of raw",
                found=str(script.n_samples),
            )
        metadata = {
            "clock": NOMINAL,
            "unit": "count x lsbmV, 0.0030517578125 mV",
            "offset": "each channel has its own level: high-pass, do not subtract mid-scale",
            "label": "derived from the struct p: cue times, not muscle onsets",
            "sequence": tuple(LABELS[value] for value in script.sequence),
            "grid": self.grid,
        }
        return Header(n_samples, SFREQ, metadata)


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the trials and, where there are some, the electrode maps."""
    trials = [member for member in members if _FILE.search(member.name)]
    return [member for member in members if _FILE.search(member.name) or _MAP.search(member.name)] if trials else []


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a trial, after a look at the electrode map."""
    maps = [member for member in members if _MAP.search(member.name)]
    for member in maps:
        _check_map(container, member)
    grid = "arraymap.mat" if maps else "as published: arraymap.mat is not here"
    return [_recording(container, member, match, grid) for member in members if (match := _FILE.search(member.name))]


def _check_map(container: Container, member: Member) -> None:
    """Refuse an electrode map that is no permutation, or not the published one."""
    file = container.label(member.name)
    found, want = _read_map(container, member), array_map()
    values = set(found.ravel().tolist())
    if found.shape != want.shape or values != set(range(1, N_CHANS + 1)):
        raise EmgIoError(
            "electrode map is not a permutation",
            file=file,
            place="arraymap",
            expected=f"1..{N_CHANS} once each, in 16 rows of 4",
            found=f"{len(values)} different values",
        )
    if not np.array_equal(found, want):
        row, column = np.argwhere(found != want)[0].tolist()
        raise EmgIoError(
            "electrode map is not the published one",
            file=file,
            place=f"arraymap, row {row}, column {column}",
            expected=str(want[row, column]),
            found=str(found[row, column]),
        )


def _read_map(container: Container, member: Member) -> NDArray[np.generic]:
    """Read an electrode map; nothing of one that has another shape."""
    with container.open(member.name) as stream:
        mat = open_mat(stream, member.size, container.label(member.name))
        return mat.read("arraymap") if mat.shape("arraymap") == array_map().shape else np.zeros(0)


def _recording(container: Container, member: Member, match: re.Match[str], grid: str) -> Recording:
    """Make the lazy recording of one trial."""
    folder, session, part, subject, trial = match.groups()
    if folder != subject:
        raise EmgIoError(
            "folder and file name another subject",
            file=container.label(member.name),
            place="name",
            expected=folder,
            found=subject,
        )
    return Recording(
        subject=subject,
        session=session,
        repetition=int(trial),
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="mV",
        scale=MV_PER_COUNT,
        offset=0.0,
        layout=LAYOUT,
        uniform=True,
        reader=FlexTrial(container, member, grid),
        task=part.capitalize(),
    )


FORMAT = Format(
    info=FormatInfo(
        name="flexemg",
        title="flexemg high-density grid",
        licence="GPL-3.0 (file in the data's repository)",
        citation="Moin et al., An EMG gesture recognition system with flexible high-density sensors and brain-inspired "
        "high-dimensional classifier, ISCAS 2018",
        doi="10.1109/ISCAS.2018.8351613",
        verified_on_real_files=True,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="mV",
        layout=LAYOUT,
        label_names=LABELS,
    ),
    claims=_claims,
    open=_open,
    forge=forger("flexemg"),
)
