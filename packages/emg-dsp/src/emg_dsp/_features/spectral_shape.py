"""Features of the shape of the power spectrum, most of them made for audio first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .spectral import quantile
from .spectral_power import SILENCE, band, between, freqs, moment, power, powers_of, ratio, spectral, total

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_EYBEN = "Eyben et al., IEEE Trans. Affect. Comput. 7(2), 2016, doi:10.1109/TAFFC.2015.2457417"
_PEETERS = "Peeters et al., J. Acoust. Soc. Am. 130(5), 2011, doi:10.1121/1.3642604"
_TWITCH = (
    "no paper: EMGFlow 1.1 as it computes, fast over slow (its documentation prints the ratios the other way round), "
    "after the audio features of " + _EYBEN
)


def _share(block: Block, options: Options) -> Values:
    """P / sum P (n, bins)."""
    return ratio(power(block, options), moment(block, options, 0)[:, None])


def _deviation(block: Block, options: Options, order: float) -> Values:
    """``(sum |f - MNF|^order P / sum P)^(1/order)``."""
    share = _share(block, options)
    scale = freqs(block, share)
    centre = total(share * scale)[:, None]
    return total(np.abs(scale - centre) ** order * share) ** (1 / order)


def _flatness(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    mean = moment(block, options, 0) / spectrum.shape[1]
    return ratio(np.exp(np.mean(np.log(spectrum), axis=1)), mean)


def _flux(block: Block, options: Options) -> Values:
    half = block.length // 2
    if half == 0:
        return np.full(len(block), np.nan)
    settings = int(options["taper"]), int(options["centre"])
    halves = [powers_of(block, half, offset, *settings) for offset in (0, block.length - half)]
    first, second = (ratio(part, total(part)[:, None]) for part in halves)
    return total((second - first) ** 2)


def _decrease(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    fall = np.ascontiguousarray((spectrum[:, 1:] - spectrum[:, :1]) / np.arange(1, spectrum.shape[1]))
    return ratio(total(fall), total(spectrum[:, 1:]))


def _entropy(block: Block, options: Options) -> Values:
    share = _share(block, options)
    bits: Values = 0.0 - total(np.where(share > 0, share * np.log2(np.where(share > 0, share, 1.0)), share))
    return bits


def _sides(block: Block, options: Options) -> tuple[Values, Values]:
    """P below the split and from it on."""
    spectrum = power(block, options)
    return band(block, spectrum, 0, options["split"]), band(block, spectrum, options["split"], np.inf)


def _twr(block: Block, options: Options) -> Values:
    slow, fast = _sides(block, options)
    return ratio(total(fast), total(slow)) if fast.shape[1] else np.full(len(block), np.nan)


def _twi(block: Block, options: Options) -> Values:
    slow, fast = _sides(block, options)
    return ratio(np.max(fast, axis=1), np.max(slow, axis=1)) if fast.shape[1] else np.full(len(block), np.nan)


def _tws(block: Block, options: Options) -> Values:
    share = _share(block, options)
    scale = freqs(block, share)
    split = int(np.searchsorted(scale, options["split"]))
    return np.stack([_slope(share[:, split:], scale[split:]), _slope(share[:, :split], scale[:split])], axis=1)


def _slope(values: Values, scale: Values) -> Values:
    """Slope (n,) of the least-squares line through values (n, bins); NaN for fewer than two bins."""
    if len(scale) < 2:
        return np.full(len(values), np.nan)
    weights = scale - scale.mean()
    return total(values * (weights / np.sum(weights**2)))


_SPLIT = {"split": 60.0}
_CHECK_SPLIT = between("split", 0, 1e6)

FEATURES = (
    spectral(
        "SS",
        "sqrt(sum (f - MNF)^2 P / sum P)" + SILENCE,
        "Hz",
        _PEETERS,
        lambda b, o: _deviation(b, o, 2.0),
    ),
    spectral(
        "SBW",
        "(sum |f - MNF|^order P / sum P)^(1/order); equals SS for order 2" + SILENCE,
        "Hz",
        "as in librosa: McFee et al., Proc. SciPy 2015, doi:10.25080/Majora-7b98e3ed-003, of power",
        lambda block, options: _deviation(block, options, float(options["order"])),
        options={"order": 2.0},
        check=between("order", 0, 10),
    ),
    spectral(
        "SFLT",
        "geometric mean of P over arithmetic mean of P; a bin of power 0 gives 0" + SILENCE,
        "0 to 1",
        "Dubnov, IEEE Signal Process. Lett. 11(8), 2004, doi:10.1109/LSP.2004.831663",
        _flatness,
    ),
    spectral(
        "SFLX",
        "sum (p2 - p1)^2 with p1, p2 the P / sum P of the first and the last floor(L/2) samples, each as a window of "
        "its own; NaN where either is silent or L = 1.",
        "0 to 2",
        "Giannakopoulos and Pikrakis, Introduction to Audio Analysis, 2014, doi:10.1016/B978-0-08-099388-1.00004-2; "
        "halves of a window as in the documentation of EMGFlow 1.1",
        _flux,
    ),
    spectral(
        "SDEC",
        "sum over bins k >= 1 of (P_k - P_0) / k, over the sum of P_k; NaN where that is 0.",
        "1",
        _PEETERS,
        _decrease,
    ),
    spectral(
        "SE",
        "-sum p log2 p with p = P / sum P, 0 log 0 = 0" + SILENCE,
        "bit",
        "Inouye et al., Electroencephalogr. Clin. Neurophysiol. 79(3), 1991, doi:10.1016/0013-4694(91)90138-T",
        _entropy,
    ),
    spectral(
        "SR",
        "first f at which the cumulative power exceeds part times the sum" + SILENCE,
        "Hz",
        "Tzanetakis and Cook, IEEE Trans. Speech Audio Process. 10(5), 2002, doi:10.1109/TSA.2002.800560, of "
        "magnitudes there",
        lambda block, options: quantile(block, options, options["part"], 0),
        options={"part": 0.85},
        check=between("part", 0, 0.999),
    ),
    spectral(
        "TWR",
        "sum of P with f >= split over that with f < split; NaN where the second is 0 or no bin is above.",
        "1",
        _TWITCH,
        _twr,
        options=_SPLIT,
        check=_CHECK_SPLIT,
    ),
    spectral(
        "TWI",
        "largest P with f >= split over the largest with f < split; NaN where the second is 0 or no bin is above.",
        "1",
        _TWITCH,
        _twi,
        options=_SPLIT,
        check=_CHECK_SPLIT,
    ),
    spectral(
        "TWS",
        "slopes of the least-squares lines of P / sum P over f, first for f >= split, then for f < split; NaN in "
        "silence and where a side has fewer than two bins.",
        "1/Hz",
        _TWITCH,
        _tws,
        options=_SPLIT,
        check=_CHECK_SPLIT,
        columns=lambda *_: ("fast", "slow"),
    ),
)
