"""From channels to pictures and back: the bridge between checked arguments and the kernels that move samples."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, Floats, NanPolicy, as_real, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import number, one_of, positive
from emg_dsp._errors import EmgDspError
from emg_dsp._threads import over_rows

from .rows import located

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .electrodes import Electrodes

_BLOCK = 1 << 11
_ROWS = 2
_ROUNDING = 1e-6
_FRAMES = 1040  # an odd number of cache lines, so that channels do not evict each other


def checked_signal(grid: Electrodes, x: ArrayLike, nan: NanPolicy = "raise") -> Array:
    """Check that ``x`` (..., channels, time) has the channels of the grid's file."""
    check_policy(nan)
    given = as_signal(x)
    if given.shape[-2] != grid.n_chans:
        without = f" For a signal without the {len(grid.dropped)} dropped ones use compact()." if grid.dropped else ""
        raise EmgDspError(
            f"x has shape {given.shape}, {given.shape[-2]} channels; grid {grid.name!r} reads files of "
            f"{grid.n_chans} channels.{without}"
        )
    return given


def to_images(grid: Electrodes, x: ArrayLike, fill: float, nan: NanPolicy, threads: int) -> Floats:
    """Return images with time last (..., *grid.shape, time)."""
    given, fill = checked_signal(grid, x, nan), number(fill, "fill")
    wide, result = widen(given)
    samples = given.shape[-1]
    out = np.empty((*given.shape[:-2], *grid.shape, samples), dtype=wide.dtype)
    for signal, target in zip(flat_lead(wide, 2), flat_lead(out, len(grid.shape) + 1), strict=True):
        rows = target.reshape(grid.order.size, samples)
        if np.isnan(copy_rows(_row_major(signal), grid.order, rows, fill, threads)) and nan == "raise":
            name_spoiled(grid, given)
    return out.astype(result, copy=False)


def to_frames(
    grid: Electrodes, x: ArrayLike, fill: float, nan: NanPolicy, threads: int, scale: float = 1.0, offset: float = 0.0
) -> Floats:
    """Return frames of ``x * scale + offset``, time before the grid (..., time, *grid.shape)."""
    given, fill = checked_signal(grid, x, nan), number(fill, "fill")
    wide, result = widen(given)
    samples = given.shape[-1]
    out = np.empty((*given.shape[:-2], samples, *grid.shape), dtype=wide.dtype)
    for signal, target in zip(flat_lead(wide, 2), flat_lead(out, len(grid.shape) + 1), strict=True):
        flat = target.reshape(samples, grid.order.size)
        if np.isnan(write_frames(signal, grid.order, fill, flat, threads, scale, offset)) and nan == "raise":
            name_spoiled(grid, given)
    return out.astype(result, copy=False)


def write_frames(
    x: Array, order: NDArray[np.int64], fill: float, out: Array, threads: int, scale: float = 1.0, offset: float = 0.0
) -> float:
    """Write frames (time, places) of ``x`` (channels, time); return NaN where a sample is not finite, else 0."""
    from . import moves

    found: list[float] = [0.0]
    empty = order < 0
    if empty.any():
        out[:, empty] = fill

    def job(start: int, stop: int) -> None:
        found.append(moves.to_frames(x[:, start:stop], order, scale, offset, out[start:stop]))

    moves.to_frames.compile()
    over_rows(x.shape[1], threads, job, multiple=moves.DEPTH)
    return float(sum(found))


def copy_rows(x: Array, order: NDArray[np.int64], out: Array, fill: float, threads: int = 1) -> float:
    """Copy row ``order[i]`` of ``x`` to row i of ``out``; return NaN where a sample is not finite, else 0.

    Rows that follow each other go in one piece, but not in so large a one that it leaves the cache before the check.
    """
    from .moves import spoiled

    cuts = np.flatnonzero((np.diff(order) != 1) | (order[:-1] < 0)) + 1
    runs = list(pairwise([0, *cuts.tolist(), len(order)]))
    found = [0.0]

    def job(start: int, stop: int) -> None:
        for first, last in runs:
            for a in range(max(first, start), min(last, stop), _ROWS):
                b = min(last, stop, a + _ROWS)
                out[a:b] = fill if order[a] < 0 else x[order[a] : order[a] + b - a]
                if order[a] >= 0:
                    found.append(spoiled(flat, starts[order[a:b]], x.shape[1]))

    flat, starts = located(x)
    spoiled.compile()
    over_rows(len(order), threads, job)
    return float(sum(found))


def to_vector(grid: Electrodes, images: ArrayLike, frames: bool, fill: float) -> Floats:
    """Return the signal (..., channels, time) that images were made of; dropped channels are filled."""
    given, fill = as_real(images, "images"), number(fill, "fill")
    size = len(grid.shape)
    cut = given.ndim - size
    place = given.shape[cut:] if frames else given.shape[cut - 1 : -1]
    if given.ndim < size + 1 or place != grid.shape:
        required = ("time", *grid.shape) if frames else (*grid.shape, "time")
        words = f"(..., {', '.join(map(str, required))})"
        raise EmgDspError(f"images have shape {given.shape}; grid {grid.name!r} requires {words}.")
    wide, result = widen(given)
    lead, samples = given.shape[: cut - 1], given.shape[cut - 1] if frames else given.shape[-1]
    back, places = inverse(grid), grid.order.size
    out = np.empty((*lead, grid.n_chans, samples), dtype=wide.dtype)
    for picture, target in zip(flat_lead(wide, size + 1), flat_lead(out, 2), strict=True):
        rows = picture.reshape(samples, places).T if frames else picture.reshape(places, samples)
        copy_rows(_row_major(rows), back, target, fill)
    return out.astype(result, copy=False)


def inverse(grid: Electrodes) -> NDArray[np.int64]:
    """Return the place of each channel of the file, -1 for dropped ones."""
    back = np.full(grid.n_chans, -1, dtype=np.int64)
    filled = np.flatnonzero(grid.order >= 0)
    back[grid.order[filled]] = filled
    return back


def spread(grid: Electrodes, values: ArrayLike, fill: float) -> Floats:
    """Return maps (..., *grid.shape) of one value for each channel (..., channels)."""
    given, fill = as_real(values, "values"), number(fill, "fill")
    if given.shape[-1] != grid.n_chans:
        raise EmgDspError(
            f"values have shape {given.shape}; grid {grid.name!r} requires {grid.n_chans} on the last axis."
        )
    wide, result = widen(given)
    with np.errstate(over="ignore"):
        picked = np.where(grid.order >= 0, wide[..., grid.order], wide.dtype.type(fill))
    return picked.reshape(*given.shape[:-1], *grid.shape).astype(result, copy=False)


def to_grey(
    grid: Electrodes, x: ArrayLike, full_scale: float, outside: str, fill: float, nan: NanPolicy, threads: int
) -> Floats:
    """Return frames of ``(x / full_scale + 1) / 2``."""
    one_of(outside, "outside", ("raise", "clip"))
    if not 0 <= number(fill, "fill", "a level in [0, 1]") <= 1:
        raise EmgDspError(f"fill={fill!r}; required is a level in [0, 1].")
    half = 0.5 / positive(full_scale, "full_scale", "(unit of x)")
    out = to_frames(grid, x, fill, nan, threads, half, 0.5)
    frames = flat_lead(out, len(grid.shape))
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        if (block < 0).any() or (block > 1).any():
            if outside == "raise" and ((block < -_ROUNDING) | (block > 1 + _ROUNDING)).any():
                _name_outside(grid, as_signal(x), full_scale)
            np.clip(block, 0, 1, out=block)
    return out


def _name_outside(grid: Electrodes, x: Array, full_scale: float) -> None:
    """Name the first sample beyond full scale."""
    beyond = (np.abs(x.astype(np.float64) / full_scale) > 1 + _ROUNDING) & (grid.places[:, :1] >= 0)
    *lead, channel, sample = np.argwhere(beyond)[0].tolist()
    raise EmgDspError(
        f"x has {float(x[(*lead, channel, sample)]):g} in channel {channel} at sample {sample}; required are values in "
        f"+-{full_scale:g}. Give the full_scale of the amplifier, or pass outside='clip'."
    )


def name_spoiled(grid: Electrodes, x: Array) -> None:
    """Name the first sample of a channel with a place that is not finite."""
    raise_not_finite(np.where(grid.places[:, :1] >= 0, x, 0))


def flat_lead(x: Array, keep: int) -> Array:
    """View all but the last ``keep`` axes as one; copies only where strides leave no choice."""
    lead = x.shape[: x.ndim - keep]
    return x.reshape(math.prod(lead), *x.shape[x.ndim - keep :])


def _row_major(x: Array) -> Array:
    """Return (channels, time) with channels contiguous; time-major memory goes through a blocked transpose."""
    from . import moves

    if x.ndim == 2 and x.shape[0] > 1 and x.T.flags.c_contiguous and x.shape[1] > 1:
        out, frames = np.empty(x.shape, dtype=x.dtype), x.T
        for start in range(0, len(frames), _FRAMES):
            part = frames[start : start + _FRAMES]
            turned = np.empty((len(x), len(part)), dtype=x.dtype)
            moves.to_frames(part, np.arange(len(part)), 1.0, 0.0, turned)
            out[:, start : start + _FRAMES] = turned
        return out
    return x
