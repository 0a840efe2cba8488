"""Arrays saved by numpy, each beside a JSON file that states what an array cannot: rate, axes, unit, layout, labels.

``trial.npy`` (time, channels) or (channels, time) needs ``trial.json`` in the same folder, at least
``{"sfreq": 2000, "unit": "uV", "axis": "time-first"}``. It may add ``subject``, ``session``, ``task``, ``repetition``,
``scale``, ``offset``, ``channels``, ``layout`` ({"kind", "cells", "circular", "description", "pitch_mm"}), ``labels``
(the name of a .npy file of integers, one a sample), ``label_names`` ({"1": "fist"}) and ``missing_samples`` (how many
numbers are NaN).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Header, RandomAccess, Track
from emg_io.engines._npy import NpyArray, read_header, read_rows

from ._format import Format, FormatInfo, forger
from ._npy_sidecar import EXAMPLE, MAX_BYTES, MAX_CHANNELS, Sidecar, parse_sidecar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

_BLOCK = 100_000


@dataclass(frozen=True)
class NpyFile(RandomAccess):
    """One array, what the file beside it says, and the array of its labels where it names one."""

    container: Container
    member: Member
    labels: Member | None
    array: NpyArray = field(compare=False, repr=False)
    said: Sidecar = field(compare=False, repr=False)

    @property
    def file(self) -> str:
        """Name for messages."""
        return self.container.label(self.member.name)

    def scan(self) -> Header:
        """Return size and rate."""
        metadata: dict[str, object] = {
            "clock": "rate as the JSON file states it",
            "stored": f"{self.array.dtype} {self.array.shape}",
            "stated": "by the JSON file",
        }
        if self.said.missing_samples:
            metadata["missing_samples"] = self.said.missing_samples
        shape, time_axis = _two(self.array, self.said)
        return Header(shape[time_axis], self.said.sfreq, metadata)

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read samples, (channels, stop - start) as stored; floats must be finite, or NaN where some are missing."""
        shape, time_axis = _two(self.array, self.said)
        array = replace(self.array, shape=shape)
        with self.container.open(self.member.name) as stream:
            raw = read_rows(stream, array, start, stop, time_axis, self.file).T
        wrong = np.isinf(raw) if self.said.missing_samples else ~np.isfinite(raw)
        if raw.dtype.kind == "f" and wrong.any():
            channel, at = np.argwhere(wrong)[0].tolist()
            raise EmgIoError(
                "not a number: state missing_samples in the JSON file where NaN means missing",
                file=self.file,
                place=f"sample {start + at}, channel {channel}",
                expected="finite numbers",
                found=str(raw[channel, at]),
            )
        return raw

    def read_annotations(self) -> Annotations:
        """Read the labels."""
        if self.labels is None:
            return Annotations()
        file, n_samples = self.container.label(self.labels.name), self.scan().n_samples
        with self.container.open(self.labels.name) as stream:
            array = read_header(stream, self.labels.size, file)
            if array.shape != (n_samples,) or array.dtype[1] not in "iu":
                problem, found = "labels do not fit the samples", f"{array.dtype} {array.shape}"
                raise EmgIoError(problem, file=file, place="shape", expected=f"{n_samples} integers", found=found)
            kind: np.dtype[np.integer] = np.dtype(array.dtype).newbyteorder("=")
            values = read_rows(stream, replace(array, shape=(n_samples, 1)), 0, n_samples, 0, file)[:, 0]
        return Annotations(None, {"label": Track("label", values.astype(kind), dict(self.said.label_names))})

    def check(self) -> None:
        """Read everything anew; the header and the number of missing samples must be what they were said to be."""
        with self.container.open(self.member.name) as stream:
            if read_header(stream, self.member.size, self.file) != self.array:
                raise EmgIoError("header changed since the file was opened", file=self.file, place="header")
        super().check()
        if self.array.dtype[1] == "f":
            self._check_missing()

    def _check_missing(self) -> None:
        """Count what is not a number, block by block."""
        n_samples, found = self.scan().n_samples, 0
        for start in range(0, n_samples, _BLOCK):
            found += int(np.isnan(self.samples(start, min(start + _BLOCK, n_samples))).sum())
        if found != self.said.missing_samples:
            problem, said = "missing samples are not as many as stated", str(self.said.missing_samples)
            raise EmgIoError(problem, file=self.file, place="missing_samples", expected=said, found=str(found))


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the arrays and the JSON files beside them."""
    arrays = {member.name for member in members if member.name.endswith(".npy")}
    beside = {name.removesuffix(".npy") + ".json" for name in arrays}
    return [member for member in members if member.name in arrays | beside]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording an array that is not another one's labels."""
    found = {member.name: member for member in members}
    said = {name: _said(container, found, name) for name in found if name.endswith(".npy")}
    labels = {_beside(name, sidecar.labels) for name, sidecar in said.items() if sidecar and sidecar.labels}
    recordings = []
    for name, sidecar in said.items():
        if name in labels:
            continue
        if sidecar is None:
            problem = "an array does not say its rate, unit and axes: write the JSON file beside it"
            place, expected = PurePosixPath(name).with_suffix(".json").name, EXAMPLE
            raise EmgIoError(problem, file=container.label(name), place=place, expected=expected, found="no such file")
        recordings.append(_recording(container, found, name, sidecar))
    return recordings


def _said(container: Container, found: dict[str, Member], name: str) -> Sidecar | None:
    """Read the file beside an array, where there is one."""
    beside = found.get(name.removesuffix(".npy") + ".json")
    if beside is None:
        return None
    with container.open(beside.name) as stream:
        return parse_sidecar(stream.read(MAX_BYTES + 1), PurePosixPath(name).stem, container.label(beside.name))


def _recording(container: Container, found: dict[str, Member], name: str, said: Sidecar) -> Recording:
    """Make the lazy recording of one array."""
    file = container.label(name)
    with container.open(name) as stream:
        array = read_header(stream, found[name].size, file)
    shape, time_axis = _two(array, said)
    n_chans = shape[1 - time_axis]
    if not 0 < n_chans <= MAX_CHANNELS or not shape[time_axis]:
        expected = f"1 or more samples of 1..{MAX_CHANNELS} channels, the time axis as the JSON file states"
        raise EmgIoError("not a recording", file=file, place="shape", expected=expected, found=str(array.shape))
    labels = found.get(_beside(name, said.labels)) if said.labels else None
    if said.labels and labels is None:
        raise EmgIoError("labels are missing", file=file, place="labels", expected=said.labels, found="no such file")
    return Recording(
        subject=said.subject,
        session=said.session,
        repetition=said.repetition,
        source=file,
        n_chans=n_chans,
        unit=said.unit,
        scale=said.scale,
        offset=said.offset,
        layout=said.layout or Layout.unplaced(n_chans),
        uniform=True,
        reader=NpyFile(container, found[name], labels, array, said),
        task=said.task,
        channels=said.channels,
    )


def _two(array: NpyArray, said: Sidecar) -> tuple[tuple[int, int], int]:
    """Return the shape with two axes, and which one is time; a row of numbers is one channel."""
    if len(array.shape) == 2:
        return (array.shape[0], array.shape[1]), said.time_axis
    return (array.shape[0], 1), 0


def _beside(name: str, other: str) -> str:
    """Return the name of a file in the folder of another."""
    return (PurePosixPath(name).parent / other).as_posix()


FORMAT = Format(
    info=FormatInfo(
        name="npy",
        title="numpy arrays with a JSON file beside each",
        licence="that of the files",
        citation="NumPy Enhancement Proposal 1, a simple file format for NumPy arrays",
        doi="",
        verified_on_real_files=False,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("npy"),
)
