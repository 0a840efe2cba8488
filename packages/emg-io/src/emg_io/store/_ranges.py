"""Where windows may lie: stretches of samples that follow each other in time, all of one part."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ._manifest import Entry, Manifest


class Ranges:
    """Stretches (entry, start, stop), in order; no two share a sample."""

    def __init__(self, rows: Sequence[tuple[int, int, int]], what: str) -> None:
        table = np.array(rows, np.int64).reshape(-1, 3)
        self.entries, self.starts, self.stops = table.T.copy()
        self.what = what
        self._ends: tuple[int, NDArray[np.int64]] = (0, np.zeros(0, np.int64))

    def draw(self, n: int, length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw ``n`` windows, every possible one equally likely: (entry, start) pairs."""
        if n < 0 or length < 1:
            raise EmgIoError("cannot draw that", place="n, length", expected=">= 0 and >= 1", found=f"{n}, {length}")
        ends = self._windows_up_to(length)
        picks = rng.integers(0, self._some(ends, length), n)
        rows = np.searchsorted(ends, picks, side="right")
        starts = picks - ends[rows] + self.stops[rows] - length + 1
        return list(zip(self.entries[rows].tolist(), starts.tolist(), strict=True))

    def tile(self, length: int, hop: int) -> list[tuple[int, int]]:
        """Return all windows ``hop`` samples apart, from the start of every stretch on: (entry, start) pairs."""
        if length < 1 or hop < 1:
            raise EmgIoError("cannot tile so", place="length, hop", expected=">= 1", found=f"{length}, {hop}")
        self._some(self._windows_up_to(length), length)
        rows = zip(self.entries.tolist(), self.starts.tolist(), self.stops.tolist(), strict=True)
        return [(entry, at) for entry, start, stop in rows for at in range(start, stop - length + 1, hop)]

    def refuse_outside(self, entries: NDArray[np.int64], starts: NDArray[np.int64], length: int) -> None:
        """Refuse windows that do not lie in one stretch."""
        order = np.rec.fromarrays([self.entries, self.starts])
        rows = np.searchsorted(order, np.rec.fromarrays([entries, starts], dtype=order.dtype), side="right") - 1
        inside = (rows >= 0) & (len(self.entries) > 0)
        if len(self.entries):
            inside &= (self.entries[rows] == entries) & (starts + length <= self.stops[rows])
        if not inside.all():
            wrong = int(np.flatnonzero(~inside)[0])
            raise EmgIoError(
                "window lies outside the part, or straddles an edge of it",
                place=self.what,
                expected="windows from draw or tile of the same part and length",
                found=f"entry {entries[wrong]}, start {starts[wrong]}, length {length}",
            )

    def _windows_up_to(self, length: int) -> NDArray[np.int64]:
        """Return the number of windows in all stretches up to each; the last answer is kept."""
        known, ends = self._ends
        if known != length:
            ends = np.cumsum(np.maximum(0, self.stops - self.starts - length + 1))
            self._ends = (length, ends)
        return ends

    def _some(self, ends: NDArray[np.int64], length: int) -> int:
        """Return the number of windows, which must not be 0."""
        if not len(ends) or ends[-1] == 0:
            raise EmgIoError("no recording is long enough", place=f"length, {self.what}", found=str(length))
        return int(ends[-1])


def ranges_of(manifest: Manifest, part: str | None) -> Ranges:
    """Return the stretches of a part, or of the whole store (None)."""
    entries = manifest.entries
    if part is None:
        whole = ((number, 0, entry.length) for number, entry in enumerate(entries))
        return Ranges(list(_cut(whole, entries)), "whole store")
    parts = {} if manifest.split is None else manifest.split.parts
    if part not in parts:
        raise EmgIoError(
            "no such part in the store: prepare it with a split that has one",
            place="part",
            expected=" or ".join(parts) or "none at all",
            found=part,
        )
    return Ranges(list(_cut(sorted(parts[part]), entries)), f"part {part}")


def _cut(spans: Iterable[tuple[int, int, int]], entries: Sequence[Entry]) -> Iterator[tuple[int, int, int]]:
    """Yield spans, cut where a trial begins."""
    for entry, start, stop in spans:
        cuts = [cut for cut in entries[entry].cuts if start < cut < stop]
        yield from ((entry, a, b) for a, b in pairwise((start, *cuts, stop)))
