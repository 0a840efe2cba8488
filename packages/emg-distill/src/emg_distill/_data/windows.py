"""Windows of a part as a table: which recording, where, what for; and the rule that cuts them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

LabelRule = Literal["constant", "first", "centre", "majority", "none"]


@dataclass(frozen=True)
class Cut:
    """How windows are cut from filtered recordings; all numbers are samples at the model's rate.

    Attributes
    ----------
    length
        Samples of a window, ``>= 1``; 0 makes one window of each piece, however long.
    hop
        Samples between the starts of two windows of a piece, ``>= 1``.
    label
        Which sample names a window's class: ``"constant"`` cuts inside runs of one label; ``"first"``, ``"centre"``;
        ``"majority"`` (the smallest of several); ``"none"``: labels are not read.
    pad
        Whether the end of a piece, where no whole window fits, becomes one more window, filled up with 0.
    one
        Whether a piece gives its first window only.
    slide
        Whether a training window may slide to the right, by less than `hop` and inside its piece.
    past, future
        Samples of context before and after each window that a model sees besides; 0 where the recording has none.
    """

    length: int
    hop: int
    label: LabelRule = "constant"
    pad: bool = False
    one: bool = False
    slide: bool = False
    past: int = 0
    future: int = 0

    def __post_init__(self) -> None:
        if self.length < 0 or self.hop < 1 or self.past < 0 or self.future < 0:
            raise EmgDistillError(f"{self}: length, past and future must be >= 0, hop >= 1")

    @property
    def n_times(self) -> int:
        """Samples that a model sees, with context; 0 where windows are as long as their pieces."""
        return self.past + self.length + self.future if self.length else 0


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Windows of one part, in order; all arrays have shape (n,).

    Attributes
    ----------
    recording
        int64: number of the recording among the signals of a set.
    start
        int64: first sample, without context, in samples of that recording.
    valid
        int64: samples that are real, without context.
    room
        int64: how many samples the window may slide to the right.
    begin, end
        int64: first sample of the piece that context is read from, and the one after its last.
    label
        int64: stored label, or 0 where labels are not read.
    trial
        int64: number of the stretch that windows may not straddle; majority votes go over its windows.
    """

    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    valid: NDArray[np.int64]
    room: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    label: NDArray[np.int64]
    trial: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, rows: NDArray[np.int64]) -> WindowTable:
        """Make a table of rows (n, 8), in the order of the attributes."""
        return cls(*np.ascontiguousarray(rows.T))

    def rows(self) -> NDArray[np.int64]:
        """Return the table as one array, (n, 8)."""
        return np.stack([getattr(self, field.name) for field in fields(self)], axis=1)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> WindowTable:
        """Return some rows."""
        return WindowTable.of(self.rows()[rows])


def cut(rule: Cut, pieces: Sequence[tuple[int, int]], labels: NDArray[np.int64] | None) -> WindowTable:
    """Cut the windows of one recording.

    Parameters
    ----------
    rule
        How.
    pieces
        (start, stop) of stretches that windows may not straddle, in order.
    labels
        Shape (time,): label of each sample; None where they are not read.

    Returns
    -------
    WindowTable
        Of recording 0, with trials counted from 0.
    """
    found = [np.zeros((0, len(fields(WindowTable))), np.int64)]
    trial = 0
    for piece in pieces:
        for begin, end in _stretches(rule, piece, labels):
            start, valid = _starts(rule, begin, end)
            room = np.clip(end - start - valid, 0, rule.hop - 1) if rule.slide else np.zeros_like(start)
            label = np.zeros_like(start) if labels is None else _labels(rule, labels, start, valid)
            constant = [np.full_like(start, value) for value in (0, *piece, trial)]
            columns = [constant[0], start, valid, room, constant[1], constant[2], label, constant[3]]
            found.append(np.stack(columns, axis=1))
            trial += 1
    return WindowTable.of(np.concatenate(found))


def _stretches(rule: Cut, piece: tuple[int, int], labels: NDArray[np.int64] | None) -> Iterator[tuple[int, int]]:
    """Yield a piece, divided into runs of one label where the label must be constant."""
    begin, end = piece
    edges = [begin, end]
    if rule.label == "constant" and labels is not None:
        inside = np.flatnonzero(np.diff(labels[begin:end])) + begin + 1
        edges = [begin, *inside.tolist(), end]
    yield from ((a, b) for a, b in pairwise(edges) if a < b)


def _starts(rule: Cut, begin: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first samples and real lengths of the windows of one stretch."""
    length = rule.length or end - begin
    n_full = max(0, (end - begin - length) // rule.hop + 1)
    uncovered = n_full == 0 or begin + (n_full - 1) * rule.hop + length < end
    more = rule.pad and uncovered and begin + n_full * rule.hop < end
    n_windows = min(1, n_full + more) if rule.one else n_full + more
    start = begin + rule.hop * np.arange(n_windows, dtype=np.int64)
    return start, np.minimum(length, end - start)


def _labels(
    rule: Cut, labels: NDArray[np.int64], start: NDArray[np.int64], valid: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the label of each window."""
    if rule.label == "majority":
        return _commonest(labels, start, start + valid)
    return labels[start + valid // 2 if rule.label == "centre" else start]


def _commonest(labels: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the label that occurs most often from each start to its stop, the smallest of several."""
    if not len(start):
        return np.zeros(0, np.int64)
    first = int(start[0])
    names, index = np.unique(labels[first : int(stop.max())], return_inverse=True)
    before = np.zeros((len(index) + 1, len(names)), np.int32)
    np.cumsum(index[:, None] == np.arange(len(names)), axis=0, dtype=np.int32, out=before[1:])
    most = np.argmax(before[stop - first] - before[start - first], axis=1)
    commonest: NDArray[np.int64] = names[most]
    return commonest
