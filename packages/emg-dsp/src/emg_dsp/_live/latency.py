"""Latency of a loop: percentiles of the recent past in fixed memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_KEPT = 1 << 16


@dataclass(frozen=True)
class Latency:
    """Percentiles of durations in microseconds, over the last 65,536; count and maximum over all. NaN before the first.

    Parameters
    ----------
    count : int
        Durations seen.
    p50_us, p99_us, max_us : float
        Median, 99th percentile and longest.
    """

    count: int
    p50_us: float
    p99_us: float
    max_us: float


class Recorder:
    """Takes durations without allocating; read it from any thread."""

    def __init__(self) -> None:
        self._recent = np.zeros(_KEPT, dtype=np.int64)
        self._count = 0
        self._longest = 0

    def add(self, nanoseconds: int) -> None:
        """Take one duration."""
        self._recent[self._count % _KEPT] = nanoseconds
        self._count += 1
        self._longest = max(self._longest, nanoseconds)

    def summary(self) -> Latency:
        """Sum up what has been seen so far."""
        count = self._count
        if count == 0:
            return Latency(0, float("nan"), float("nan"), float("nan"))
        p50, p99 = np.percentile(self._recent[: min(count, _KEPT)], [50, 99]) / 1e3
        return Latency(count, float(p50), float(p99), self._longest / 1e3)
