"""Cells of a text table to numbers, a block of lines at once.

Points are taken out of the text, so that a plain cell is a sign and up to sixteen digits: two 64-bit words, turned into
an integer by arithmetic on all cells together. An integer up to 2**53 over a power of ten up to 1e16 is one correctly
rounded division, hence equal to ``float(cell)`` to the last bit. Every other cell goes through `exact_number`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Numbers = NDArray[np.int64] | NDArray[np.float64]
Positions = NDArray[np.int64]
Words = NDArray[np.uint64]

MAX_CELL_BYTES = 400
_PAD = b"\n" * 16
_MINUS, _POINT, _NEWLINE = b"-.\n"
_POWERS_OF_TEN = np.power(10.0, np.arange(17))
_EXACT_LIMIT = 2**53
_ZEROS, _CARRIES, _HIGHS = (np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x76, 0x80))
_STEPS = tuple(
    (np.uint64(10**n), np.uint64(8 * n), np.uint64(mask))
    for n, mask in ((1, 0x00FF00FF00FF00FF), (2, 0x0000FFFF0000FFFF), (4, 0xFFFFFFFF))
)
_REAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(rb"[+-]?[0-9]+")


class BadCellError(Exception):
    """A cell that is no number: its index among the cells asked for, its text, the rule that it breaks."""

    def __init__(self, index: int, text: bytes, rule: str) -> None:
        super().__init__(rule)
        self.index, self.text, self.rule = index, text, rule


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the cells of a block lie, row after row.

    Attributes
    ----------
    block
        The text; every line is ended by LF.
    starts, stops
        (cells,) first byte and the byte behind the last one, in ``block``.
    """

    block: bytes
    starts: Positions
    stops: Positions

    @classmethod
    def of(cls, block: bytes, delimiter: int, n_columns: int) -> Grid | None:
        """Find the cells; None unless every line has ``n_columns`` of them."""
        text = np.frombuffer(block, np.uint8)
        newlines = text == _NEWLINE
        stops = np.flatnonzero(newlines | (text == delimiter))
        if len(stops) != np.count_nonzero(newlines) * n_columns:
            return None
        if not (text[stops[n_columns - 1 :: n_columns]] == _NEWLINE).all():
            return None
        starts = np.empty_like(stops)
        starts[0], starts[1:] = 0, stops[:-1] + 1
        return cls(block, starts, stops)

    def columns(self, wanted: NDArray[np.intp], n_columns: int) -> Grid:
        """Return the cells of some columns, row after row."""
        picked = (at.reshape(-1, n_columns)[:, wanted].ravel() for at in (self.starts, self.stops))
        return Grid(self.block, *picked)

    def cell(self, index: int) -> bytes:
        """Return the text of one cell."""
        return self.block[self.starts[index] : self.stops[index]]


def numbers(grid: Grid, words: Mapping[bytes, float], *, whole: bool) -> Numbers:
    """Parse cells.

    Parameters
    ----------
    grid
        Cells.
    words
        What cells that are no numbers stand for, NaN for instance; the keys are stripped of blanks.
    whole
        Whether cells must be integers; they come out as int64, else as float64, each equal to ``float(cell)``.

    Raises
    ------
    BadCellError
        For the first cell that is neither a finite number nor one of the words.
    """
    values, odd = _reals(grid) if not whole else _integers(grid)
    for index in np.flatnonzero(odd).tolist() if odd is not None else ():
        values[index] = exact_number(grid.cell(index), index, words, whole=whole)
    return values


def exact_number(cell: bytes, index: int, words: Mapping[bytes, float], *, whole: bool) -> float:
    """Parse one cell: blanks and a pair of quotes are taken off, digits are ASCII, the value is finite."""
    text = cell.strip(b" ")
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1].strip(b" ")
    short = len(text) <= MAX_CELL_BYTES
    if whole and short and _WHOLE.fullmatch(text):
        if not -(2**63) <= int(text) < 2**63:
            raise BadCellError(index, cell, "an integer of 64 bits")
        return int(text)
    if not whole and short and _REAL.fullmatch(text):
        value = float(text)
        if not np.isfinite(value):
            raise BadCellError(index, cell, "a number within the range of float64")
        return value
    if text not in words:
        raise BadCellError(index, cell, "an integer" if whole else "a number")
    return words[text]


def is_number(text: bytes) -> bool:
    """Tell whether a cell is spelt like a number, with a decimal point or comma."""
    return _REAL.fullmatch(text.strip(b" ").replace(b",", b".")) is not None


def _integers(grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """Parse plain integers; tell which cells are none."""
    values, negative, odd = _digits(grid.block, grid.starts, grid.stops)
    values ^= -negative
    values += negative
    return values, odd


def _reals(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Parse plain decimals; tell which cells are none."""
    if b"." not in grid.block:
        values, negative, odd = _digits(grid.block, grid.starts, grid.stops)
        return _signed(values.astype(np.float64), negative), _either(odd, values > _EXACT_LIMIT)
    points = np.flatnonzero(np.frombuffer(grid.block, np.uint8) == _POINT)
    before_start, before_stop = (np.searchsorted(points, at) for at in (grid.starts, grid.stops))
    starts, stops = grid.starts - before_start, grid.stops - before_stop
    values, negative, odd = _digits(grid.block.translate(None, b"."), starts, stops)
    n_points = before_stop - before_start
    n_decimals = (grid.stops - 1 - points[before_stop - 1]) * (n_points > 0)
    n_digits = stops - starts - negative
    odd = _either(odd, (n_points > 1) | (n_decimals > n_digits) | (values > _EXACT_LIMIT))
    reals = values / _POWERS_OF_TEN[np.minimum(n_decimals, 16)]
    return _signed(reals, negative), odd


def _digits(
    block: bytes, starts: Positions, stops: Positions
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Parse cells of a minus, if any, and 1..16 digits: magnitudes, 1 where negative, which cells are otherwise."""
    text = np.frombuffer(_PAD + block, np.uint8)
    every = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))
    negative = (text[starts + len(_PAD)] == _MINUS).astype(np.int64)
    n_digits = stops - starts
    n_digits -= negative
    values, junk = _eight(every[stops + (len(_PAD) - 8)], np.minimum(n_digits, 8))
    odd = None
    if n_digits.max() > 8:
        long = np.flatnonzero(n_digits > 8)
        upper, upper_junk = _eight(every[stops[long] + (len(_PAD) - 16)], np.minimum(n_digits[long] - 8, 8))
        upper *= 10**8
        values[long] += upper
        junk[long] |= upper_junk
        odd = _either(odd, n_digits > 16)
    if n_digits.min() < 1:
        odd = _either(odd, n_digits < 1)
    if np.bitwise_or.reduce(junk) & _HIGHS:
        odd = _either(odd, (junk & _HIGHS) != 0)
    return values, negative, odd


def _eight(words: Words, n_digits: Positions) -> tuple[NDArray[np.int64], Words]:
    """Parse words whose upper ``n_digits`` (up to 8) bytes are digits; junk has a high bit where one is not."""
    low = (64 - 8 * n_digits).astype(np.uint64)
    words ^= _ZEROS
    words >>= low
    words <<= low
    junk = words + _CARRIES
    junk |= words
    for factor, shift, mask in _STEPS:
        upper = words >> shift
        words *= factor
        words += upper
        words &= mask
    return words.view(np.int64), junk


def _signed(values: NDArray[np.float64], negative: NDArray[np.int64]) -> NDArray[np.float64]:
    """Put the signs to magnitudes; the zero of ``-0`` is negative."""
    values *= 1.0 - 2.0 * negative
    return values


def _either(odd: NDArray[np.bool_] | None, more: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Join two sets of unusual cells; None is the empty one."""
    if not more.any():
        return odd
    return more if odd is None else odd | more
