"""Recordings that lie in WFDB records: what the data sets of that syntax share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from emg_io._source import Header, RandomAccess
from emg_io.engines._wfdb import WfdbRecord
from emg_io.engines._wfdb_header import Signal, WfdbHeader, parse_header
from emg_io.engines._wfdb_samples import PACKINGS

from ._remarks import STATED, Remarks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from emg_io._container import Container, Member

_EXPONENTS = {"V": 0, "mV": -3, "uV": -6, "µV": -6, "μV": -6, "nV": -9}
VOLTAGES = frozenset(_EXPONENTS)
_UNITS = {"V": "V", "mV": "mV", "uV": "uV", "µV": "uV", "μV": "uV"}

Calibration = float | tuple[float, ...]


@dataclass(frozen=True)
class WfdbSource(RandomAccess):
    """Some signals of one record.

    Attributes
    ----------
    container
        Where the files lie.
    member
        The header.
    files
        The signal files beside it.
    channels
        Indices of the signals that are the recording; they have the same samples per frame.
    remarks
        What a data set adds to the metadata.
    """

    container: Container
    member: Member
    files: tuple[Member, ...]
    channels: tuple[int, ...]
    remarks: tuple[tuple[str, object], ...] = ()

    @property
    def record(self) -> WfdbRecord:
        """The record's plan, kept for the next slice."""
        return record_of(self.container, self.member, self.files)

    def scan(self) -> Header:
        """Read the header file; samples that are missing are counted when ``missing_samples`` is asked for."""
        record = self.record
        signals = [record.header.signals[channel] for channel in self.channels]
        codes = {PACKINGS[signal.format].missing for signal in signals}
        said = dict(self.remarks)
        noted = said.get("warnings", ())
        known: dict[str, object] = {
            "missing_code": codes.pop() if len(codes) == 1 else tuple(PACKINGS[s.format].missing for s in signals),
            "uncalibrated": tuple(signal.name for signal in signals if not signal.calibrated),
            "start": record.header.start,
            "comments": record.header.comments,
            "clock": STATED,
            **said,
            "warnings": (*record.warnings, *(noted if isinstance(noted, tuple) else ())),
        }
        later = {"missing_samples": lambda: record.count_missing(self.opened, self.channels)}
        per_frame = signals[0].per_frame
        return Header(record.n_frames * per_frame, record.header.sfreq * per_frame, Remarks(known, later))

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read a slice of the digital values."""
        return self.record.read(self.opened, self.channels, start, stop)

    def check(self) -> None:
        """Read everything anew and compare the checksums."""
        record_of.cache_clear()
        super().check()
        self.record.verify(self.opened)

    def opened(self, name: str) -> BinaryIO:
        """Open a file that lies beside the header."""
        return self.container.open(beside(self.member, name))


def read_header(container: Container, member: Member) -> WfdbHeader:
    """Read and parse a header file."""
    return parse_header(container.read(member.name), container.label(member.name))


@lru_cache(maxsize=256)
def record_of(container: Container, member: Member, files: tuple[Member, ...]) -> WfdbRecord:
    """Parse a header and lay out its record."""
    sizes = {PurePosixPath(file.name).name: file.size for file in files}
    header = read_header(container, member)
    return WfdbRecord.plan(
        header, sizes, container.label(member.name), lambda name: container.label(beside(member, name))
    )


def beside(member: Member, name: str) -> str:
    """Return the name, in the container, of a file that lies beside another."""
    return member.name[: member.name.rfind("/") + 1] + name


def siblings(members: Sequence[Member]) -> dict[str, Member]:
    """Index members by name."""
    return {member.name: member for member in members}


def signal_files(header: WfdbHeader, member: Member, index: Mapping[str, Member]) -> tuple[Member, ...]:
    """Return the signal files of a header that exist, in order."""
    names = [beside(member, name) for name in dict.fromkeys(signal.file for signal in header.signals)]
    return tuple(index[name] for name in names if name in index)


def common_unit(signals: Sequence[Signal]) -> str:
    """Return the unit that signals can be stated in: a voltage where all are, else ``"unknown"``."""
    if all(signal.unit in _EXPONENTS for signal in signals):
        return _UNITS.get(signals[0].unit, "uV")
    return "unknown"


def calibration(signals: Sequence[Signal], unit: str) -> tuple[Calibration, Calibration]:
    """Return scale and offset: ``unit`` is one of V, mV and uV, or ``"unknown"`` for the units of the header."""
    scales, offsets = [], []
    for signal in signals:
        factor = 10.0 ** (_EXPONENTS[signal.unit] - _EXPONENTS[unit]) if unit in _EXPONENTS else 1.0
        scales.append(factor / signal.gain)
        offsets.append(-signal.baseline * factor / signal.gain if signal.baseline else 0.0)
    return _merged(scales), _merged(offsets)


def channel_names(signals: Sequence[Signal], indices: Sequence[int]) -> tuple[str, ...]:
    """Return different names: descriptions, with the signal's number where there is none or it comes again."""
    seen: list[str] = []
    for signal, index in zip(signals, indices, strict=True):
        name = signal.name or f"signal {index}"
        seen.append(f"{name} ({index})" if name in seen else name)
    return tuple(seen)


def _merged(values: list[float]) -> Calibration:
    """Return one number where all are alike."""
    return values[0] if len(set(values)) == 1 else tuple(values)
