"""`Block`: some windows on their way to features, and the intermediate results that several features share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from numpy.typing import NDArray

    from emg_dsp._arrays import Floats

Product = TypeVar("Product")


class Block:
    """Some windows, so few that copies of all of them stay small.

    Parameters
    ----------
    flat : array (samples,)
        Memory that the windows lie in, float32 or float64, C-contiguous, read-only. Windows may overlap, and there may
        be memory between them that belongs to none.
    starts : array (n,), int64
        Window ``i`` is ``flat[starts[i] : starts[i] + length]``; ``n >= 1``.
    length : int
        Samples of each window, >= 1.
    sfreq : float
        Sampling rate in Hz.
    needs : collection of str
        Sums that somebody is going to ask for: they are made together, in one walk.
    """

    def __init__(
        self, flat: Floats, starts: NDArray[np.int64], length: int, sfreq: float, needs: Collection[str] = ()
    ) -> None:
        self.flat = flat
        self.starts = starts
        self.length = length
        self.sfreq = sfreq
        self._needs = frozenset(needs)
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._products: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def samples(self) -> NDArray[np.float64]:
        """A float64 copy (n, length) of the windows, made at first use; shared and read-only.

        Rows are picked from a view of all windows that there could be, which needs no index for every single sample.
        """
        step = self.flat.itemsize
        shape = (self.flat.size - self.length + 1, self.length)
        view = np.lib.stride_tricks.as_strided(self.flat, shape, (step, step), writeable=False)
        copy: NDArray[np.float64] = view[self.starts].astype(np.float64, copy=False)
        copy.flags.writeable = False
        return copy

    def sum(self, name: str) -> NDArray[np.float64]:
        """Return one of the sums of `window_sums` for each window (n,), from one walk for all that are needed."""
        if name not in self._sums:
            from .walk import walk

            self._sums |= walk(self, (self._needs | {name}) - set(self._sums))
        return self._sums[name]

    @property
    def region(self) -> slice:
        """The part of ``flat`` from the first window to the last, whatever lies between them."""
        return slice(int(self.starts.min()), int(self.starts.max()) + self.length)

    def mapped(self, key: Hashable, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Block:
        """Return the windows of ``function(samples)``, a function of single samples, made once for each ``key``.

        Samples that several windows share are mapped once. The function is given a copy, which it may overwrite.
        """

        def build(block: Block) -> Block:
            region = block.region
            if region.stop - region.start > len(block) * block.length:
                starts = np.arange(len(block), dtype=np.int64) * block.length
                return Block(function(block.samples.flatten()), starts, block.length, block.sfreq)
            wide = block.flat[region].astype(np.float64)
            return Block(function(wide), block.starts - region.start, block.length, block.sfreq)

        return self.product(("mapped", key), build)

    def part(self, first: int, stop: int) -> Block:
        """Return samples ``first ... stop - 1`` of each window as windows of their own."""
        return Block(self.flat, self.starts + first, stop - first, self.sfreq)

    def product(self, key: Hashable, build: Callable[[Block], Product]) -> Product:
        """Return ``build(self)``, built once for each key: whatever several features share."""
        if key not in self._products:
            self._products[key] = build(self)
        result: Product = self._products[key]
        return result
