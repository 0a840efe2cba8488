"""The text of a UCI recording to arrays, fast: each reading stands in about nine rows, and is parsed once.

Rows are compared as blocks of 80 bytes from the tab after the time to the end of the line. The rows that differ from
the row before go through the token parser; equal ones copy its result. Whatever looks unusual here goes through the
token parser whole, which then finds the line and the column to complain about.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emg_io._errors import EmgIoError

from ._uci_text import HEADER, MAX_STEP_MS, decimals, parse_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Parsed: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int8]]

_BLOCK = 80
_SHORTEST_ROW = 20
_ROWS_AT_ONCE = 2048  # keeps the blocks in the second-level cache
_TABS, _ONES, _HIGHS = (np.uint64(byte * 0x0101010101010101) for byte in (0x09, 0x01, 0x80))
_ZEROS = np.uint64(0x3030303030303030)


def parse(data: bytes, file: str) -> Parsed:
    """Parse one recording: arguments, result and errors of `parse_rows`, sooner."""
    found = _parse_repeats(data)
    return parse_rows(data, file) if found is None else found


def _parse_repeats(data: bytes) -> Parsed | None:
    """Parse a recording by its repeated rows; None where anything is unusual."""
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    if len(ends) < 2 or not data.startswith(HEADER) or ends[-1] != len(data) - 1:
        return None
    starts, ends = ends[:-1] + 1, ends[1:]
    lengths = ends + 1 - starts
    if lengths.min() < _SHORTEST_ROW:
        return None
    times = _times(text, starts)
    if times is None:
        return None
    stamps, n_digits = times
    if (lengths - n_digits).max() > _BLOCK:
        return None
    new = _new_rows(text, ends, lengths - n_digits)
    first = np.flatnonzero(new)
    rows = zip(starts[first].tolist(), (ends[first] + 1).tolist(), strict=True)
    try:
        _, counts, classes = parse_rows(data[: starts[0]] + b"".join([data[a:b] for a, b in rows]), "")
    except EmgIoError:
        return None
    source = np.cumsum(new) - 1
    return stamps, counts.take(source, axis=1), classes[source]


def _times(text: NDArray[np.uint8], starts: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the stamps and their numbers of digits; None unless all are decimals that increase as they should."""
    words = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))[starts]
    marks = words ^ _TABS
    marks = (marks - _ONES) & ~marks & _HIGHS
    tab = marks & (~marks + np.uint64(1))
    n_digits = np.frexp(tab.astype(np.float64))[1].astype(np.int64) // 8 - 1
    if n_digits.min() < 1:
        return None
    empty = (64 - 8 * n_digits).astype(np.uint64)
    digits = (words << empty) | (_ZEROS & ((np.uint64(1) << empty) - np.uint64(1)))
    stamps, sound = decimals(digits)
    steps = np.diff(stamps)
    if not sound.all() or (len(steps) and (steps.min() <= 0 or steps.max() > MAX_STEP_MS)):
        return None
    return stamps, n_digits


def _new_rows(text: NDArray[np.uint8], ends: NDArray[np.intp], lengths: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which rows differ, behind the time, from the row before; ``lengths`` counts bytes up to the line's end."""
    every = np.ndarray((len(text) - _BLOCK + 1,), f"V{_BLOCK}", text, 0, (1,))
    masks, new = _masks(), np.ones(len(ends), np.bool_)
    for start in range(0, len(ends) - 1, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE + 1)
        blocks = every[ends[rows] + 1 - _BLOCK].view(np.uint64).reshape(-1, _BLOCK // 8)
        blocks &= masks[lengths[rows]]
        np.any(blocks[1:] != blocks[:-1], axis=1, out=new[rows][1:])
    return new


@lru_cache(maxsize=1)
def _masks() -> NDArray[np.uint64]:
    """Return, for every length, words that keep so many bytes at the end of a block."""
    keep = np.arange(_BLOCK)[None, :] >= _BLOCK - np.arange(_BLOCK + 1)[:, None]
    return np.where(keep, 255, 0).astype(np.uint8).view(np.uint64)
