"""WFDB records: a header and the signal files beside it, any frame read without the rest.

Sizes are compared with the files before a sample is read; a header that promises more than a file holds is refused.
Source: WFDB Applications Guide, header(5) and signal(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from emg_io._errors import EmgIoError

from ._wfdb_samples import OTHER_FORMATS, PACKINGS, byte_range, decode, n_bytes, n_samples

if TYPE_CHECKING:
    from ._wfdb_header import Signal, WfdbHeader

_BLOCK_BYTES = 2**18
_CACHED_BYTES = 2**15

Integers = NDArray[np.signedinteger]
Open = Callable[[str], BinaryIO]


@dataclass(frozen=True)
class SignalFile:
    """Signals that share a file.

    Attributes
    ----------
    name, kind, at
        File, storage format, byte at which samples begin.
    first
        Index of the first signal.
    edges
        Places in a frame at which the signals begin, and the frame's length, samples.
    """

    name: str
    kind: int
    at: int
    first: int
    edges: tuple[int, ...]

    @property
    def frame(self) -> int:
        """Samples in a frame."""
        return self.edges[-1]


@dataclass(frozen=True)
class WfdbRecord:
    """One record, checked against the sizes of its files.

    Attributes
    ----------
    header
        As parsed.
    n_frames
        Frames that every file holds.
    files
        Signal files in the order of their signals.
    warnings
        What is odd but harmless.
    label
        How error messages name a signal file.
    """

    header: WfdbHeader
    n_frames: int
    files: tuple[SignalFile, ...]
    warnings: tuple[str, ...]
    label: Callable[[str], str]

    @classmethod
    def plan(
        cls, header: WfdbHeader, sizes: Mapping[str, int], file: str, label: Callable[[str], str] = str
    ) -> WfdbRecord:
        """Lay out a record; ``sizes`` holds the bytes of the files beside ``file``, the header."""
        files = _grouped(header.signals, file)
        for group in files:
            if group.name not in sizes:
                raise EmgIoError("signal file is missing", file=file, place=group.name, expected="it beside the header")
        held = {g.name: n_samples(g.kind, max(0, sizes[g.name] - g.at)) // g.frame for g in files}
        n_frames = header.n_frames or min(held.values())
        for group in files:
            if held[group.name] < n_frames or not n_frames:
                need = group.at + n_bytes(group.kind, max(1, n_frames) * group.frame)
                raise EmgIoError(
                    "signal file is shorter than its header says",
                    file=label(group.name),
                    place="end",
                    expected=f"{need} bytes",
                    found=f"{sizes[group.name]} bytes",
                )
        if any(signal.skew >= n_frames for signal in header.signals):
            raise EmgIoError("skew is longer than the record", file=file, place="skew", expected=f"< {n_frames}")
        warnings = _surplus(files, sizes, n_frames)
        warnings += () if header.ended else ("header does not end its last line: it may be cut",)
        return cls(header, n_frames, files, warnings, label)

    def dtype(self, channels: Sequence[int]) -> np.dtype[np.signedinteger]:
        """Return the smallest integer type that holds these signals."""
        kinds = {self.header.signals[channel].format for channel in channels}
        return np.result_type(*(PACKINGS[kind].dtype for kind in kinds))

    def read(self, opened: Open, channels: Sequence[int], start: int, stop: int) -> Integers:
        """Read samples ``start`` to ``stop`` of signals that have the same samples per frame: (channels, time)."""
        per_frame = self.header.signals[channels[0]].per_frame
        first, last = start // per_frame, -(-stop // per_frame)
        out = np.empty((len(channels), (last - first) * per_frame), self.dtype(channels))
        for group in self.files:
            rows = [row for row, channel in enumerate(channels) if 0 <= channel - group.first < len(group.edges) - 1]
            if rows:
                chosen = [channels[row] for row in rows]
                with opened(group.name) as stream:
                    for at, end in self._steps(group, first, last):
                        part = out[:, (at - first) * per_frame : (end - first) * per_frame]
                        self._fill(stream, group, at, end, part, rows, chosen)
        return out[:, start - first * per_frame : stop - first * per_frame]

    def _fill(
        self,
        stream: BinaryIO,
        group: SignalFile,
        start: int,
        stop: int,
        out: Integers,
        rows: Sequence[int],
        channels: Sequence[int],
    ) -> None:
        """Read frames of one file into rows of ``out``; signals that are skewed need frames beyond ``stop``."""
        signals = self.header.signals
        furthest = min(self.n_frames, stop + max(signals[channel].skew for channel in channels))
        _scatter(self._stored(stream, group, start, furthest), group, out, rows, channels, signals)

    def _steps(self, group: SignalFile, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Cut frames into blocks that bound the memory of decoding."""
        step = max(1, _BLOCK_BYTES // n_bytes(group.kind, group.frame))
        return ((at, min(at + step, last)) for at in range(first, last, step))

    def _stored(self, stream: BinaryIO, group: SignalFile, start: int, stop: int) -> Integers:
        """Read frames ``start`` to ``stop`` of one file: (frames, samples in a frame)."""
        at, end, skip = byte_range(group.kind, start * group.frame, stop * group.frame)
        stream.seek(group.at + at)
        data = stream.read(max(0, end - at))
        if len(data) < end - at:
            raise EmgIoError(
                "signal file was cut while it was read",
                file=self.label(group.name),
                place=f"byte {group.at + at}",
                expected=f"{end - at} bytes",
                found=str(len(data)),
            )
        codes = decode(data, group.kind)[skip : skip + (stop - start) * group.frame]
        return codes.reshape(stop - start, group.frame)

    def blocks(self, opened: Open) -> Iterator[tuple[SignalFile, Integers]]:
        """Read all files block by block: (frames, samples in a frame)."""
        for group in self.files:
            with opened(group.name) as stream:
                for start, stop in self._steps(group, 0, self.n_frames):
                    yield group, self._stored(stream, group, start, stop)

    def count_missing(self, opened: Open, channels: Sequence[int]) -> int:
        """Count the samples of these signals that hold the code for "not there", those beyond a skewed end included."""
        chosen, total = set(channels), sum(self.header.signals[channel].skew for channel in channels)
        for group, table in self.blocks(opened):
            columns = [k for n in range(len(group.edges) - 1) if group.first + n in chosen for k in _columns(group, n)]
            there = table if len(columns) == group.frame else table[:, columns]
            total += int(np.count_nonzero(there == PACKINGS[group.kind].missing))
        return total

    def verify(self, opened: Open) -> None:
        """Compare the checksums with the samples; raise `EmgIoError` for the first signal that differs."""
        declared = [signal.checksum for signal in self.header.signals]
        if not self.header.n_frames or not any(declared):
            return
        sums = np.zeros(len(declared), np.int64)
        for group, table in self.blocks(opened):
            totals = np.add.reduceat(table.sum(axis=0, dtype=np.int64), group.edges[:-1])
            sums[group.first : group.first + len(totals)] += totals
        for index, (want, total) in enumerate(zip(declared, sums.tolist(), strict=True)):
            found = ((total + 2**15) & 0xFFFF) - 2**15
            if want is not None and (want - found) & 0xFFFF:
                raise EmgIoError(
                    "checksum does not match: the signal file is damaged",
                    file=self.label(self.header.signals[index].file),
                    place=f"signal {index}",
                    expected=str(want),
                    found=str(found),
                )


def _grouped(signals: Sequence[Signal], file: str) -> tuple[SignalFile, ...]:
    """Put consecutive signals of one file together; they must agree on format and first byte."""
    groups: list[SignalFile] = []
    index = 0
    for name, run in groupby(signals, key=lambda signal: signal.file):
        together = list(run)
        shapes = {(signal.format, signal.at) for signal in together}
        if len(shapes) > 1 or name in {group.name for group in groups}:
            raise EmgIoError(
                "signals of one file disagree or are scattered",
                file=file,
                place=name,
                expected="one format, one byte offset, consecutive lines",
                found=str(sorted(shapes)),
            )
        kind, at = shapes.pop()
        if kind not in PACKINGS:
            raise EmgIoError(
                "signal format is not supported: convert the record to format 16",
                file=file,
                place=f"signal {index}",
                expected=", ".join(map(str, PACKINGS)),
                found=f"{kind} ({OTHER_FORMATS.get(kind, 'unknown')})",
            )
        edges = np.cumsum([0, *(signal.per_frame for signal in together)]).tolist()
        groups.append(SignalFile(name, kind, at, index, tuple(edges)))
        index += len(together)
    return tuple(groups)


def _surplus(files: Sequence[SignalFile], sizes: Mapping[str, int], n_frames: int) -> tuple[str, ...]:
    """Say which files hold more than the header tells."""
    spare = {group.name: sizes[group.name] - group.at - n_bytes(group.kind, n_frames * group.frame) for group in files}
    return tuple(f"{name}: {count} bytes after the last sample" for name, count in spare.items() if count > 0)


def _columns(group: SignalFile, number: int) -> range:
    """Return the places of a signal in a frame."""
    return range(group.edges[number], group.edges[number + 1])


def _turn(table: Integers, out: Integers) -> None:
    """Transpose (frames, channels) into ``out``, in pieces that fit the first cache: up to eight times as fast."""
    step = max(1, _CACHED_BYTES // (table.shape[1] * table.itemsize))
    for start in range(0, len(table), step):
        out[:, start : start + step] = table[start : start + step].T


def _scatter(
    table: Integers,
    group: SignalFile,
    out: Integers,
    rows: Sequence[int],
    channels: Sequence[int],
    signals: Sequence[Signal],
) -> None:
    """Put signals of a table (frames, samples in a frame) into rows of ``out``, unskewed."""
    places = [group.edges[channel - group.first] for channel in channels]
    alike = all(signals[channel].skew == 0 and signals[channel].per_frame == 1 for channel in channels)
    if alike and rows[-1] - rows[0] == places[-1] - places[0] == len(rows) - 1:
        _turn(table[:, places[0] : places[-1] + 1], out[rows[0] : rows[-1] + 1])
        return
    for row, channel in zip(rows, channels, strict=True):
        signal = signals[channel]
        columns = _columns(group, channel - group.first)
        wanted = table[signal.skew :, columns.start : columns.stop].reshape(-1)[: out.shape[1]]
        out[row, : len(wanted)] = wanted
        out[row, len(wanted) :] = PACKINGS[group.kind].missing
