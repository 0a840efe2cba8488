"""Electrodes on a grid: the whole grid moved by a few electrodes over the skin."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._seeds import SampleDraws

Fill = Literal["zeros", "edge", "wrap"]


def shift_grid(x: torch.Tensor, reach: int, draws: SampleDraws, *, fill: Fill = "zeros") -> torch.Tensor:
    """Shift images along rows and along columns, each axis by its own whole number of electrodes.

    Parameters
    ----------
    x
        Shape (batch, rows, cols).
    reach
        Largest shift, ``>= 1``: each of ``-reach .. reach`` equally likely. A shift of k moves row j to row j + k.
    draws
        Numbers of the examples.
    fill
        What enters at the border: 0, the value at the edge, or what left at the other side.

    Returns
    -------
    Tensor of the shape of x
        A copy.

    References
    ----------
    Released code of GengNet: shifts by ±1, filled with zeros or edge values; Geng et al. 2016 also circular.
    """
    steps = draws.integers("grid_shift", -reach, reach, 2)
    rows, row_fits = _sources(steps[:, :1], x.shape[1], fill)
    cols, col_fits = _sources(steps[:, 1:], x.shape[2], fill)
    example = np.arange(len(x))[:, None, None]
    moved = x[tuple(torch.from_numpy(i).to(x.device) for i in (example, rows[:, :, None], cols[:, None, :]))]
    if fill != "zeros":
        return moved
    return moved.masked_fill(~torch.from_numpy(row_fits[:, :, None] & col_fits[:, None, :]).to(x.device), 0.0)


def _sources(steps: NDArray[np.int64], size: int, fill: Fill) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each place of an axis takes its value from, and whether that place lies on the grid."""
    wanted = np.arange(size) - steps
    fits = (wanted >= 0) & (wanted < size)
    return (wanted % size if fill == "wrap" else wanted.clip(0, size - 1)), fits
