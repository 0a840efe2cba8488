"""The text of a UCI recording to arrays, fast: each reading stands in about nine rows, and is parsed once.

Rows are compared from the tab after the time to the end of the line, in a few blocks each, some thousand rows at once.
The rows that differ from the row before go through the token parser; equal ones copy its result. Whatever looks unusual
here goes through the token parser whole, which then finds the line and the column to complain about.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emg_io._errors import EmgIoError

from ._uci_text import (
    ENDINGS,
    HEADER,
    MAX_STEP_MS,
    N_CLASSES,
    decimals,
    ended,
    parse_rows,
    read_counts,
    read_integers,
    words_before,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._uci_text import Words

    Parsed: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int8]]

_LONGEST_ROW, _SHORTEST_ROW = 88, 20  # so no block reaches over the beginning of the file, because of the header
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
    ends = np.flatnonzero(text == ord("\n")) + 1
    if len(ends) < 2 or not data.startswith(HEADER) or ends[-1] != len(data):
        return None
    ending = data[len(HEADER) : ends[0]]
    starts, ends = ends[:-1], ends[1:]
    lengths = ends - starts
    if ending not in ENDINGS or lengths.min() < _SHORTEST_ROW or lengths.max() > _LONGEST_ROW:
        return None
    found = _times_and_changes(text, starts, ends)
    if found is None:
        return None
    stamps, tabs, new = found
    first = np.flatnonzero(new)
    try:
        cells = _cells(text, tabs[first], ends[first], ending)
    except EmgIoError:
        return None
    if cells is None:
        return None
    counts, classes = cells
    source = np.cumsum(new) - 1
    return stamps, counts.take(source, axis=1), classes[source]


def _times_and_changes(
    text: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.bool_]] | None:
    """Return the stamps, where the tabs behind them are, and which rows differ from there from the row before.

    None unless all stamps are decimals that increase as they should.
    """
    stamps, tabs, new = np.empty(len(starts), np.int64), starts.copy(), np.ones(len(starts), np.bool_)
    words = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))
    for first in range(0, len(starts), _ROWS_AT_ONCE):
        rows = slice(max(0, first - 1), first + _ROWS_AT_ONCE)
        times = _times(words[starts[rows]])
        if times is None:
            return None
        stamps[rows] = times[0]
        tabs[rows] = starts[rows] + times[1]
        new[rows][1:] = _changes(text, tabs[rows], ends[rows])
    steps = np.diff(stamps)
    if len(steps) and (steps.min() <= 0 or steps.max() > MAX_STEP_MS):
        return None
    return stamps, tabs, new


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

    Blocks are as wide as the shortest row allows, `_BLOCK` bytes at most. They are taken from the tab on, the last one
    up to the end, so that rows of equal length are covered by the same blocks and by nothing else.
    """
    lengths = ends - tabs
    longest, widest = int(lengths.max()), min(int(lengths.min()), _BLOCK) // 8 * 8
    n_blocks = -(-longest // widest)
    width = -(-longest // (8 * n_blocks)) * 8
    every = np.ndarray((len(text) - width + 1,), f"V{width}", text, 0, (1,))
    changed: NDArray[np.bool_] = lengths[1:] != lengths[:-1]
    last = ends - width
    middle = [np.minimum(tabs + block * width, last) for block in range(1, n_blocks - 1)]
    for at in [tabs, *middle, last]:
        words = every[at].view(np.uint64)
        unlike = (words[width // 8 :] != words[: -(width // 8)]).reshape(-1, width // 8)
        for column in unlike.T:
            changed |= column
    return changed


def _cells(
    text: NDArray[np.uint8], tabs: NDArray[np.intp], ends: NDArray[np.intp], ending: bytes
) -> tuple[NDArray[np.int8], NDArray[np.int8]] | None:
    """Parse rows from tab to end: (8, rows) counts and (rows,) classes; None or an error where one is unusual.

    Each row becomes a block that ends as the row does; what stands before its tab there is made no separator. Eight
    bytes more than the longest row leave room for the word before the first cell.
    """
    lengths = ends - tabs
    width = -(-int(lengths.max()) // 8) * 8 + 8
    blocks = np.ndarray((len(text) - width + 1,), f"V{width}", text, 0, (1,))[ends - width].view(np.uint64)
    blocks |= _noise(width)[lengths].reshape(-1)
    rows = blocks.view(np.uint8)
    breaks = np.flatnonzero(rows < 32)
    pattern = np.frombuffer(b"\t" * 9 + ending, np.uint8)
    if len(breaks) != len(lengths) * len(pattern):
        return None
    table = breaks.reshape(-1, len(pattern))
    if (rows[table] != pattern).any() or (table[:, -1] - table[:, 9] != len(ending) - 1).any():
        return None
    starts, stops = table.T[:9] + 1, np.ascontiguousarray(table.T[1:10])
    words, sizes = words_before(rows, stops), stops - starts
    counts = read_counts(words[:8], sizes[:8], rows, starts[:8], "")
    classes = read_integers(words[8], sizes[8], "class", rows, starts[8], "")
    return (counts, classes.astype(np.int8)) if classes.max() < N_CLASSES else None


@lru_cache(maxsize=16)
def _noise(width: int) -> Words:
    """Return, for every length of a row, words that turn all bytes before it in a block into printable ones."""
    before = np.arange(width)[None, :] < width - np.arange(width + 1)[:, None]
    return np.where(before, 32, 0).astype(np.uint8).view(np.uint64)
