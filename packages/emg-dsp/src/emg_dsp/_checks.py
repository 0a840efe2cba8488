"""Checks of scalar arguments, shared by every public function; each message names the value and the rule."""

import math
import operator
from numbers import Real
from typing import Any, SupportsIndex

from ._errors import EmgDspError


def positive(value: Any, name: str, unit: str = "Hz") -> float:  # noqa: ANN401  anything may come from a caller
    """Return ``value`` as a float, or raise unless it is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise EmgDspError(f"{name}={value!r}; required is a number in {unit}.")
    number = float(value)
    if not math.isfinite(number) or number <= 0:
        raise EmgDspError(f"{name}={value!r}; required is a finite number above 0 {unit}.")
    return number


def below_nyquist(value: Any, name: str, sfreq: float) -> float:  # noqa: ANN401
    """Return a frequency in ``(0, sfreq / 2)``, or raise."""
    number = positive(value, name)
    if number >= sfreq / 2:
        raise EmgDspError(
            f"{name}={number:g} Hz is not below half of sfreq={sfreq:g} Hz; required is {name} < {sfreq / 2:g} Hz. "
            "Lower it, or check that sfreq is the rate of this signal."
        )
    return number


def whole(value: SupportsIndex, name: str, least: int, unit: str = "") -> int:
    """Return ``value`` as an int, or raise unless it is a whole number of at least ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise EmgDspError(f"{name}={value!r}; required is a whole number of at least {least}{unit}.")
    return number
