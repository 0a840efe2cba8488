"""Stages from samples to tracks of activity: one threshold, or two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import number, whole
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run, Stage, checked_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array

_LONGEST = 1 << 62


@dataclass(frozen=True)
class Threshold(Stage):
    """True where a channel is above its level.

    Parameters
    ----------
    levels : sequence of float
        One for each channel, or one for all, in the unit of what comes in.
    settle : int
        Samples at the start of the signal that give False whatever they are, >= 0: while filters before it settle.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> live = emg_dsp.MovingRMS(0.1, sfreq=1000) | emg_dsp.Threshold([0.02, 0.05])
    >>> live.stream(n_chans=2).push(np.ones((2, 3))).tolist()
    [[True, True, True], [True, True, True]]
    """

    kind = "threshold"
    sfreq = None

    levels: tuple[float, ...]
    settle: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", checked_levels(self.levels))
        object.__setattr__(self, "settle", whole(self.settle, "settle", 0, " samples"))

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:  # noqa: ARG002  any type is compared
        """Return the count of samples seen."""
        return _ThresholdRun(for_channels(self.levels, n_chans), self.settle)


@dataclass(frozen=True)
class DoubleThreshold(Stage):
    """True while enough of the last pairs of samples are strong: the detector of Bonato and others, causal.

    Samples are taken in pairs from the first one on, ``z = x[2i]**2 + x[2i+1]**2``. The track is true while at least
    ``r0`` of the last ``m`` pairs have ``z`` above the level; it changes with the second sample of a pair.
    `onset_double_threshold` finds the levels.

    Parameters
    ----------
    levels : sequence of float
        First threshold, of ``z``: one for each channel, or one for all.
    m, r0 : int
        Second threshold, ``1 <= r0 <= m``.

    References
    ----------
    Bonato, D'Alessio and Knaflitz, IEEE Trans. Biomed. Eng. 45(3), 1998, doi:10.1109/10.661154.
    """

    kind = "double_threshold"
    sfreq = None

    levels: tuple[float, ...]
    m: int = 5
    r0: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", checked_levels(self.levels))
        object.__setattr__(self, "m", whole(self.m, "m", 1, " pairs"))
        object.__setattr__(self, "r0", whole(self.r0, "r0", 1, " pairs"))
        if self.r0 > self.m:
            raise EmgDspError(f"r0={self.r0}, m={self.m}; required is r0 <= m.")

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:  # noqa: ARG002  any type is compared
        """Return the memory of ``n_chans`` channels before their first sample."""
        return _DoubleRun(for_channels(self.levels, n_chans), self.m, self.r0)


def checked_levels(levels: Any) -> tuple[float, ...]:  # noqa: ANN401  anything may come from a caller
    """Return levels as floats, or raise unless they are numbers that can be compared with."""
    try:
        values = tuple(number(level, "level") for level in (() if isinstance(levels, str | bytes) else levels))
    except (TypeError, EmgDspError):
        raise EmgDspError(f"levels={levels!r}; required is a sequence of numbers, one for each channel.") from None
    if isinstance(levels, str | bytes) or any(math.isnan(value) for value in values):
        raise EmgDspError(f"levels={levels!r}; required are numbers, not NaN.")
    return values


def for_channels(levels: tuple[float, ...], n_chans: int) -> NDArray[np.float64]:
    """Return one level for each channel."""
    if len(levels) not in {1, n_chans}:
        raise EmgDspError(f"{len(levels)} levels for {n_chans} channels; required is one a channel, or one for all.")
    return np.broadcast_to(np.array(levels), (n_chans,)).copy()


class _ThresholdRun(Run):
    def __init__(self, levels: NDArray[np.float64], settle: int) -> None:
        self._levels = levels[:, None]
        self._settle = settle
        self._seen = 0
        self._out = Buffer(bool)

    @property
    def n_chans_out(self) -> int:
        return len(self._levels)

    def step(self, chunk: Array) -> Array:
        out = self._out.take(*chunk.shape)
        np.greater(chunk, self._levels, out=out)
        out[:, : max(0, self._settle - self._seen)] = False
        self._seen += chunk.shape[1]
        return out

    def dump(self) -> dict[str, Array]:
        return {"seen": np.array(self._seen, dtype=np.int64)}

    def load(self, state: Mapping[str, Array]) -> None:
        self._seen = int(checked_state(state, self.dump(), "a threshold", {"seen": _LONGEST})["seen"])


class _DoubleRun(Run):
    def __init__(self, levels: NDArray[np.float64], m: int, r0: int) -> None:
        self._levels = levels
        self._r0 = r0
        self._first = np.zeros(len(levels))
        self._strong = np.zeros((len(levels), m), dtype=np.int64)
        self._seen = 0
        self._out = Buffer(bool)

    @property
    def n_chans_out(self) -> int:
        return len(self._levels)

    def step(self, chunk: Array) -> Array:
        from .pairs import strong_pairs

        out = self._out.take(*chunk.shape)
        strong_pairs(chunk, self._seen, self._levels, self._r0, self._first, self._strong, out)
        self._seen += chunk.shape[1]
        return out

    def dump(self) -> dict[str, Array]:
        return {
            "first": self._first.copy(),
            "strong": self._strong.copy(),
            "seen": np.array(self._seen, dtype=np.int64),
        }

    def load(self, state: Mapping[str, Array]) -> None:
        arrays = checked_state(state, self.dump(), "a double threshold", {"strong": 1, "seen": _LONGEST})
        self._first, self._strong, self._seen = arrays["first"], arrays["strong"], int(arrays["seen"])
