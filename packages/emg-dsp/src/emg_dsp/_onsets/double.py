"""The double-threshold detector of Bonato, D'Alessio and Knaflitz."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .baseline import Baseline, Rest, baseline
from .signals import checked_signal, detected, durations
from .thresholds import DoubleThreshold

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from emg_dsp._arrays import NanPolicy

    from .activity import Activity

_MOST_PAIRS = 1000
"""Up to here binomial coefficients fit float64."""


def onset_double_threshold(
    x: ArrayLike,
    sfreq: float,
    *,
    false_alarm: float = 0.001,
    m: SupportsIndex = 5,
    r0: SupportsIndex = 1,
    rest: Rest = None,
    min_active: float = 0.03,
    min_rest: float = 0.03,
    nan: NanPolicy = "raise",
) -> Activity:
    """Detect activity by two thresholds: enough strong pairs of samples among the last few.

    Noise of standard deviation ``s`` with independent samples has ``z = x[2i]**2 + x[2i+1]**2 > level`` with
    probability ``p = exp(-level / (2 s**2))``, and at least ``r0`` such pairs among ``m`` with probability
    ``sum(comb(m, k) * p**k * (1 - p)**(m - k) for k in r0..m)``. The level is the one that makes this ``false_alarm``.

    Parameters
    ----------
    x : array (channels, time)
        Signal in any unit, without offset, white at rest: neighbouring samples that are alike (a narrow band, a high
        rate) raise more false alarms than designed.
    sfreq : float
        Sampling rate in Hz, > 0.
    false_alarm : float
        Probability in 0 to 1 that the track of pure noise is true at a sample, before intervals are joined or dropped.
    m, r0 : int
        At least ``r0`` of the last ``m`` pairs, ``1 <= r0 <= m <= 1000``.
    rest, min_active, min_rest, nan
        As for `onset_hodges_bui`; the root mean square of ``x`` itself is taken for ``s``. The paper rejects states
        shorter than 30 ms. A sample that is not finite makes its own pair weak and no other.

    Returns
    -------
    Activity
        Its stage decides with the second sample of each pair.

    References
    ----------
    Bonato, D'Alessio and Knaflitz, IEEE Trans. Biomed. Eng. 45(3), 1998, doi:10.1109/10.661154; whitening, which the
    paper does first, is left to the caller.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import onset_double_threshold
    >>> x = np.random.default_rng(0).standard_normal((1, 3000)) * np.repeat([0.1, 1, 0.1], 1000)
    >>> bool(abs(onset_double_threshold(x, 1000, rest=(0, 0.8)).onset_times[0][0] - 1) < 0.02)
    True
    """
    rate = positive(sfreq, "sfreq")
    design = DoubleThreshold((0.0,), m, r0)  # type: ignore[arg-type]
    strong = pair_probability(false_alarm, design.m, design.r0)
    signal = checked_signal(x, nan)
    mean, std = baseline(signal, rate, rest)
    power = std**2 if isinstance(rest, Baseline) else std**2 + mean**2
    levels = np.where(power > 0, -2 * power * math.log(strong), 0.0)
    stage = DoubleThreshold(tuple(levels), design.m, design.r0)
    return detected(stage(signal, nan="propagate"), stage, rate, 0, durations(min_active, min_rest, rate))


def pair_probability(false_alarm: float, m: int, r0: int) -> float:
    """Return the probability of a strong pair that makes ``r0`` or more of ``m`` as probable as ``false_alarm``."""
    whole(m, "m", 1, " pairs", most=_MOST_PAIRS)
    target = positive(false_alarm, "false_alarm", "(a probability)")
    if target >= 1:
        raise EmgDspError(f"false_alarm={false_alarm!r}; required is a probability below 1.")
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in {low, high}:
            return high
        tail = sum(math.comb(m, k) * middle**k * (1 - middle) ** (m - k) for k in range(r0, m + 1))
        low, high = (middle, high) if tail < target else (low, middle)
