"""What the wrist sets at 2 kHz share: an HDF5 table of compounds, each with its own Unix time, and a CSV beside."""

from __future__ import annotations

import csv
import io
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Event
from emg_io.engines._hdf5 import Hdf5File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._hdf5 import Node

NOMINAL_HZ = 2000.0
MAX_CSV_BYTES = 64 * 2**20
_BLOCK_BYTES = 8 * 2**20
_MAX_EVENTS = 1_000_000


@contextmanager
def opened(container: Container, member: Member) -> Iterator[Hdf5File]:
    """Open a member as HDF5 and close it again: nothing stays open between calls."""
    with container.open(member.name) as stream:
        yield Hdf5File.scan(stream, member.size, container.label(member.name))


def has_group(name: str) -> Callable[[Container, Sequence[Member]], bool]:
    """Return a probe that looks whether the first file has a group; damaged files are claimed."""

    def probe(container: Container, members: Sequence[Member]) -> bool:
        """Look into the first file."""
        try:
            with opened(container, members[0]) as file:
                return name in file
        except EmgIoError:
            return True

    return probe


@dataclass(frozen=True, eq=False)
class Table:
    """The table of one recording: a dataset of compounds with a member ``time`` and members of several channels."""

    node: Node
    members: tuple[tuple[str, int], ...]

    @classmethod
    def at(cls, node: Node, members: tuple[tuple[str, int], ...]) -> Table:
        """Check that the members are there: float64 ``time``, floating (channels,) for the others, all of one dtype."""
        fields = node.type.dtype.fields
        if len(node.shape) != 1 or node.shape[0] < 2 or fields is None:
            raise node.bad("not a time series", "two or more rows of compounds", f"{node.type.kind} {node.shape}")
        dtypes = set()
        for name, n_chans in (("time", 0), *members):
            found = fields[name][0] if name in fields else None
            wanted = () if name == "time" else (n_chans,)
            if found is None or found.base.kind != "f" or found.shape != wanted:
                expected = f"floating {name} {wanted}"
                raise node.bad("member is missing or of another shape", expected, str(node.type.dtype.names))
            dtypes |= {found.base.newbyteorder("=")} if name != "time" else set()
        if len(dtypes) > 1 or fields["time"][0].itemsize != 8:
            raise node.bad("members differ in dtype", "one dtype, and float64 time", str(dtypes))
        return cls(node, members)

    @property
    def n_rows(self) -> int:
        """Number of samples."""
        return self.node.shape[0]

    def span(self) -> tuple[float, float]:
        """Read the first and the last Unix time, s; both finite, the last later."""
        first = float(self.node.read(0, 1, name="time")[0])
        last = float(self.node.read(self.n_rows - 1, self.n_rows, name="time")[0])
        if not (np.isfinite(first) and np.isfinite(last) and first < last):
            raise self.node.bad("clock does not run forwards", "finite, increasing seconds", f"{first} to {last}")
        return first, last

    def rate(self) -> float:
        """Return samples per second between the first and the last stamp, 1 to 100,000."""
        first, last = self.span()
        found = (self.n_rows - 1) / (last - first)
        if not 1.0 <= found <= 1e5:
            raise self.node.bad("clock does not fit the samples", "1 to 100000 samples a second", f"{found:.6g}")
        return found

    def clock(self) -> NDArray[np.float64]:
        """Read all times, s from the first one; they never run backwards, but a stamp may be repeated."""
        stamps = self.node.read(name="time").astype(np.float64)
        wrong = np.flatnonzero(~(np.diff(stamps) >= 0))
        if len(wrong) or not np.isfinite(stamps).all():
            place = int(wrong[0]) + 1 if len(wrong) else 0
            raise self.node.bad(
                "clock runs backwards", "seconds that never decrease", f"{stamps[place]} in row {place}"
            )
        seconds: NDArray[np.float64] = stamps - stamps[0]
        return seconds

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read rows ``start`` to ``stop`` of all members: (channels, time), finite."""
        n_chans = sum(count for _, count in self.members)
        dtype = dict(self.node.type.fields)[self.members[0][0]].dtype.base.newbyteorder("=")
        out = np.empty((n_chans, stop - start), dtype)
        step = max(1, _BLOCK_BYTES // self.node.type.dtype.itemsize)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            self._block(first, last, out[:, first - start : last - start])
        return out

    def _block(self, first: int, last: int, out: NDArray[np.generic]) -> None:
        """Read some rows into their place."""
        whole = len(self.members) > 1 and self.node.type.plain
        rows = self.node.read(first, last) if whole else None
        at = 0
        for name, count in self.members:
            values = self.node.read(first, last, name=name) if rows is None else rows[name]  # type: ignore[call-overload]
            out[at : at + count] = values.T
            at += count
        finite = np.isfinite(out)
        if not finite.all():
            wrong = np.flatnonzero(~finite.all(axis=0))
            raise self.node.bad("sample is not finite", "finite numbers", f"NaN or infinity in row {first + wrong[0]}")


def text(node: Node, name: str) -> str:
    """Return an attribute that must be one text."""
    value = node.attribute(name)
    if not isinstance(value, str):
        raise node.bad("attribute is not text", "text", type(value).__name__, name)
    return value


def number(node: Node, name: str) -> float:
    """Return an attribute that must be one finite number."""
    value = node.attribute(name)
    if not isinstance(value, np.ndarray) or value.shape not in {(), (1,)} or value.dtype.kind not in "iuf":
        raise node.bad("attribute is not a number", "a number", type(value).__name__, name)
    found = float(value.reshape(-1)[0])
    if not np.isfinite(found):
        raise node.bad("attribute is not a number", "a finite number", str(found), name)
    return found


def rows(container: Container, member: Member, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV table that must have some columns; every row as long as the heading."""
    file = container.label(member.name)
    if member.size > MAX_CSV_BYTES:
        expected = f"at most {MAX_CSV_BYTES} bytes"
        raise EmgIoError("table is too large", file=file, place="size", expected=expected, found=str(member.size))
    try:
        lines = list(csv.reader(io.StringIO(container.read(member.name).decode("utf-8-sig"), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise EmgIoError("not a CSV table", file=file, place="content", found=str(error)) from None
    head = lines[0] if lines else []
    missing = [name for name in columns if name not in head]
    if missing or len(set(head)) != len(head):
        expected = f"columns {', '.join(columns)}, each once"
        raise EmgIoError("columns are missing", file=file, place="line 1", expected=expected, found=", ".join(head))
    for place, line in enumerate(lines[1:], 2):
        if len(line) not in {0, len(head)}:
            expected, found = f"{len(head)} columns", str(len(line))
            raise EmgIoError("ragged row", file=file, place=f"row {place}", expected=expected, found=found)
    return [dict(zip(head, line, strict=True)) for line in lines[1:] if line]


def disagreements(node: Node, listed: Sequence[tuple[str, str]], told: Mapping[str, object]) -> tuple[str, ...]:
    """Compare a file with its row of the table: another user is a warning, for lists go by the table; else raise."""
    odd = [(name, value) for name, value in listed if name in told and told[name] != value]
    for name, value in odd:
        if name != "user":
            raise node.bad("file and metadata.csv disagree", f"{name} {value}", str(told[name]))
    return tuple(f"user {told[name]} in the file, {value} in metadata.csv, which counts" for name, value in odd)


def stem(name: str) -> str:
    """Return a file's name without folders and extension."""
    return re.sub(r"\.(hdf5|h5)$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)


def relative(
    node: Node, found: Sequence[tuple[object, object, str, str]], span: tuple[float, float]
) -> tuple[tuple[Event, ...], int]:
    """Turn (start, end or None, kind, value) in Unix seconds into events of the recording, in order.

    Returns
    -------
    events : tuple of Event
        Those that touch ``span``, onset in s from its start: negative where they began before it.
    n_outside : int
        How many ended before or began after.
    """
    events, first, last = [], span[0], span[1]
    if len(found) > _MAX_EVENTS:
        raise node.bad("too many events", f"at most {_MAX_EVENTS}", str(len(found)))
    for start, end, kind, value in found:
        begin, finish = _seconds(start), _seconds(start if end is None else end)
        if begin is None or finish is None:
            raise node.bad("event has no time", "finite seconds", f"{kind} {value[:40]!a} from {start} to {end}")
        if finish < begin:
            raise node.bad("event ends before it starts", f"an end after {begin}", str(finish))
        if begin <= last and finish >= first:
            events.append(Event(begin - first, finish - begin, kind, value))
    return tuple(sorted(events)), len(found) - len(events)


def _seconds(value: object) -> float | None:
    """Return a finite number, or None for anything else."""
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
