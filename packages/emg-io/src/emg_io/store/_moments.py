"""Mean and variance per channel, block by block: the order of blocks decides the bits, that of workers does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and sum of squared deviations of finite samples, each (channels,).

    Source: Chan, Golub, LeVeque, The American Statistician 1983, 37(3):242, equations 1.5a and b.
    """

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, n_chans: int) -> Moments:
        """Return the moments of no samples."""
        return cls(np.zeros(n_chans, np.int64), np.zeros(n_chans), np.zeros(n_chans))

    @classmethod
    def of(cls, block: NDArray[Any]) -> Moments:
        """Return the moments of a (time, channels) block, in two passes about its first finite sample."""
        values = block.astype(np.float64)
        if values.size == 0:
            return cls.none(block.shape[1])
        finite = np.isfinite(values)
        if finite.all():
            return cls._two_passes(values, values[0].copy(), np.full(block.shape[1], len(values), np.int64))
        values[~finite] = 0.0
        first = values[finite.argmax(axis=0), np.arange(block.shape[1])]
        return cls._two_passes(np.where(finite, values, first), first, finite.sum(axis=0), finite)

    @classmethod
    def _two_passes(
        cls,
        values: NDArray[np.float64],
        first: NDArray[np.float64],
        count: NDArray[np.int64],
        finite: NDArray[np.bool_] | None = None,
    ) -> Moments:
        """Subtract the first sample, so that a constant channel has variance 0 exactly; then the mean; then square."""
        values -= first
        mean = values.sum(axis=0) / np.maximum(count, 1)
        values -= mean
        if finite is not None:
            values[~finite] = 0.0
        np.square(values, out=values)
        return cls(count, first + mean, values.sum(axis=0))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        step = other.mean - self.mean
        squares = self.squares + other.squares + step * step * self.count * share
        mean = np.where(self.count == 0, other.mean, self.mean + step * share)
        return Moments(count, np.where(other.count == 0, self.mean, mean), squares)

    def calibrated(self, scale: float | tuple[float, ...], offset: float | tuple[float, ...]) -> Moments:
        """Return the moments of ``samples * scale + offset``."""
        factor = np.asarray(scale)
        mean = np.where(self.count > 0, self.mean * factor + np.asarray(offset), 0.0)
        return Moments(self.count, mean, self.squares * factor * factor)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation, divisor n."""
        deviation: NDArray[np.float64] = np.sqrt(self.squares / np.maximum(self.count, 1))
        return deviation
