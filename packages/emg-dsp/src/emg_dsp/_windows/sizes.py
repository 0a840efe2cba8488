"""Sizes of windows: seconds or samples, never a number whose unit depends on the caller."""

import math

from emg_dsp._checks import MOST, positive, whole
from emg_dsp._errors import EmgDspError


def in_samples(value: float, name: str, sfreq: float | None) -> int:
    """Return a size in samples, >= 1: as given where ``sfreq`` is None, else seconds rounded, halves up."""
    if sfreq is None:
        return whole(value, name, 1, " samples (seconds need sfreq=)")  # type: ignore[arg-type]
    seconds, rate = positive(value, name, "s"), positive(sfreq, "sfreq")
    if seconds * rate > MOST:
        raise EmgDspError(f"{name}={seconds:g} s at sfreq={rate:g} Hz; required are at most {MOST} samples.")
    count = math.floor(seconds * rate + 0.5)
    if count < 1:
        raise EmgDspError(
            f"{name}={seconds:g} s is {count} samples at sfreq={rate:g} Hz; required is at least one sample."
        )
    return count
