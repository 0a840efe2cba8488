"""`SpatialFilter`: differences of neighbouring electrodes, which let through what is near."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_dsp._checks import among
from emg_dsp._errors import EmgDspError

from .electrodes import Axis  # noqa: TC001  fields of dataclasses
from .geometry import ring_axis
from .grid import Grid
from .mixer import Mixer

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Mask(NamedTuple):
    """Weights of a spatial filter (along the fibres, across them), and who described it."""

    weights: tuple[tuple[float, ...], ...]
    source: str


_KLUG = "Disselhorst-Klug, Silny and Rau, IEEE Trans. Biomed. Eng. 44(7), 1997, 567-574"
_FARINA = "Farina, Arendt-Nielsen, Merletti, Indino and Graven-Nielsen, IEEE Trans. Biomed. Eng. 50(3), 2003, 354-364"
_HJORTH = "Hjorth, Electroenceph. Clin. Neurophysiol. 39(5), 1975, doi:10.1016/0013-4694(75)90056-5"

MASKS = {
    "IB2": Mask(((-1, -2, -1), (-2, 12, -2), (-1, -2, -1)), _KLUG),
    "IR": Mask(((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)), _KLUG),
    "LAPLACE": Mask(((0, -0.25, 0), (-0.25, 1, -0.25), (0, -0.25, 0)), _HJORTH),
    "LDD": Mask(((-1,), (2,), (-1,)), _FARINA),
    "LSD": Mask(((-1,), (1,)), _FARINA),
    "NDD": Mask(((0, -1, 0), (-1, 4, -1), (0, -1, 0)), _KLUG),
    "TDD": Mask(((-1, 2, -1),), _FARINA),
    "TSD": Mask(((-1, 1),), _FARINA),
}
"""Spatial filters by name; L and T are along and across the fibres, S and D single and double differential."""


@dataclass(frozen=True)
class SpatialFilter(Mixer):
    """Filter each sample over the grid: every output is a weighted sum of neighbouring electrodes.

    Parameters
    ----------
    grid : Grid
        The electrodes. Filters are described for monopolar ones; on bipolar grids differences are taken once more.
    name : {"LSD", "TSD", "LDD", "TDD", "NDD", "IR", "IB2", "LAPLACE"}
        Longitudinal and transverse single (next electrode minus this one) and double differential, normal double
        differential (4 times the centre minus its four neighbours), inverse rectangle (8 times minus all eight),
        inverse binomial of order 2, and the Laplacian (the centre minus the mean of four).
    along : {"rows", "cols", None}
        Axis along the fibres; None takes that of the grid, and raises for L and T filters where the grid leaves it
        open. NDD, IR, IB2 and LAPLACE are the same both ways.

    Only whole masks count: outputs exist where every electrode of the mask exists, round a closed axis everywhere.
    `output` is the grid of the outputs; it is smaller by the border, and lacks places beside missing electrodes.

    Sources: Disselhorst-Klug et al., IEEE Trans. Biomed. Eng. 44(7), 1997; Farina et al., IEEE Trans. Biomed. Eng.
    50(3), 2003; Hjorth 1975, doi:10.1016/0013-4694(75)90056-5. Weights are whole numbers, not scaled to unit gain.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Grid, SpatialFilter
    >>> ndd = SpatialFilter(Grid.otb("GR08MM1305"), "NDD")
    >>> ndd(np.ones((64, 9))).shape, ndd.output.shape
    ((33, 9), (11, 3))
    """

    kind = "spatial_filter"

    name: str
    along: Axis | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not among(self.name, MASKS):
            near = difflib.get_close_matches(str(self.name).upper(), MASKS, n=3, cutoff=0.3) or sorted(MASKS)
            raise EmgDspError(f"unknown spatial filter {self.name!r}; near names are {', '.join(near)}.")
        if not (self.along is None or among(self.along, ("rows", "cols"))):
            raise EmgDspError(f"along={self.along!r}; required is 'rows', 'cols' or None.")
        _ = self.weights

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weights (outputs, n_chans), read-only."""
        mask = self._mask()
        taps = self._taps(mask)
        whole = taps[(taps >= 0).all(axis=1)]
        if len(whole) == 0:
            raise EmgDspError(
                f"{self.name} needs {mask.shape[0]} x {mask.shape[1]} electrodes side by side; "
                f"grid {self.grid.name!r} of {self.grid.shape[-2]} x {self.grid.shape[-1]} has no such place."
            )
        matrix = np.zeros((len(whole), self.grid.n_chans))
        matrix[np.arange(len(whole))[:, None], whole] = mask[mask != 0]
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def output(self) -> Grid:
        """Grid of the outputs, numbered row by row; -1 where the mask is not whole."""
        taps = self._taps(self._mask())
        whole = (taps >= 0).all(axis=1)
        numbers = np.where(whole, np.cumsum(whole) - 1, -1)
        sheets = numbers.reshape(len(self.grid.sheets), *self._places())
        return Grid.custom(
            sheets,
            pitch_mm=self.grid.pitch_mm,
            closed=self.grid.closed,
            along=self.along or self.grid.along,
            kind="filtered",
            name=f"{self.grid.name} {self.name}",
            note=self.grid.note,
        )

    def _mask(self) -> NDArray[np.float64]:
        """Return the weights (rows, cols)."""
        mask = np.array(MASKS[self.name].weights, dtype=np.float64)
        along = self.along or self.grid.along
        if np.array_equal(mask, mask.T):
            return mask
        if along is None:
            raise EmgDspError(
                f"grid {self.grid.name!r} does not say which axis runs along the fibres; pass along='rows' or 'cols'."
            )
        return mask if along == "rows" else mask.T

    def _places(self) -> tuple[int, int]:
        """Return rows and columns of the outputs."""
        closed, shape = ring_axis(self.grid), self.grid.shape[-2:]
        span = self._mask().shape
        size = [
            n if axis == closed and n >= m else max(0, n - m + 1)
            for axis, (n, m) in enumerate(zip(shape, span, strict=True))
        ]
        return size[0], size[1]

    def _taps(self, mask: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the channels (places, taps) under the weights that are not 0; -1 where there is no electrode."""
        closed, tables = ring_axis(self.grid), np.array(self.grid.sheets)
        used = np.argwhere(mask != 0)
        back = [(m - 1) // 2 if axis == closed else 0 for axis, m in enumerate(mask.shape)]
        rows, cols = np.indices(self._places())
        at_row = (rows.ravel()[:, None] + used[:, 0] - back[0]) % tables.shape[1]
        at_col = (cols.ravel()[:, None] + used[:, 1] - back[1]) % tables.shape[2]
        return tables[:, at_row, at_col].reshape(-1, len(used))
