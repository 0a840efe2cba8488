"""Channels as pieces of one flat array: kernels that know a row to be contiguous run it at full width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_dsp._arrays import Array


def located(x: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return a flat array over the memory of ``x`` (channels, time) and where each channel begins in it.

    Read-only; a copy only where the samples of a channel do not follow each other.
    """
    channels, samples = x.shape
    size = x.itemsize
    if not x.flags.c_contiguous and (x.strides[1] != size or x.strides[0] % size or x.strides[0] < 0 or x.size == 0):
        x = np.ascontiguousarray(x)
    if x.flags.c_contiguous:
        return x.reshape(-1), np.arange(channels, dtype=np.int64) * samples
    step = x.strides[0] // size
    span = (channels - 1) * step + samples
    flat = np.lib.stride_tricks.as_strided(x, shape=(span,), strides=(size,), writeable=False)
    return flat, np.arange(channels, dtype=np.int64) * step
