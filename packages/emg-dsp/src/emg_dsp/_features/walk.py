"""Finds the windows of any array in memory, and walks them once for all the sums that somebody asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emg_dsp._arrays import Array, Floats, NanPolicy, check_policy, raise_not_finite, widen
from emg_dsp._errors import EmgDspError


@dataclass(frozen=True)
class Sums:
    """Sums of every window: each array has the shape of the windows without their time axis, float64."""

    length: int
    values: dict[str, NDArray[np.float64]]
    result: np.dtype[Any]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.values[name]


def walk(x: Array, needs: Collection[str], nan: NanPolicy) -> Sums:
    """Compute the named sums over the last axis of ``x`` with the cheapest kernel that gives all of them."""
    from .window_sums import AMPLITUDE, SHAPE, amplitude_sums, shape_sums

    check_policy(nan)
    length = x.shape[-1]
    if length == 0:
        raise EmgDspError(
            f"x has shape {x.shape}: windows of 0 samples; required is at least one sample on the last axis."
        )
    names, run = (AMPLITUDE, amplitude_sums) if set(needs) <= set(AMPLITUDE) else (SHAPE, shape_sums)
    flat, starts, result = _locate(x)
    out = np.zeros((len(names), len(starts)))
    if len(starts):
        run(flat, starts, length, out)
    spoiled = ~np.isfinite(out).all(axis=0)
    if nan == "raise" and spoiled.any():
        raise_not_finite(np.atleast_2d(x))
    out[:, spoiled] = np.nan
    return Sums(length, dict(zip(names, out.reshape(len(names), *x.shape[:-1]), strict=True)), result)


def _locate(x: Array) -> tuple[Floats, NDArray[np.int64], np.dtype[Any]]:
    """Return one flat array over the memory of ``x``, the start of each window in it, and the type of the result.

    Where windows overlap, the flat array is shorter than all windows together; so it is what gets widened.
    """
    if not _is_flat(x):
        x = np.ascontiguousarray(x)
    shape, strides = x.shape[:-1], [step // x.itemsize for step in x.strides[:-1]]
    starts = np.zeros(shape, dtype=np.int64)
    for axis, step in enumerate(strides):
        starts += np.arange(shape[axis]).reshape(-1, *[1] * (len(shape) - axis - 1)) * step
    span = int(starts.max()) + x.shape[-1] if starts.size else 0
    flat = np.lib.stride_tricks.as_strided(x, shape=(span,), strides=(x.itemsize,), writeable=False)
    wide, result = widen(flat)
    return wide, starts.ravel(), result


def _is_flat(x: Array) -> bool:
    """Tell whether each window is contiguous, strides are whole elements, and the memory spanned is not mostly gaps."""
    if x.size == 0 or (x.strides[-1] != x.itemsize and x.shape[-1] > 1):
        return False
    leading = list(zip(x.shape[:-1], x.strides[:-1], strict=True))
    if any(step < 0 or step % x.itemsize for _, step in leading):
        return False
    span = sum((count - 1) * step for count, step in leading) // x.itemsize + x.shape[-1]
    return span <= x.size or x.dtype in (np.float32, np.float64)
