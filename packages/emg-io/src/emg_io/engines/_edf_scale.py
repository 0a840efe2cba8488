"""Calibrations that eight characters can say: ranges whose quotient is the scale that was meant.

A header states a scale as (physical range) / (digital range). The digital range may be any that covers the data, so one
is looked for whose physical ends are short decimals.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_TRIES = (10**k * m for k in range(7) for m in (1, 2, 4, 5, 8))
_CANDIDATES = (*sorted(_TRIES), 2**7, 2**11, 2**12, 2**15, 2**20, 2**22)


class Ranges(NamedTuple):
    """Digital ends, and the physical ends as the header writes them."""

    digital_min: int
    digital_max: int
    physical_min: str
    physical_max: str

    @property
    def scale(self) -> float:
        """Physical units a digital step, as a reader computes it."""
        return float(
            (Fraction(self.physical_max) - Fraction(self.physical_min)) / (self.digital_max - self.digital_min)
        )

    @property
    def offset(self) -> float:
        """Physical value of the digital 0, as a reader computes it."""
        step = (Fraction(self.physical_max) - Fraction(self.physical_min)) / (self.digital_max - self.digital_min)
        return float(Fraction(self.physical_min) - self.digital_min * step)


@lru_cache(maxsize=1024)
def ranges_for(scale: float, offset: float, low: int, high: int, limits: tuple[int, int]) -> Ranges | None:
    """Return the ranges that state ``value = digital * scale + offset`` best for digital values ``low`` to ``high``.

    None where eight characters cannot come within 1e-5 of the scale. Exact wherever some range of the form
    -n..n within ``limits`` has ends that are decimals of eight characters.
    """
    best, least = None, 1e-5
    for ends in _ends(low, high, limits):
        written = tuple(_spell(end, scale, offset) for end in ends)
        if None in written or written[0] == written[1]:
            continue
        made = Ranges(*ends, *(text for text in written if text))
        error = _error(made, scale, offset, max(-low, high, 1))
        if error < least:
            best, least = made, error
        if error == 0:
            break
    return best


def _ends(low: int, high: int, limits: tuple[int, int]) -> list[tuple[int, int]]:
    """List digital ranges that cover the data and lie within the limits, narrow ones first."""
    reach = max(-low, high, 1)
    ends = [(low, high)] if low < high else []
    rounded = (-(-reach // 10**k) * 10**k for k in range(7))
    ends += [(-n, n) for n in (*_CANDIDATES, *rounded) if reach <= n <= limits[1]]
    ends += [(limits[0], limits[1])]
    ends += [(-n, limits[1]) for n in _CANDIDATES if -low <= n <= -limits[0]]
    return ends


def _spell(end: int, scale: float, offset: float) -> str | None:
    """Return a physical end in eight characters, or None where it is too long."""
    exact = Fraction(repr(scale)) * end + Fraction(repr(offset))
    sign = "-" if exact < 0 else ""
    for places in range(7 - len(sign), -1, -1):
        digits = _point(str(round(abs(exact) * 10**places)), places)
        text = sign + (digits.removeprefix("0") if len(sign + digits) == 9 else digits)
        if len(text) <= 8:
            return text
    return None


def _point(digits: str, places: int) -> str:
    """Set the decimal point and drop zeros behind it."""
    if not places:
        return digits
    padded = digits.rjust(places + 1, "0")
    return f"{padded[:-places]}.{padded[-places:]}".rstrip("0").rstrip(".")


def _error(made: Ranges, scale: float, offset: float, reach: int) -> float:
    """Return the largest relative error of scale, and of offset against the data's reach; below 1e-15 is none."""
    error = max(abs(made.scale / scale - 1), abs(made.offset - offset) / (abs(scale) * reach))
    return 0.0 if error < 1e-15 else error
