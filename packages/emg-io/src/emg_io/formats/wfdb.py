"""Any WFDB record (PhysioNet's syntax): a ``.hea`` header with the signal files that it names.

Signals whose description contains "EMG" are the recording; where none does, all signals in a unit of voltage are. Of
these, the ones with the highest rate count; every other signal stands beside the recording as `Aux`, one each. A header
names no subject, so each record counts as one. ``raw`` keeps the digital values; a sample that is not there keeps the
code that the format has for it, ``metadata["missing_code"]``, and ``metadata["missing_samples"]`` counts them.
Marks of an annotation file ``RECORD.atr`` become events.
Source: WFDB Applications Guide, header(5), signal(5) and annot(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Event, Header
from emg_io.engines._wfdb_annotations import parse_annotations
from emg_io.engines._wfdb_samples import PACKINGS

from ._format import Format, FormatInfo, forger
from ._wfdb_records import (
    VOLTAGES,
    WfdbSource,
    calibration,
    channel_names,
    common_unit,
    read_header,
    siblings,
    signal_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emg_io._container import Container, Member
    from emg_io.engines._wfdb_header import WfdbHeader


@dataclass(frozen=True)
class WfdbFile(WfdbSource):
    """One record: the signals chosen as EMG, the others beside it, the annotation file or None."""

    others: tuple[tuple[str, int], ...] = ()
    marks: Member | None = None

    def scan(self) -> Header:
        """Read the header file and name the other signals."""
        header = super().scan()
        return Header(header.n_samples, header.sfreq, header.metadata, tuple(name for name, _ in self.others))

    def read_annotations(self) -> Annotations:
        """Read the marks of the annotation file: events of kind ``"atr"``, symbol and text as their value."""
        if self.marks is None:
            return Annotations()
        file = self.container.label(self.marks.name)
        marks, rate = parse_annotations(self.container.read(self.marks.name), file)
        sfreq = rate or self.record.header.sfreq
        events = [Event(m.sample / sfreq, 0.0, "atr", f"{m.symbol} {m.text}".strip()) for m in marks]
        return Annotations(events=tuple(sorted(events, key=lambda event: event.onset)))

    def aux(self, name: str) -> Aux:
        """Read one of the other signals in its physical unit; missing samples are NaN."""
        channel = dict(self.others).get(name)
        if channel is None:
            return super().aux(name)
        record = self.record
        signal = record.header.signals[channel]
        codes = record.read(self.opened, (channel,), 0, record.n_frames * signal.per_frame)
        values = (codes - float(signal.baseline)) / signal.gain
        values[codes == PACKINGS[signal.format].missing] = np.nan
        return Aux(name, values, record.header.sfreq * signal.per_frame, signal.unit, (name,))


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the headers and whatever lies beside one."""
    folders = {PurePosixPath(member.name).parent for member in members if _is_header(member)}
    return [member for member in members if PurePosixPath(member.name).parent in folders]


def _is_header(member: Member) -> bool:
    """Tell a header by its name."""
    return member.name.casefold().endswith(".hea")


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a header."""
    index = siblings(members)
    return [_recording(container, member, index) for member in members if _is_header(member)]


def _recording(container: Container, member: Member, index: Mapping[str, Member]) -> Recording:
    """Make the lazy recording of one header."""
    header = read_header(container, member)
    channels = _chosen(header)
    signals = [header.signals[channel] for channel in channels]
    rest = tuple(n for n in range(len(header.signals)) if n not in channels)
    others = tuple(zip(channel_names([header.signals[n] for n in rest], rest), rest, strict=True))
    unit = common_unit(signals)
    scale, offset = calibration(signals, unit)
    notes = (("unit", ", ".join(dict.fromkeys(signal.unit for signal in signals))), ("subject", "the record's name"))
    source, stem = container.label(member.name), str(PurePosixPath(member.name).with_suffix(""))
    files, marks = signal_files(header, member, index), index.get(f"{stem}.atr")
    if len(dict(others)) < len(others):
        raise EmgIoError("signals share a name", file=source, place="signal lines", found=str([n for n, _ in others]))
    return Recording(
        subject=stem,
        session="1",
        repetition=None,
        source=source,
        n_chans=len(channels),
        unit=unit,
        scale=scale,
        offset=offset,
        layout=Layout.unplaced(len(channels)),
        uniform=True,
        reader=WfdbFile(container, member, files, channels, notes, others, marks),
        channels=channel_names(signals, channels),
    )


def _chosen(header: WfdbHeader) -> tuple[int, ...]:
    """Return the signals that are the recording."""
    signals = list(enumerate(header.signals))
    named = [pair for pair in signals if "emg" in pair[1].name.casefold()]
    candidates = named or [pair for pair in signals if pair[1].unit in VOLTAGES] or signals
    highest = max(signal.per_frame for _, signal in candidates)
    return tuple(n for n, signal in candidates if signal.per_frame == highest)


FORMAT = Format(
    info=FormatInfo(
        name="wfdb",
        title="WFDB record (PhysioNet)",
        licence="as the record's publisher states",
        citation="WFDB Applications Guide, header(5) and signal(5); Goldberger et al., Circulation 2000, 101(23):e215",
        doi="10.1161/01.CIR.101.23.e215",
        verified_on_real_files=False,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("wfdb"),
)
