"""The text of a UCI recording to arrays, fast: each reading stands in about nine rows, and is parsed once.

Rows are compared from the tab after the time to the end of the line, in a few blocks each, some thousand rows at once.
The rows that differ from the row before go through the token parser; equal ones copy its result. Whatever looks unusual
here goes through the token parser whole, which then finds the line and the column to complain about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emg_io._errors import EmgIoError

from ._uci_text import HEADER, MAX_STEP_MS, decimals, ended, parse_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._uci_text import Words

    Parsed: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int8]]

_LONGEST_ROW, _SHORTEST_ROW = 128, 20
_BLOCK = 64
_ROWS_AT_ONCE = 8192  # keeps the words in the second-level cache
_TABS, _ONES, _HIGHS = (np.uint64(byte * 0x0101010101010101) for byte in (0x09, 0x01, 0x80))
_ZEROS = np.uint64(0x3030303030303030)


def parse(data: bytes, file: str) -> Parsed:
    """Parse one recording: arguments, result and errors of `parse_rows`, sooner."""
    found = _parse_repeats(ended(data))
    return parse_rows(data, file) if found is None else found


def _parse_repeats(data: bytes) -> Parsed | None:
    """Parse a recording by its repeated rows; None where anything is unusual."""
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    if len(ends) < 2 or not data.startswith(HEADER) or ends[-1] != len(data) - 1:
        return None
    starts, ends = ends[:-1] + 1, ends[1:] + 1
    lengths = ends - starts
    if lengths.min() < _SHORTEST_ROW or lengths.max() > _LONGEST_ROW:
        return None
    found = _times_and_changes(text, starts, ends)
    if found is None:
        return None
    stamps, new = found
    first = np.flatnonzero(new)
    rows = zip(starts[first].tolist(), ends[first].tolist(), strict=True)
    try:
        _, counts, classes = parse_rows(data[: starts[0]] + b"".join([data[a:b] for a, b in rows]), "")
    except EmgIoError:
        return None
    source = np.cumsum(new) - 1
    return stamps, counts.take(source, axis=1), classes[source]


def _times_and_changes(
    text: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Return the stamps, and which rows differ behind the time from the row before.

    None unless all stamps are decimals that increase as they should.
    """
    stamps, new = np.empty(len(starts), np.int64), np.ones(len(starts), np.bool_)
    words = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))
    for first in range(0, len(starts), _ROWS_AT_ONCE):
        rows = slice(max(0, first - 1), first + _ROWS_AT_ONCE)
        times = _times(words[starts[rows]])
        if times is None:
            return None
        stamps[rows] = times[0]
        new[rows][1:] = _changes(text, starts[rows] + times[1], ends[rows])
    steps = np.diff(stamps)
    if len(steps) and (steps.min() <= 0 or steps.max() > MAX_STEP_MS):
        return None
    return stamps, new


def _times(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the stamps in the first eight bytes of rows, and their numbers of digits; None unless all are decimals."""
    n_digits = _digits(words)
    if n_digits.min() < 1:
        return None
    empty = (64 - 8 * n_digits).astype(np.uint64)
    digits = (words << empty) | (_ZEROS & ((np.uint64(1) << empty) - np.uint64(1)))
    stamps, sound = decimals(digits)
    return (stamps, n_digits) if sound.all() else None


def _digits(words: Words) -> NDArray[np.int64]:
    """Return how many bytes stand before the tab in each word: one number where all are equal, -1 where no tab is."""
    first = int(words[0]).to_bytes(8, "little").find(b"\t")
    if first >= 0 and (((words >> np.uint64(8 * first)) & np.uint64(0xFF)) == ord("\t")).all():
        return np.array([first])
    marks = words ^ _TABS
    marks = (marks - _ONES) & ~marks & _HIGHS
    tab = marks & (~marks + np.uint64(1))
    return np.frexp(tab.astype(np.float64))[1].astype(np.int64) // 8 - 1


def _changes(text: NDArray[np.uint8], tabs: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which rows but the first differ from the row before, from tab to end.

    Blocks are as wide as the shortest row allows, `_BLOCK` bytes at most. They are taken from the tab on; one that
    would reach over the end is moved back to it, so that rows of equal length are covered by the same blocks and by
    nothing else.
    """
    lengths = ends - tabs
    longest, widest = int(lengths.max()), min(int(lengths.min()), _BLOCK) // 8 * 8
    n_blocks = -(-longest // widest)
    width = -(-longest // (8 * n_blocks)) * 8
    every = np.ndarray((len(text) - width + 1,), f"V{width}", text, 0, (1,))
    changed: NDArray[np.bool_] = lengths[1:] != lengths[:-1]
    for at in range(0, longest, width):
        words = every[np.minimum(tabs + at, ends - width)].view(np.uint64)
        unlike = (words[width // 8 :] != words[: -(width // 8)]).reshape(-1, width // 8)
        for column in unlike.T:
            changed |= column
    return changed
