"""`Interpolation`: what another grid in the same place would have recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from emg_dsp._checks import one_of
from emg_dsp._errors import EmgDspError

from .geometry import plate_weights, ring_axis
from .grid import Grid  # noqa: TC001  fields of dataclasses
from .mixer import Mixer, checked_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUND = 1e-9


@dataclass(frozen=True)
class Interpolation(Mixer):
    """Interpolate the signal of one grid at the electrodes of another.

    Parameters
    ----------
    grid, other : Grid
        Where the signal is from, and where it is wanted; as many sheets in both. Along each axis the middles of both
        grids coincide and distances are those of the pitch. An axis that closes in both is matched by the part of a
        turn, electrode 0 on electrode 0, whatever the pitch.
    method : {"bilinear", "tps"}
        ``"bilinear"``: from the four electrodes around; where some are missing, from the others, weights rescaled.
        Constants are exact, and linear fields where none is missing. ``"tps"``: thin-plate spline through all
        electrodes of the sheet (Bookstein 1989, doi:10.1109/34.24792); constants and planes are exact.
    outside : {"raise", "nearest"}
        A place beyond the first or last electrode of an axis raises, or takes the nearest place on the edge.

    The output has one channel for each electrode of ``other``, in the order of ``other.compact()``, which is `output`.

    Raises
    ------
    EmgDspError
        If an axis cannot be matched, a place is outside, or there is no electrode around it.
    """

    kind = "interpolation"

    other: Grid
    method: Literal["bilinear", "tps"] = "bilinear"
    outside: Literal["raise", "nearest"] = "raise"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_grid(self.other, "other")
        one_of(self.method, "method", ("bilinear", "tps"))
        one_of(self.outside, "outside", ("raise", "nearest"))
        if len(self.grid.sheets) != len(self.other.sheets):
            raise EmgDspError(
                f"{len(self.grid.sheets)} grids in {self.grid.name!r}, {len(self.other.sheets)} in "
                f"{self.other.name!r}; required are as many. Take one with part()."
            )
        _ = self.weights

    @property
    def output(self) -> Grid:
        """Grid of the outputs."""
        return self.other.compact()

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weights (electrodes of ``other``, n_chans), read-only."""
        matrix = np.zeros((self.other.n_electrodes, self.grid.n_chans))
        places = self.other.places[self.other.channels]
        at = np.stack([self._along(axis, places[:, 1 + axis]) for axis in (0, 1)], axis=1)
        fit = self._bilinear if self.method == "bilinear" else self._plate
        for row, (sheet, place) in enumerate(zip(places[:, 0].tolist(), at, strict=True)):
            channels, values = fit(np.array(self.grid.sheets[sheet]), place)
            np.add.at(matrix[row], channels, values)
        matrix.flags.writeable = False
        return matrix

    def _along(self, axis: int, place: NDArray[np.int64]) -> NDArray[np.float64]:
        """Turn places of the other grid along one axis into places of this one."""
        own, far = self.grid.shape[-2:][axis], self.other.shape[-2:][axis]
        if ring_axis(self.grid) == axis == ring_axis(self.other):
            return np.asarray(place * (own / far), dtype=np.float64)
        step, stride = self.grid.pitch_mm[axis], self.other.pitch_mm[axis]
        if own == far == 1:
            step = stride = 1.0
        if step is None or stride is None:
            raise EmgDspError(
                f"axis {('rows', 'cols')[axis]} has the pitch {step} mm in {self.grid.name!r}, {stride} mm in "
                f"{self.other.name!r}; required is a known pitch in both, or an axis that closes in both. "
                "Make the grid with pitch_mm, e.g. dataclasses.replace(grid, pitch_mm=(8.0, 8.0))."
            )
        at = (place - (far - 1) / 2) * (stride / step) + (own - 1) / 2
        if ring_axis(self.grid) == axis:
            return np.asarray(at % own, dtype=np.float64)
        inside: NDArray[np.float64] = np.clip(at, 0.0, own - 1.0)
        if self.outside == "raise" and np.abs(inside - at).max() > _ROUND:
            raise EmgDspError(
                f"{int((np.abs(inside - at) > _ROUND).sum())} electrodes of {self.other.name!r} lie beyond "
                f"{self.grid.name!r} along its {('rows', 'cols')[axis]}; required are places on the grid. "
                "Take a smaller grid, or pass outside='nearest'."
            )
        return inside

    def _bilinear(
        self, table: NDArray[np.int64], place: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return channels and weights of the corners around a place."""
        low = np.floor(place + _ROUND).astype(np.int64)
        part = np.clip(place - low, 0, 1)
        corners = low + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        values = np.prod(np.where(corners > low, part, 1 - part), axis=1)
        used = values > _ROUND
        channels = table[tuple((corners[used] % table.shape).T)]
        values = values[used][channels >= 0]
        if len(values) == 0:
            raise EmgDspError(
                f"no electrode of {self.grid.name!r} around row {place[0]:g}, column {place[1]:g}; "
                "required is at least one. Use the method 'tps'."
            )
        return channels[channels >= 0], values / values.sum()

    def _plate(
        self, table: NDArray[np.int64], place: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return all channels of a sheet and their weights in the thin-plate spline at a place."""
        where = np.argwhere(table >= 0)
        ways = where - place
        axis = ring_axis(self.grid)
        if axis is not None:
            n = table.shape[axis]
            ways[:, axis] = (ways[:, axis] + n / 2) % n - n / 2
            keep = np.abs(ways[:, axis]) < n / 2 - _ROUND
            where, ways = where[keep], ways[keep]
        return table[tuple(where.T)], plate_weights(ways * np.array(self.grid.steps()))
