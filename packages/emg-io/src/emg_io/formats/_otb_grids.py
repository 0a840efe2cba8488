"""Electrode grids of OT Bioelettronica by their codes, each map checked to be a bijection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Grid(NamedTuple):
    """One kind of grid: distance of its electrodes in mm, rows, columns, number of electrodes."""

    pitch_mm: float
    n_rows: int
    n_columns: int
    n_chans: int


GRIDS = {
    "GR04MM1305": Grid(4.0, 13, 5, 64),
    "GR08MM1305": Grid(8.0, 13, 5, 64),
    "GR10MM0808": Grid(10.0, 8, 8, 64),
}
NO_MAP = ("GR100ML1305", "GR10MM0804", "HD04MM1305", "HD05MM0804", "HD08MM1305", "HD10MM0804", "HD10MM0808")


def otb_layout(code: str, orientation: int = 0) -> Layout:
    """Return where the channels of a grid lie.

    Parameters
    ----------
    code
        As the manufacturer writes it, for example ``"GR08MM1305"``.
    orientation
        0, or 180 for a grid put on the other way round: both axes reversed.

    Returns
    -------
    Layout
        Channel k is electrode k + 1.

    Raises
    ------
    EmgIoError
        If the map of the grid is not known, or the orientation is another.
    """
    if code not in GRIDS or orientation not in {0, 180}:
        why = "its electrode map is not established" if code in NO_MAP else "unknown grid"
        raise EmgIoError(
            f"no electrode map: {why}",
            place="grid code, orientation",
            expected=f"{', '.join(GRIDS)}; 0 or 180",
            found=f"{code}, {orientation}",
        )
    grid = GRIDS[code]
    numbers = _eight_by_eight() if code == "GR10MM0808" else _thirteen_by_five()
    cells = numbers[::-1, ::-1] if orientation else numbers
    return Layout.grid(cells - 1, description=f"{code}, orientation {orientation}", pitch_mm=grid.pitch_mm)


def _thirteen_by_five() -> NDArray[np.int64]:
    """Return the electrode numbers of a 13 x 5 grid: down and up the columns from 64, one corner empty (0)."""
    columns = np.arange(64, -1, -1).reshape(5, 13)
    columns[1::2] = columns[1::2, ::-1]
    return columns.T


def _eight_by_eight() -> NDArray[np.int64]:
    """Return the electrode numbers of an 8 x 8 grid: each column upwards, columns from the right."""
    row, column = np.mgrid[0:8, 0:8]
    return np.asarray(57 - 8 * column + row)
