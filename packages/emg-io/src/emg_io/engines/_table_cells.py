"""Cells of a text table to numbers, a block of lines at once.

A plain cell is a sign, up to sixteen digits and up to sixteen decimals. Eight digits are one 64-bit word, so parsing is
arithmetic on all cells together. The digits make an integer; up to 2**53, over a power of ten up to 1e16, it takes one
correctly rounded division and equals ``float(cell)`` to the last bit. Every other cell goes through `exact_number`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._table_grid import Bytes, Flags, Grid, Positions

Numbers = NDArray[np.int64] | NDArray[np.float64]

MAX_CELL_BYTES = 400
_MANY = 32
_MOST = 16  # digits, and decimals, of a plain cell
_EXACT = 2**53
_DENSE = 8  # bytes a cell
_TENS = np.array([10**n for n in range(_MOST + 1)])
_SIGNED_TENS = np.concatenate([_TENS.astype(float), -_TENS.astype(float)])
_ZEROS = np.uint64(0x3030303030303030)
_PAIRS, _FOURS, _EIGHTS = (np.uint64((factor << shift) + 1) for factor, shift in ((10, 8), (100, 16), (10_000, 32)))
_PAIR_MASK, _FOUR_MASK = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_REAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(rb"[+-]?[0-9]+")
_REAL_BYTES, _WHOLE_BYTES = b"0123456789+-.eE", b"0123456789+-"


class BadCellError(Exception):
    """A cell that is no number: its index among the cells asked for, the rule that it breaks."""

    def __init__(self, index: int, rule: str) -> None:
        super().__init__(rule)
        self.index, self.rule = index, rule


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
    values, odd = _integers(grid) if whole else _reals(grid)
    if odd is not None and odd.any():
        places = np.flatnonzero(odd)
        cells = grid.cells(places)
        values[places] = _many(cells, whole=whole) or [
            exact_number(cell, at, words, whole=whole) for cell, at in zip(cells, places.tolist(), strict=True)
        ]
    return values


def exact_number(cell: bytes, index: int, words: Mapping[bytes, float], *, whole: bool) -> float:
    """Parse one cell: blanks and a pair of quotes are taken off, digits are ASCII, the value is finite."""
    text = cell.strip(b" ")
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1].strip(b" ")
    short = len(text) <= MAX_CELL_BYTES
    if whole and short and _WHOLE.fullmatch(text):
        if not -(2**63) <= int(text) < 2**63:
            raise BadCellError(index, "an integer of 64 bits")
        return int(text)
    if not whole and short and _REAL.fullmatch(text):
        value = float(text)
        if not np.isfinite(value):
            raise BadCellError(index, "a number within the range of float64")
        return value
    if text not in words:
        raise BadCellError(index, "an integer" if whole else "a number")
    return words[text]


def is_number(text: bytes) -> bool:
    """Tell whether a cell is spelt like a number, with a decimal point or comma."""
    return _REAL.fullmatch(text.strip(b" ").replace(b",", b".")) is not None


def _many(cells: list[bytes], *, whole: bool) -> list[float] | None:
    """Parse cells of nothing but a number, where they are many; None where one may be something else."""
    if len(cells) < _MANY or max(map(len, cells)) > MAX_CELL_BYTES:
        return None
    if b"".join(cells).translate(None, _WHOLE_BYTES if whole else _REAL_BYTES):
        return None
    try:
        values: list[float] = list(map(int if whole else float, cells))
    except ValueError:
        return None
    limit = 2**63 - 1 if whole else float(np.finfo(float).max)
    return values if -limit <= min(values) and max(values) <= limit else None


def _integers(grid: Grid) -> tuple[NDArray[np.int64], Flags | None]:
    """Parse plain integers; tell which cells are none."""
    n_digits = grid.stops - grid.starts
    n_digits -= grid.negative
    values = _runs(grid.text, grid.stops, n_digits)
    values ^= -grid.negative
    values += grid.negative
    odd = grid.odd
    if grid.points is not grid.stops:
        odd = _either(odd, grid.points < grid.stops)
    if n_digits.min() < 1 or n_digits.max() > _MOST:
        odd = _either(odd, (n_digits < 1) | (n_digits > _MOST))
    return values, odd


def _reals(grid: Grid) -> tuple[NDArray[np.float64], Flags | None]:
    """Parse plain decimals; tell which cells are none."""
    n_digits = grid.points - grid.starts
    n_digits -= grid.negative
    values = _runs(grid.text, grid.points, n_digits)
    powers = grid.negative * len(_TENS)
    if grid.points is not grid.stops:
        n_decimals = grid.stops - grid.points
        n_decimals -= 1
        np.minimum(n_decimals, _MOST, out=n_decimals)
        np.maximum(n_decimals, 0, out=n_decimals)
        powers += n_decimals
        values *= _TENS[n_decimals]
        values += _runs(grid.text, grid.stops, n_decimals)
        n_digits += n_decimals
    signed = values / _SIGNED_TENS[powers]
    if n_digits.min() > 0 and n_digits.max() < _MOST:
        return signed, grid.odd
    beyond = (grid.stops - grid.points - 1 > _MOST) | (grid.points - grid.starts - grid.negative > _MOST)
    return signed, _either(grid.odd, beyond | (n_digits < 1) | (n_digits > _MOST + 2) | (values > _EXACT))


def _either(odd: Flags | None, more: Flags) -> Flags:
    """Join two sets of unusual cells."""
    return more if odd is None else odd | more


def _runs(text: Bytes, stops: Positions, n_digits: Positions) -> NDArray[np.int64]:
    """Parse the digits in front of each place, up to sixteen of them; whatever else stands there gives nonsense."""
    longest = int(n_digits.max())
    if longest <= 1:
        digits = text[stops - 1] & np.uint8(15)
        return digits * n_digits
    words = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))
    if len(text) < _DENSE * len(stops):
        words = np.ascontiguousarray(words)  # aligned words are gathered faster, which pays where cells are short
    if longest <= 8:
        return _eight(words[stops - 8], n_digits)
    values = _eight(words[stops - 8], np.minimum(n_digits, 8))
    upper = _eight(words[stops - 16], np.clip(n_digits, 8, 16) - 8)
    upper *= 10**8
    values += upper
    return values


def _eight(words: NDArray[np.uint64], n_digits: Positions) -> NDArray[np.int64]:
    """Parse words of which the upper ``n_digits``, 0..8, bytes are digits."""
    low = n_digits * -8
    low += 64
    empty = low.view(np.uint64)
    words ^= _ZEROS
    words >>= empty
    words <<= empty
    words *= _PAIRS
    words >>= np.uint64(8)
    words &= _PAIR_MASK
    words *= _FOURS
    words >>= np.uint64(16)
    words &= _FOUR_MASK
    words *= _EIGHTS
    words >>= np.uint64(32)
    return words.view(np.int64)
