"""`Layout`: where the windows of an array lie in memory, so that overlapping windows are read in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import widen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_dsp._arrays import Array, Floats


@dataclass(frozen=True)
class Layout:
    """One flat array over the memory of all windows, and the start of each window in it, neighbours in time adjacent.

    Parameters
    ----------
    flat : array (samples,)
        Float32 or float64.
    starts : array (n,), int64
        First sample of each window, in the order in which they are walked.
    length : int
        Samples of a window.
    shape : tuple of int
        Axes of the windows, without time, as given.
    places : array (n,), int64
        Where each of ``starts`` stands among the windows as given, counted along their axes.
    result : dtype
        Type of the features.
    """

    flat: Floats
    starts: NDArray[np.int64]
    length: int
    shape: tuple[int, ...]
    places: NDArray[np.int64]
    result: np.dtype[Any]


def locate(x: Array) -> Layout:
    """Find the windows of ``x`` (..., time) in memory, and walk the axis along which they overlap first.

    Where windows overlap, the flat array is shorter than all windows together; so it is what gets widened.
    """
    if not _is_flat(x):
        x = np.ascontiguousarray(x)
    shape = x.shape[:-1]
    steps = [step // x.itemsize for step in x.strides[:-1]]
    order = tuple(sorted(range(len(shape)), key=lambda axis: (-steps[axis], axis)))
    starts = np.zeros(1, dtype=np.int64)
    for axis in order:
        starts = (starts[:, None] + np.arange(shape[axis], dtype=np.int64) * steps[axis]).ravel()
    places = np.arange(starts.size, dtype=np.int64).reshape(shape).transpose(order).ravel()
    span = int(starts.max()) + x.shape[-1] if starts.size else 0
    flat = np.lib.stride_tricks.as_strided(x, shape=(span,), strides=(x.itemsize,), writeable=False)
    wide, result = widen(flat)
    return Layout(wide, starts, x.shape[-1], shape, places, result)


def _is_flat(x: Array) -> bool:
    """Tell whether each window is contiguous, strides are whole elements, and the memory spanned is not mostly gaps."""
    if x.size == 0 or (x.strides[-1] != x.itemsize and x.shape[-1] > 1):
        return False
    leading = list(zip(x.shape[:-1], x.strides[:-1], strict=True))
    if any(step < 0 or step % x.itemsize for _, step in leading):
        return False
    span = sum((count - 1) * step for count, step in leading) // x.itemsize + x.shape[-1]
    return span <= x.size or x.dtype in (np.float32, np.float64)
