"""Checks of scalar arguments, shared by every public function; each message names the value and the rule."""

import math
import operator
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any, SupportsIndex

import numpy as np

from ._errors import EmgDspError

MOST = 1 << 62
"""Largest count: a bit below what indices hold, so that a sum of two still fits."""


def positive(value: Any, name: str, unit: str = "Hz") -> float:  # noqa: ANN401  anything may come from a caller
    """Return ``value`` as a float, or raise unless it is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise EmgDspError(f"{name}={value!r}; required is a number in {unit}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
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


def number(value: Any, name: str, what: str = "a number") -> float:  # noqa: ANN401
    """Return ``value`` as a float, or raise unless it is a real number; NaN and infinities are numbers here."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise EmgDspError(f"{name}={value!r}; required is {what}.")
    try:
        return float(value)
    except OverflowError:
        raise EmgDspError(f"{name}={value!r}; required is {what} that float64 holds.") from None


def among(value: Any, known: Collection[Any]) -> bool:  # noqa: ANN401
    """Tell whether ``value`` is one of some names, whatever it is."""
    return isinstance(value, str) and value in known


def one_of(value: Any, name: str, known: Sequence[str]) -> None:  # noqa: ANN401
    """Raise unless ``value`` is one of some names."""
    if not among(value, known):
        raise EmgDspError(f"{name}={value!r}; required is {' or '.join(map(repr, known))}.")


def flag(value: Any, name: str) -> bool:  # noqa: ANN401
    """Return ``value``, or raise unless it is True or False (of NumPy also)."""
    if not isinstance(value, bool | np.bool_):
        raise EmgDspError(f"{name}={value!r}; required is True or False.")
    return bool(value)


def whole(value: SupportsIndex, name: str, least: int, unit: str = "", most: int = MOST) -> int:
    """Return ``value`` as an int, or raise unless it is a whole number of at least ``least`` and at most ``most``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise EmgDspError(f"{name}={value!r}; required is a whole number of at least {least}{unit}.")
    if number > most:
        raise EmgDspError(f"{name}={value!r}; required is at most {most}{unit}.")
    return number
