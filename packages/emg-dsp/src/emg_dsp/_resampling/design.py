"""From two rates to a ratio of whole numbers, and from there to the branches of a low-pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive
from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 4096
_TOLERANCE = 1e-9
_MARGIN_DB = 2.0
_NARROWEST = 1e-3
"""Kaiser's formulas are approximate: so much more is asked of them, for the stated loss to hold."""


@dataclass(frozen=True, eq=False)
class Branches:
    """A low-pass at ``up`` times the input's rate, cut into ``up`` branches.

    Parameters
    ----------
    up, down : int
        The ratio of the rates, without common divisor.
    half : int
        Delay of the filter in samples of the raised rate, a multiple of ``down``.
    filter : array (2 * half + 1,), float64
        Symmetric; its sum is ``up``.
    taps : array (up, reach), float64
        Branch by branch, latest coefficient first, as the kernel reads it.
    """

    up: int
    down: int
    half: int
    filter: NDArray[np.float64]
    taps: NDArray[np.float64]


def ratio(sfreq: float, to: float) -> tuple[int, int]:
    """Return ``to / sfreq`` as whole numbers ``up, down``, or raise where there are none up to 4096.

    They must give the target rate to a relative 1e-9: one sample in about six days at 2 kHz.
    """
    exact = Fraction(to) / Fraction(sfreq)
    near = exact.limit_denominator(_LARGEST)
    error = float(abs(near / exact - 1)) if near else math.inf
    if error > _TOLERANCE or near.numerator > _LARGEST:
        raise EmgDspError(
            f"to={to:g} Hz over sfreq={sfreq:g} Hz is no ratio of whole numbers up to {_LARGEST} "
            f"(nearest {near}, off by {error:.1e}); required is one within {_TOLERANCE:g}. "
            "Choose a rate that is, e.g. a rounded one."
        )
    return near.numerator, near.denominator


@lru_cache(maxsize=32)
def branches(up: int, down: int, attenuation_db: float, transition: float) -> Branches:
    """Design the low-pass: a sinc under a Kaiser window whose stop-band begins where aliases would.

    Kaiser, Proc. IEEE Int. Symp. Circuits Syst., 1974; Oppenheim and Schafer, Discrete-Time Signal Processing, ch. 7.
    """
    if up == down == 1:
        return Branches(1, 1, 0, np.ones(1), np.ones((1, 1)))
    most = max(up, down)
    loss = attenuation_db + _MARGIN_DB
    length = (loss - 7.95) / (2.285 * math.pi * transition / most)
    half = math.ceil(length / 2 / down) * down
    beta = 0.1102 * (loss - 8.7)
    cutoff = (1 - transition / 2) / most
    time = np.arange(-half, half + 1)
    taps = cutoff * np.sinc(cutoff * time) * np.kaiser(2 * half + 1, beta)
    taps *= up / taps.sum()
    reach = -(-len(taps) // up)
    padded = np.zeros(reach * up)
    padded[: len(taps)] = taps
    split = np.ascontiguousarray(padded.reshape(reach, up)[::-1].T)
    return Branches(up, down, half, taps, split)


def checked(sfreq: float, to: float, attenuation_db: float, transition: float) -> tuple[float, float, float, float]:
    """Check the four numbers of a design and return them as floats."""
    rates = positive(sfreq, "sfreq"), positive(to, "to")
    loss, width = positive(attenuation_db, "attenuation_db", "dB"), positive(transition, "transition", "(no unit)")
    if not 50 <= loss <= 200:
        raise EmgDspError(f"attenuation_db={loss:g}; required is 50 to 200 dB.")
    if not _NARROWEST <= width <= 1:
        raise EmgDspError(f"transition={width:g}; required is a part of the pass-band from {_NARROWEST:g} to 1.")
    return *rates, loss, width
