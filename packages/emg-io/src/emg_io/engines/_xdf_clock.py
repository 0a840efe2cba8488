"""Clocks of XDF streams: clock offsets to one common time, resets, and the jitter of regular streams taken out.

Offsets are fitted over time by a line under Huber's loss (a straggling measurement does not tilt it); a clock reset,
where both time and offset leap, begins a new line. A regular stream is then cut at breaks of more than a second and 500
samples, and each part's stamps are replaced by their regression on the sample number. Thresholds are those of the
field's common reader, so that stamps agree with it.
Source: XDF 1.0 specification; Huber, Annals of Mathematical Statistics 1964, 35(1):73.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HUBER_S = 1e-4
BREAK_S, BREAK_SAMPLES = 1.0, 500
_TIME_LEAP = (5.0, 5.0)
_OFFSET_LEAP = (10.0, 1.0)
_FIT_STEPS = 500
_STRAY = 10.0


@dataclass(frozen=True, eq=False)
class Clock:
    """Stamps of one stream on the common clock.

    Attributes
    ----------
    stamps
        (time,) seconds.
    parts
        First sample of each part that a break or a clock reset begins, 0 included.
    resets
        Number of clock resets that were found.
    sfreq
        Effective rate in Hz over all parts, or 0 where it cannot be told.
    jitter
        Largest distance of a stamp from its regression, s; 0 for irregular streams.
    """

    stamps: Floats
    parts: tuple[int, ...]
    resets: int
    sfreq: float
    jitter: float


def common_clock(stamps: Floats, sfreq: float, times: Floats, offsets: Floats, *, regular: bool) -> Clock:
    """Put the stamps of a stream on the common clock.

    Parameters
    ----------
    stamps
        (time,) seconds of the stream's own clock, NaN where a sample follows its predecessor by one period;
        overwritten.
    sfreq
        Nominal rate in Hz, 0 for irregular streams.
    times, offsets
        (measurements,) own time in s, and what is to be added to it.
    regular
        Whether the stream has a rate and jitter may be taken out.

    Returns
    -------
    Clock
    """
    filled = fill(stamps, 1.0 / sfreq if sfreq else 0.0)
    synced, cuts = synchronise(filled, times, offsets)
    if not regular or not len(synced):
        span = float(synced[-1] - synced[0]) if len(synced) > 1 else 0.0
        return Clock(synced, (0, *cuts), len(cuts), (len(synced) - 1) / span if span > 0 else 0.0, 0.0)
    breaks = np.flatnonzero(np.abs(np.diff(synced)) > max(BREAK_S, BREAK_SAMPLES / sfreq)) + 1
    edges = [0, *breaks.tolist(), len(synced)]
    jitter = max(_smooth(synced[a:b]) for a, b in pairwise(edges))
    steps = len(synced) - len(edges) + 1
    span = float(sum(synced[b - 1] - synced[a] for a, b in pairwise(edges)))
    parts = tuple(sorted({0, *breaks.tolist(), *cuts}))
    return Clock(synced, parts, len(cuts), steps / span if span > 0 else 0.0, jitter)


def fill(stamps: Floats, period: float) -> Floats:
    """Give each sample without a stamp (NaN) that of its predecessor plus one period; the first must have one."""
    if not np.isnan(stamps).any():
        return stamps
    numbers = np.arange(len(stamps))
    last = np.maximum.accumulate(np.where(np.isnan(stamps), 0, numbers))
    filled: Floats = stamps[last] + (numbers - last) * period
    return filled


def synchronise(stamps: Floats, times: Floats, offsets: Floats) -> tuple[Floats, tuple[int, ...]]:
    """Add the clock offsets in place; return stamps, and the samples at which a clock reset begins another line."""
    if not len(times) or not len(stamps):
        return stamps, ()
    bounds = [0, *_resets(times, offsets), len(times)]
    cuts, start = [], 0
    for first, after in pairwise(bounds):
        intercept, slope = robust_line(times[first:after], offsets[first:after])
        stop = len(stamps)
        if after < len(times):
            nearer = np.abs(stamps[start:] - times[after - 1]) < np.abs(stamps[start:] - times[after])
            stop = start + (len(nearer) if nearer.all() else int(np.argmin(nearer)))
        stamps[start:stop] += intercept + slope * stamps[start:stop]
        if 0 < start < stop:
            cuts.append(start)
        start = stop
    return stamps, tuple(cuts)


def ends_astray(times: Floats, offsets: Floats) -> bool:
    """Tell whether the last measurement lies far from the others in time or in value, as a dying sender leaves it."""
    if len(times) < 3:
        return False
    steps, others = np.diff(times), offsets[:-1]
    step, spread = np.median(steps[:-1]), 1.4826 * np.median(np.abs(others - np.median(others)))
    late = abs(steps[-1]) > _STRAY * step if step > 0 else abs(steps[-1]) > 0
    far = spread > np.finfo(float).eps and abs(offsets[-1] - np.median(others)) > _STRAY * spread
    return bool(late or far)


def _resets(times: Floats, offsets: Floats) -> list[int]:
    """Return the measurements that follow a clock reset: time runs backwards, or time and offset both leap."""
    steps = np.diff(times)
    if not len(steps):
        return []
    leaps = _leaps(steps, *_TIME_LEAP) & _leaps(np.diff(offsets), *_OFFSET_LEAP)
    return (np.flatnonzero((steps < 0) | leaps) + 1).tolist()


def _leaps(steps: Floats, n_deviations: float, seconds: float) -> NDArray[np.bool_]:
    """Tell which steps lie far from the median, in seconds and in median absolute deviations."""
    away = np.abs(steps - np.median(steps))
    spread = np.median(away) + np.finfo(float).eps
    return np.asarray((away / spread > n_deviations) & (away > seconds))


def robust_line(times: Floats, offsets: Floats) -> tuple[float, float]:
    """Fit ``offset = intercept + slope * time`` under Huber's loss, bend at `HUBER_S`; return intercept and slope.

    Reweighted least squares, which falls monotonically on this convex loss; the level alone where all times are equal.
    """
    if len(times) < 2 or np.ptp(times) == 0:
        return float(np.median(offsets)), 0.0
    middle = times.mean()
    x, weights = times - middle, np.ones(len(times))
    level = slope = 0.0
    for _ in range(_FIT_STEPS):
        before = level, slope
        total = weights.sum()
        mean_x, mean_y = weights @ x / total, weights @ offsets / total
        spread = weights @ (x - mean_x) ** 2
        slope = float(weights @ ((x - mean_x) * (offsets - mean_y)) / spread) if spread > 0 else 0.0
        level = float(mean_y - slope * mean_x)
        away = np.abs(offsets - level - slope * x)
        weights = HUBER_S / np.maximum(away, HUBER_S)
        if abs(level - before[0]) < 1e-12 and abs(slope - before[1]) * np.abs(x).max() < 1e-12:
            break
    return level - slope * float(middle), slope


def _smooth(stamps: Floats) -> float:
    """Replace stamps by their regression on the sample number; return the largest distance between the two, s."""
    if len(stamps) < 2:
        return 0.0
    numbers = np.arange(len(stamps)) - (len(stamps) - 1) / 2
    level = stamps.mean()
    stamps -= level
    numbers *= numbers @ stamps / (numbers @ numbers)
    stamps -= numbers
    jitter = float(max(stamps.max(), -stamps.min()))
    np.add(numbers, level, out=stamps)
    return jitter
