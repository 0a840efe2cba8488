"""Electrode layouts: where each channel sits on the arm, checked to be a bijection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """Channel-to-position map of one electrode arrangement.

    Parameters
    ----------
    kind
        ``"ring"`` (one row, circular), ``"rings"`` (a ring a row), ``"grid"`` (rows by columns), ``"grids"`` (several
        grids in one picture), ``"ring+points"`` (a ring followed by single electrodes, each in a cell of its own) or
        ``"unplaced"`` (positions not known).
    cells
        ``rows`` tuples of ``columns`` channel indices, 0-based; ``-1`` marks an empty cell.
    circular
        Whether (rows, columns) wrap round.
    description
        Where the electrodes sit, in words.
    pitch_mm
        Distance of neighbouring electrodes in mm, or None where it is not known.

    Raises
    ------
    EmgIoError
        If the map is not a bijection between channels and filled cells, or rows differ in length.

    Examples
    --------
    >>> Layout.ring(8).position(7), Layout.ring(8).neighbours(7)
    ((0, 7), (0, 6))
    """

    kind: str
    cells: tuple[tuple[int, ...], ...]
    circular: tuple[bool, bool] = (False, False)
    description: str = ""
    pitch_mm: float | None = None

    def __post_init__(self) -> None:
        if not self.cells or not self.cells[0] or any(len(row) != len(self.cells[0]) for row in self.cells):
            raise EmgIoError(
                "layout is empty or its rows differ in length",
                place="cells",
                expected="a rectangle",
                found=str(self.cells),
            )
        filled = sorted(cell for row in self.cells for cell in row if cell != -1)
        if filled != list(range(len(filled))):
            raise EmgIoError(
                "layout is not a bijection between channels and cells",
                place="cells",
                expected=f"each of 0..{len(filled) - 1} exactly once",
                found=str(filled),
            )

    @classmethod
    def ring(cls, n_chans: int, description: str = "") -> Layout:
        """Make a ring of ``n_chans`` (> 0) electrodes: the last neighbours the first."""
        return cls("ring", (tuple(range(n_chans)),), (False, True), description)

    @classmethod
    def rings(cls, sizes: Sequence[int], description: str = "") -> Layout:
        """Make rings of the given sizes (> 0), one a row, channels counting on from ring to ring."""
        width, cells, first = max(sizes), [], 0
        for size in sizes:
            cells.append(tuple(range(first, first + size)) + (-1,) * (width - size))
            first += size
        return cls("rings", tuple(cells), (False, True), description)

    @classmethod
    def grid(
        cls,
        cells: NDArray[np.integer] | list[list[int]],
        *,
        circular: tuple[bool, bool] = (False, False),
        description: str = "",
        pitch_mm: float | None = None,
        kind: str = "grid",
    ) -> Layout:
        """Make a grid from a (rows, columns) array of channel indices, ``-1`` where a cell is empty."""
        return cls(kind, tuple(tuple(int(cell) for cell in row) for row in cells), circular, description, pitch_mm)

    @classmethod
    def ring_and_points(cls, n_ring: int, n_points: int, description: str = "") -> Layout:
        """Make a ring of the first ``n_ring`` channels and ``n_points`` single electrodes outside it."""
        points = tuple(range(n_ring, n_ring + n_points)) + (-1,) * (n_ring - n_points)
        return cls("ring+points", (tuple(range(n_ring)), points), (False, True), description)

    @classmethod
    def unplaced(cls, n_chans: int, description: str = "positions not known") -> Layout:
        """Make a row of ``n_chans`` (> 0) channels of which nobody neighbours another."""
        return cls("unplaced", (tuple(range(n_chans)),), (False, False), description)

    @property
    def n_chans(self) -> int:
        """Number of channels that have a cell."""
        return sum(cell != -1 for row in self.cells for cell in row)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the map."""
        return len(self.cells), len(self.cells[0])

    def position(self, channel: int) -> tuple[int, int]:
        """Return (row, column) of a channel."""
        for row, cells in enumerate(self.cells):
            if channel in cells and channel >= 0:
                return row, cells.index(channel)
        raise EmgIoError(
            "no such channel in the layout", place="channel", expected=f"0..{self.n_chans - 1}", found=str(channel)
        )

    def neighbours(self, channel: int) -> tuple[int, ...]:
        """Return the channels beside this one in its row, wrapping round where the ring is closed."""
        row, column = self.position(channel)
        if self.kind == "unplaced" or (self.kind == "ring+points" and row > 0):
            return ()
        cells, wraps = self.cells[row], self.circular[1]
        if wraps:
            cells = tuple(cell for cell in cells if cell != -1)
            column = cells.index(channel)
        beside = [column + step for step in (1, -1) if wraps or 0 <= column + step < len(cells)]
        found = {cells[at % len(cells)] for at in beside} - {-1, channel}
        return tuple(sorted(found))
