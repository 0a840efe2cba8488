"""Where and when there is activity: maps of amplitude, and the active part of a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import as_real
from emg_dsp._checks import among, number, whole
from emg_dsp._errors import EmgDspError

from .images import checked_signal, spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Floats, NanPolicy

    from .electrodes import Electrodes


def activation(grid: Electrodes, windows: ArrayLike, feature: str, fill: float, nan: NanPolicy) -> Floats:
    """Return maps (..., *grid.shape) of RMS or MAV."""
    from emg_dsp import _features

    measures = {"RMS": _features.rms, "MAV": _features.mav}
    if not among(feature, measures):
        raise EmgDspError(f"feature={feature!r}; required is 'RMS' or 'MAV'. Any other: grid.spread(features(...)).")
    given, fill = checked_signal(grid, windows, nan), number(fill, "fill")
    if not grid.dropped:
        return spread(grid, measures[feature](given, nan=nan), fill)
    kept = measures[feature](np.take(given, grid.channels, axis=-2), nan=nan)
    values = np.full((*given.shape[:-2], grid.n_chans), fill, dtype=kept.dtype)
    values[..., grid.channels] = kept
    return spread(grid, values, fill)


def active_segment(grid: Electrodes, x: ArrayLike, block: int) -> tuple[int, int]:
    """Return the first sample of the longest active run of blocks, and the one after its last."""
    from .median import SpatialMedian

    size = whole(block, "block", 1)
    given = checked_signal(grid, as_real(x))
    count = given.shape[-1] // size
    if given.ndim != 2 or count < 2:
        raise EmgDspError(f"x has shape {given.shape}; required is one trial (channels, time) of two blocks of {size}.")
    from emg_dsp import _features

    blocks = given[:, : count * size].reshape(grid.n_chans, count, size)
    level = SpatialMedian(grid)(  # type: ignore[arg-type]
        _features.rms(blocks)
    )[grid.channels].mean(axis=0, dtype=np.float64)
    active = level > level.mean()
    if not active.any():
        raise EmgDspError(f"all {count} blocks have the same activity; required is a trial with rest and movement.")
    active[1:-1] |= active[:-2] & active[2:]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]])))
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]) * size, int(stops[longest]) * size
