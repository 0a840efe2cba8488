"""Bad channels: which ones, and for which of six reasons."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import as_signal
from emg_dsp._checks import number, positive
from emg_dsp._errors import EmgDspError

from .geometry import neighbours
from .images import checked_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array

    from .electrodes import Electrodes

REASONS = ("not finite", "flat", "saturated", "noisy", "hum", "uncorrelated")
_GAUSS = 1.4826
_RUN = 3
_MOST_HARMONICS = 10_000
_LEAST_SPREAD = 0.05
_LOUD, _QUIETER = 1e100, 2.0**-600


@dataclass(frozen=True)
class ChannelLimits:
    """From where on a channel is bad; each number is explained in `Grid.bad_channels`.

    Parameters
    ----------
    flat, saturated, noisy, louder, hum, correlation : float
        At least 0 and not NaN; ``inf`` (``correlation``, ``flat``: 0) switches a criterion off.

    Examples
    --------
    >>> from emg_dsp import ChannelLimits
    >>> ChannelLimits(hum=0.8).hum
    0.8
    """

    flat: float = 0.01
    saturated: float = 0.01
    noisy: float = 5.0
    louder: float = 3.0
    hum: float = 0.5
    correlation: float = 0.4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = number(getattr(self, field.name), field.name, "a number of at least 0")
            if not value >= 0:
                raise EmgDspError(f"{field.name}={value!r}; required is a number of at least 0.")


@dataclass(frozen=True)
class _Measures:
    """What is measured of each channel that has a place and is finite; NaN elsewhere."""

    std: NDArray[np.float64]
    hum: NDArray[np.float64]
    correlation: NDArray[np.float64]


def bad_channels(
    grid: Electrodes, x: ArrayLike, sfreq: float, mains: float | None, limits: ChannelLimits
) -> dict[int, tuple[str, ...]]:
    """Return the reasons for each bad channel."""
    given = checked_signal(grid, as_signal(x), "propagate")
    if not isinstance(limits, ChannelLimits):
        raise EmgDspError(f"limits={limits!r}; required are ChannelLimits, or None.")
    rate = positive(sfreq, "sfreq")
    size = min(int(rate + 0.5), given.shape[-1])
    if given.ndim != 2 or size < _RUN:
        raise EmgDspError(f"x has shape {given.shape}; required is (channels, time) with at least {_RUN} samples.")
    placed = grid.channels
    finite = np.asarray(np.isfinite(given).all(axis=1))
    usable = placed[finite[placed]]
    if given.dtype.kind == "f" and given.dtype.itemsize == 8 and np.abs(given[usable]).max(initial=0.0) > _LOUD:
        given = given * _QUIETER  # exact, and no square overflows; nothing here depends on the scale
    near = {channel: np.intersect1d(neighbours(grid, channel), usable) for channel in usable.tolist()}
    measures = _measure(given, usable, near, size, rate, mains)
    found: dict[str, NDArray[np.int64]] = {
        "not finite": placed[~finite[placed]],
        **_judge(measures, near, usable, limits),
    }
    lively = np.setdiff1d(usable, found["flat"])
    stuck = np.array([_stuck(given[channel]) for channel in lively.tolist()])
    found["saturated"] = lively[stuck > limits.saturated]
    bad = sorted({int(channel) for channels in found.values() for channel in channels})
    return {channel: tuple(reason for reason in REASONS if channel in found[reason]) for channel in bad}


def _measure(
    x: Array,
    usable: NDArray[np.int64],
    near: dict[int, NDArray[np.int64]],
    size: int,
    sfreq: float,
    mains: float | None,
) -> _Measures:
    """Walk the signal once, a second at a time."""
    n = len(x)
    power, hum = np.zeros(n), np.zeros(n)
    best: list[NDArray[np.float64]] = []
    waves = _waves(size, sfreq, mains)
    beside = np.zeros((n, n), dtype=bool)
    for channel, others in near.items():
        beside[channel, others] = True
    count = 0
    for block in _blocks(x, usable, size):
        square = (block**2).sum(axis=1)
        power += square
        hum += 2.0 / size * (np.abs(block @ waves) ** 2).sum(axis=1)
        unit = block / np.sqrt(np.where(square > 0, square, 1))[:, None]
        best.append(np.where(beside, np.abs(unit @ unit.T), 0).max(axis=1))
        count += size
    share = np.divide(hum, power, out=np.zeros(n), where=power > 0)
    lonely = ~beside.any(axis=1)
    return _Measures(np.sqrt(power / count), share, np.where(lonely, np.nan, np.median(best, axis=0)))


def _blocks(x: Array, usable: NDArray[np.int64], size: int) -> Iterator[NDArray[np.float64]]:
    """Yield whole blocks in float64 without their means; channels that are not usable are 0."""
    for start in range(0, x.shape[1] - size + 1, size):
        block = np.zeros((len(x), size))
        block[usable] = x[usable, start : start + size]
        block -= block.mean(axis=1, keepdims=True)
        yield block


def _waves(size: int, sfreq: float, mains: float | None) -> NDArray[np.complex128]:
    """Return the mains and its harmonics below half of the rate, (size, n)."""
    if mains is None:
        return np.zeros((size, 0), dtype=np.complex128)
    first = positive(mains, "mains")
    if first < 1:
        raise EmgDspError(f"mains={first:g} Hz; required is at least the 1 Hz that each harmonic is wide, or None.")
    if sfreq / first > _MOST_HARMONICS:
        raise EmgDspError(
            f"sfreq={sfreq:g} Hz, mains={first:g} Hz; required is a rate at most {_MOST_HARMONICS} times."
        )
    harmonics = np.arange(first, sfreq / 2 * 0.999, first)
    if len(harmonics) == 0:
        raise EmgDspError(f"mains={first:g} Hz is not below half of sfreq={sfreq:g} Hz; pass mains=None.")
    return np.exp(-2j * np.pi * np.outer(np.arange(size) / sfreq, harmonics))


def _judge(
    measures: _Measures, near: dict[int, NDArray[np.int64]], usable: NDArray[np.int64], limits: ChannelLimits
) -> dict[str, NDArray[np.int64]]:
    """Compare each channel with the grid and with its neighbours."""
    std = measures.std[usable]
    flat = usable[std <= limits.flat * (np.median(std) if len(std) else 0)]
    lively = np.setdiff1d(usable, flat)
    around = {c: [o for o in near[c].tolist() if o not in set(flat.tolist())] for c in lively.tolist()}
    level = np.array([measures.std[c] / np.median(measures.std[o]) if o else 1.0 for c, o in around.items()])
    logs = np.log(level)
    middle = np.median(logs) if len(logs) else 0.0
    spread = max(_GAUSS * float(np.median(np.abs(logs - middle))), _LEAST_SPREAD) if len(logs) else 1.0
    noisy = (logs - middle > limits.noisy * spread) & (level > limits.louder)
    correlation = measures.correlation[lively]
    known = correlation[np.isfinite(correlation)]
    related = len(known) > 0 and np.median(known) > limits.correlation
    return {
        "flat": flat,
        "noisy": lively[noisy],
        "hum": lively[measures.hum[lively] > limits.hum],
        "uncorrelated": lively[correlation < limits.correlation] if related else lively[:0],
    }


def _stuck(row: Array) -> float:
    """Return the part of the samples that is at the largest or smallest value in runs of at least three."""
    total = 0
    for extreme in (row.max(), row.min()):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row == extreme, [False]])))
        runs = edges[1::2] - edges[::2]
        total += int(runs[runs >= _RUN].sum())
    return total / len(row)
