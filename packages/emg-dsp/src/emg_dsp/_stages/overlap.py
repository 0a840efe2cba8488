"""`Overlap`: what a live signal must keep of its past where windows of it are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .buffer import Buffer, checked_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_dsp._arrays import Array


class Overlap:
    """Samples that the next window has so far, or how many lie before it, where windows lie apart.

    Parameters
    ----------
    n_chans : int
        Channels of every chunk.
    span, hop : int
        Samples of a window, and from one window to the next.
    dtype : dtype
        Type of the samples.
    """

    def __init__(self, n_chans: int, span: int, hop: int, dtype: np.dtype[Any]) -> None:
        self._span, self._hop = span, hop
        self._tail = np.zeros((n_chans, span - 1), dtype=dtype)
        self._count = self._skip = 0
        self._joined = Buffer(dtype)

    @property
    def n_chans(self) -> int:
        """Channels of every chunk."""
        return len(self._tail)

    def join(self, chunk: Array) -> Array:
        """Return what is left over and the new samples as one array (channels, time), which begins with a window."""
        drop = min(self._skip, chunk.shape[1])
        self._skip -= drop
        chunk = chunk[:, drop:]
        joined = self._joined.take(len(self._tail), self._count + chunk.shape[1])
        joined[:, : self._count] = self._tail[:, : self._count]
        joined[:, self._count :] = chunk
        return joined

    def keep(self, joined: Array, n_windows: int) -> None:
        """Keep what the windows after the first ``n_windows`` of ``joined`` need."""
        have, used = joined.shape[1], n_windows * self._hop
        self._count = max(0, have - used)
        self._skip += max(0, used - have)
        self._tail[:, : self._count] = joined[:, used:]

    def dump(self) -> dict[str, Array]:
        """Copy the memory out as named arrays."""
        tail = self._tail.copy()
        tail[:, self._count :] = 0
        return {"tail": tail, "count": np.array([self._count]), "skip": np.array([self._skip])}

    def load(self, state: Mapping[str, Array], owner: str) -> None:
        """Take the memory from what `dump` gave, or raise in the name of ``owner``."""
        limits = {"count": self._span - 1, "skip": max(0, self._hop - self._span)}
        new = checked_state(state, self.dump(), owner, limits)
        self._tail, self._count, self._skip = new["tail"], int(new["count"][0]), int(new["skip"][0])
