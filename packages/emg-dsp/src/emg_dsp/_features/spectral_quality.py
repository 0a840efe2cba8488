"""Features that tell from the power spectrum whether a recording is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .spectral_power import SILENCE, band, freqs, moment, power, ratio, rising, spectral

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_SINDERBY = "Sinderby, Lindstrom and Grassino, J. Appl. Physiol. 79(5), 1995, doi:10.1152/jappl.1995.79.5.1803"
_POINTS = 13


def _snr(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    scale = freqs(block, spectrum)
    above = np.flatnonzero(scale >= 0.8 * block.sfreq / 2)
    if len(above) == 0:
        return np.full(len(block), np.nan)
    noise = np.mean(np.ascontiguousarray(spectrum[:, above[0] :]), axis=1) * spectrum.shape[1]
    return ratio(moment(block, options, 0), noise)


def _dpr(block: Block, options: Options) -> Values:
    inside = band(block, power(block, options), options["low"], options["high"])
    count = inside.shape[1] - _POINTS + 1
    if count < 1:
        return np.full(len(block), np.nan)
    sums = np.zeros((len(block), count))
    for shift in range(_POINTS):
        sums += inside[:, shift : shift + count]
    return ratio(np.max(sums, axis=1), np.min(sums, axis=1))


def _ohm(block: Block, options: Options) -> Values:
    zeroth, first, second = (moment(block, options, order) for order in (0, 1, 2))
    return ratio(np.sqrt(zeroth * second), first)


FEATURES = (
    spectral(
        "SNR",
        "sum P over the noise: the mean of P with f >= 0.4 sfreq, times the number of bins; NaN where that is 0 or no "
        "bin lies there. A ratio of powers, 1 for white noise.",
        "1",
        _SINDERBY,
        _snr,
    ),
    spectral(
        "DPR",
        f"largest over smallest mean of {_POINTS} neighbouring P with low <= f < high; NaN with fewer bins, or where "
        "the smallest is 0.",
        "1",
        _SINDERBY + ", up to 600 Hz there",
        _dpr,
        options={"low": 35.0, "high": 500.0},
        check=rising("low", "high"),
    ),
    spectral("OHM", "sqrt(SM2 / SM0) / (SM1 / SM0), at least 1; NaN where SM1 is 0" + SILENCE, "1", _SINDERBY, _ohm),
)
