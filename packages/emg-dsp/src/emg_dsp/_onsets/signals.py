"""What all detectors share: the check of their arguments, and the way from a track to an `Activity`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import Floats, NanPolicy, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import MOST, number
from emg_dsp._errors import EmgDspError

from .activity import Activity, cleaned

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._stages import Stage


def checked_signal(x: ArrayLike, nan: NanPolicy) -> Floats:
    """Return ``x`` (channels, time) in the type it is computed in, finite unless NaN propagates."""
    check_policy(nan)
    given = as_signal(x)
    if given.ndim != 2:
        raise EmgDspError(f"x has shape {given.shape}; required is (channels, time), one recording.")
    if nan == "raise" and not np.isfinite(given).all():
        raise_not_finite(given)
    return widen(given)[0]


def durations(min_active: float, min_rest: float, sfreq: float) -> tuple[int, int]:
    """Return the shortest interval and the shortest gap in samples."""
    return _samples(min_active, "min_active", sfreq), _samples(min_rest, "min_rest", sfreq)


def detected(track: NDArray[np.bool_], stage: Stage, sfreq: float, ahead: int, lengths: tuple[int, int]) -> Activity:
    """Move the track of a stage back by ``ahead`` samples (its last value stays), and clean it."""
    later = np.minimum(np.arange(track.shape[1]) + ahead, max(0, track.shape[1] - 1))
    return Activity(cleaned(track[:, later], *lengths), sfreq, stage)


def _samples(value: Any, name: str, sfreq: float) -> int:  # noqa: ANN401  anything may come from a caller
    seconds = number(value, name, "a finite number of seconds, at least 0")
    if not 0 <= seconds * sfreq <= MOST:
        raise EmgDspError(f"{name}={value!r}; required is a finite number of seconds, at least 0.")
    return math.floor(seconds * sfreq + 0.5)
