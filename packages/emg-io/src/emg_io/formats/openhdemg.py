"""OTBioLab+ exports as openhdemg uses them: one MAT file with grids, decomposed motor units and force in one table.

``Data`` is a cell with one table (time, columns); ``Description`` says what each column is. One recording is one grid
of a file; firing trains (0 or 1), sources and force stand beside it as `Aux`. The file's own clock rarely starts at 0:
``metadata["t0"]`` is the time of the first sample. How the grid was turned, a file does not tell: orientation 0 is
assumed (`otb_layout` has both).
Source: Valli et al., Journal of Electromyography and Kinesiology 2024, 74:102850, and the package's sample file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording
from emg_io._source import Aux, Content, Header, Source
from emg_io.engines._mat import open_mat

from ._format import Format, FormatInfo, forger
from ._otb_columns import GridColumns, grids_of
from ._otb_grids import otb_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat, MatNode

MAX_COLUMNS = 4096
LIMIT = 1e9  # 1000 V in the smallest unit
_NEEDED = {"Data", "Description", "SamplingFrequency", "Time"}


@dataclass(frozen=True)
class OtbGrid(Source):
    """One grid of one file."""

    container: Container
    member: Member
    grid: GridColumns

    def scan(self) -> Header:
        """Read rate, clock and the shape of the table."""
        with self.container.open(self.member.name) as stream:
            return self._header(open_mat(stream, self.member.size, self._file))

    def load(self) -> Content:
        """Read the table and take it apart: ``raw`` is (channels, time) as stored."""
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, self._file)
            header = self._header(mat)
            columns = _only_cell(mat, "Data", self._file).read().T
        raw = columns[list(self.grid.columns)]
        self._finite(raw, self.grid.columns)
        aux = {name: self._aux(columns, name, header.sfreq) for name in header.aux}
        return Content(raw=raw, sfreq=header.sfreq, metadata=header.metadata, aux=aux)

    @property
    def _file(self) -> str:
        return self.container.label(self.member.name)

    def _header(self, mat: Mat) -> Header:
        """Read what the file says about its table."""
        table = _only_cell(mat, "Data", self._file)
        n_columns = len(_descriptions(mat, self._file))
        if table.kind not in {"f4", "f8"} or len(table.shape) != 2 or table.shape[1] != n_columns or not table.shape[0]:
            raise EmgIoError(
                "table and descriptions disagree",
                file=self._file,
                place=table.path,
                expected=f"floating numbers (time, {n_columns}), time > 0",
                found=f"{table.kind} {table.shape}",
            )
        sfreq = self._rate(mat)
        metadata = {
            "clock": "rate and stamps as the file states them, which agree",
            "unit": "as the descriptions of the columns state it",
            "t0": self._start(mat, table.shape[0], sfreq),
            "grid": self.grid.code,
            "orientation": "0 assumed: not stored; 180 is both axes reversed",
            "otb_file": mat.node("OTBFile").text() if "OTBFile" in mat.variables else "",
            "ignored_columns": self.grid.ignored,
        }
        return Header(table.shape[0], sfreq, metadata, tuple(beside.name for beside in self.grid.beside))

    def _rate(self, mat: Mat) -> float:
        """Return the rate, Hz."""
        one = set(mat.shape("SamplingFrequency")) == {1}
        rate = float(mat.read("SamplingFrequency").ravel()[0].item()) if one else math.nan
        if not 0 < rate < 1e6:
            raise EmgIoError("not a rate", file=self._file, place="SamplingFrequency", expected="one number > 0")
        return rate

    def _start(self, mat: Mat, n_samples: int, sfreq: float) -> float:
        """Return the time of the first sample, in s; the clock must be that of the rate."""
        node = _only_cell(mat, "Time", self._file)
        time = node.read().ravel().astype(float) if math.prod(node.shape) == n_samples else np.zeros(0)
        steady = len(time) > 0 and np.allclose(time, time[0] + np.arange(n_samples) / sfreq, 0, 0.1 / sfreq)
        if not steady:
            raise EmgIoError(
                "clock disagrees with the rate",
                file=self._file,
                place="Time",
                expected=f"{n_samples} stamps, {1 / sfreq:g} s apart",
                found=f"shape {node.shape}, {time[:1]} to {time[-1:]}",
            )
        return float(time[0])

    def _aux(self, columns: NDArray[np.generic], name: str, sfreq: float) -> Aux:
        """Take one signal beside the EMG out of the table."""
        beside = next(beside for beside in self.grid.beside if beside.name == name)
        values = columns[list(beside.columns)]
        self._finite(values, beside.columns)
        if name == "firing" and not np.isin(values, (0, 1)).all():
            raise EmgIoError(
                "firing train is not 0 or 1",
                file=self._file,
                place=f"Data, {beside.channels[0]}",
                expected="0|1",
                found=str(np.unique(values)[:5].tolist()),
            )
        return Aux(name, values, sfreq, beside.unit, beside.channels)

    def _finite(self, values: NDArray[np.generic], columns: Sequence[int]) -> None:
        """Refuse samples that are no numbers, or that no amplifier gives."""
        wrong = np.argwhere(~(np.abs(values) <= LIMIT))
        if len(wrong):
            row, sample = wrong[0].tolist()
            raise EmgIoError(
                "sample out of range",
                file=self._file,
                place=f"Data, row {sample}, column {columns[row]}",
                expected=f"finite, at most {LIMIT:g}",
                found=str(values[row, sample]),
            )


def _only_cell(mat: Mat, name: str, file: str) -> MatNode:
    """Return the one entry of a cell array; a table that is not in a cell is taken as it is."""
    node = mat.node(name)
    if node.kind != "cell":
        return node
    if set(node.shape) != {1}:
        raise EmgIoError(
            "not one table", file=file, place=name, expected="a cell of shape (1, 1)", found=str(node.shape)
        )
    return next(iter(node.cells()))


def _descriptions(mat: Mat, file: str) -> list[str]:
    """Read what the columns are."""
    node = mat.node("Description")
    if node.kind != "cell" or len(node.shape) != 2 or min(node.shape) != 1 or max(node.shape) > MAX_COLUMNS:
        raise EmgIoError(
            "not a list of descriptions",
            file=file,
            place="Description",
            expected=f"a cell of shape (columns, 1), at most {MAX_COLUMNS}",
            found=f"{node.kind} {node.shape}",
        )
    return [cell.text().strip() for cell in node.cells()]


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the MAT files: an export may have any name."""
    return [member for member in members if member.name.casefold().endswith(".mat")]


def _probe(container: Container, members: Sequence[Member]) -> bool:
    """Look whether the first file has the variables of an export."""
    member = members[0]
    with container.open(member.name) as stream:
        try:
            return set(open_mat(stream, member.size, container.label(member.name)).variables) >= _NEEDED
        except EmgIoError:
            return True


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a grid."""
    recordings = []
    for member in members:
        file = container.label(member.name)
        with container.open(member.name) as stream:
            grids = grids_of(_descriptions(open_mat(stream, member.size, file), file), file)
        recordings += [_recording(container, member, grid) for grid in grids]
    return recordings


def _recording(container: Container, member: Member, grid: GridColumns) -> Recording:
    """Make the lazy recording of one grid."""
    return Recording(
        subject=str(PurePosixPath(member.name).with_suffix("")),
        session="1",
        repetition=None,
        source=container.label(member.name),
        n_chans=len(grid.columns),
        unit=grid.unit,
        scale=1.0,
        offset=0.0,
        layout=otb_layout(grid.code),
        uniform=True,
        reader=OtbGrid(container, member, grid),
        task=grid.site,
    )


FORMAT = Format(
    info=FormatInfo(
        name="openhdemg",
        title="OTBioLab+ export for openhdemg",
        licence="as the file's owner states (the sample of openhdemg: GPL-3.0)",
        citation="Valli et al., Tutorial: analysis of central and peripheral motor unit properties from decomposed "
        "high-density surface EMG signals with openhdemg, Journal of Electromyography and Kinesiology 2024, 74:102850",
        doi="10.1016/j.jelekin.2023.102850",
        verified_on_real_files=True,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("openhdemg"),
    probe=_probe,
)
