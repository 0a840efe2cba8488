"""Where the cells of a text table lie, found for a block of lines at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]
Bytes = NDArray[np.uint8]

PAD = b"0" * 16
_MINUS, _POINT, _NEWLINE, _RETURN, _ZERO = b"-.\n\r0"


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a block of lines, row after row.

    Attributes
    ----------
    text
        Sixteen digits, then the block; every line is ended by LF.
    starts, points, stops
        (cells,) places in ``text``: first byte, first decimal point (``stops`` where there is none), byte behind the
        last one. ``points is stops`` where the block has no point at all.
    negative
        (cells,) int64, 1 where a cell begins with a minus.
    odd
        (cells,) where a cell holds anything but digits, a minus in front and one point; None for nowhere.
    """

    text: Bytes
    starts: Positions
    points: Positions
    stops: Positions
    negative: Positions
    odd: Flags | None

    @classmethod
    def of(cls, block: bytes, delimiter: int, n_columns: int) -> Grid | None:
        """Find the cells; None unless every line has ``n_columns`` of them."""
        text = np.frombuffer(PAD + block, np.uint8)
        ends = text == _NEWLINE
        n_cells = np.count_nonzero(ends) * n_columns
        ends |= text == delimiter
        if b"." in block:
            points, stops, odd = _parted(text, np.flatnonzero(ends | (text == _POINT)))
        else:
            points = stops = np.flatnonzero(ends)
            odd = None
        if len(stops) != n_cells or (text[stops[n_columns - 1 :: n_columns]] != _NEWLINE).any():
            return None
        starts = np.empty_like(stops)
        starts[0], starts[1:] = len(PAD), stops[:-1] + 1
        foreign = _foreign(text, ends, points=points is not stops, returns=b"\r" in block)
        if len(foreign):
            odd = np.zeros(n_cells, np.bool_) if odd is None else odd
            odd[np.searchsorted(stops, foreign)] = True
        if b"\r" in block:
            points, stops = _without_returns(text, points, stops, n_columns)
        negative = (text[starts] == _MINUS).astype(np.int64)
        return cls(text, starts, points, stops, negative, odd)

    def columns(self, wanted: NDArray[np.intp], n_columns: int) -> Grid:
        """Return the cells of some columns, row after row."""
        starts, points, stops, negative = (
            at.reshape(-1, n_columns)[:, wanted].ravel() for at in (self.starts, self.points, self.stops, self.negative)
        )
        odd = None if self.odd is None else self.odd.reshape(-1, n_columns)[:, wanted].ravel()
        points = stops if self.points is self.stops else points
        return Grid(self.text, starts, points, stops, negative, odd)

    def cell(self, index: int) -> bytes:
        """Return one cell."""
        return self.text[self.starts[index] : self.stops[index]].tobytes()

    def cells(self, indices: NDArray[np.intp]) -> list[bytes]:
        """Return some cells."""
        text = self.text.data.tobytes()
        return [text[a:b] for a, b in zip(self.starts[indices].tolist(), self.stops[indices].tolist(), strict=True)]


def _parted(text: Bytes, marks: Positions) -> tuple[Positions, Positions, Flags | None]:
    """Part decimal points from the ends of cells: first point or else the end, the end, which have several points."""
    is_point = text[marks] == _POINT
    if not len(marks) % 2 and is_point[0::2].all() and not is_point[1::2].any():
        return marks[0::2].copy(), marks[1::2].copy(), None
    at = np.flatnonzero(~is_point)
    stops, n_points = marks[at], np.diff(at, prepend=-1) - 1
    points = np.where(n_points > 0, marks[at - n_points], stops)
    return points, stops, n_points > 1 if n_points.max(initial=0) > 1 else None


def _foreign(text: Bytes, ends: Flags, *, points: bool, returns: bool) -> Positions:
    """Return where bytes stand that are no digit, no point, no minus at the start of a cell and no end of one."""
    foreign = text - _ZERO > 9
    foreign ^= ends
    expected = text == _MINUS
    expected[1:] &= ends[:-1]
    expected[len(PAD)] = text[len(PAD)] == _MINUS
    foreign ^= expected
    if points:
        foreign ^= text == _POINT
    if returns:
        foreign[:-1] ^= (text[:-1] == _RETURN) & (text[1:] == _NEWLINE)
    return np.flatnonzero(foreign)


def _without_returns(text: Bytes, points: Positions, stops: Positions, n_columns: int) -> tuple[Positions, Positions]:
    """End the last cell of a line in front of the CR of its CRLF: points and stops."""
    last = slice(n_columns - 1, None, n_columns)
    moved = stops.copy()
    moved[last] -= text[stops[last] - 1] == _RETURN
    return (moved if points is stops else np.where(points == stops, moved, points)), moved
