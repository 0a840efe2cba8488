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
        found = text == _NEWLINE
        n_cells = np.count_nonzero(found) * n_columns
        found |= text == delimiter
        if b"." in block:
            found |= text == _POINT
        marks = np.flatnonzero(found)
        points, stops = _parted(text, marks) if b"." in block else (marks, marks)
        if len(stops) != n_cells or (text[stops[n_columns - 1 :: n_columns]] != _NEWLINE).any():
            return None
        starts = np.empty_like(stops)
        starts[0], starts[1:] = len(PAD), stops[:-1] + 1
        ends, n_returns = stops, 0
        if b"\r" in block:
            points, stops, n_returns = _without_returns(text, points, stops, n_columns)
        minus, strange = text[starts] == _MINUS, text - _ZERO > 9
        n_points = 0 if points is stops else np.count_nonzero(points < stops)
        odd = None
        if np.count_nonzero(strange) != n_cells + n_points + n_returns + np.count_nonzero(minus):
            for at in (ends, stops, points, starts[minus]):
                strange[at] = False
            odd = np.zeros(n_cells, np.bool_)
            odd[np.searchsorted(ends, np.flatnonzero(strange))] = True
        return cls(text, starts, points, stops, minus.astype(np.int64), odd)

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


def _parted(text: Bytes, marks: Positions) -> tuple[Positions, Positions]:
    """Part decimal points from the ends of cells: for each cell its first point, or its end, and its end."""
    is_point = text[marks] == _POINT
    if not len(marks) % 2 and is_point[0::2].all() and not is_point[1::2].any():
        return marks[0::2], marks[1::2]
    at = np.flatnonzero(~is_point)
    stops, n_points = marks[at], np.diff(at, prepend=-1) - 1
    return np.where(n_points > 0, marks[at - n_points], stops), stops


def _without_returns(
    text: Bytes, points: Positions, stops: Positions, n_columns: int
) -> tuple[Positions, Positions, int]:
    """End the last cell of a line in front of the CR of its CRLF: points, stops, and how many CR there were."""
    last = slice(n_columns - 1, None, n_columns)
    back = text[stops[last] - 1] == _RETURN
    moved = stops.copy()
    moved[last] -= back
    points = moved if points is stops else np.where(points == stops, moved, points)
    return points, moved, int(np.count_nonzero(back))
