"""Features of the power spectrum: moments, medians, ratios of bands."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._errors import EmgDspError

from .sources import PHINYOMARK
from .spectral_power import SILENCE, band, between, freqs, moment, power, ratio, rising, spectral, total

if TYPE_CHECKING:
    from .block import Block
    from .feature import Feature, Options, Values

_DFTR_EDGES = (20.0, 92.0, 163.0, 235.0, 305.0, 378.0, 450.0)


def _mnf(block: Block, options: Options) -> Values:
    return ratio(moment(block, options, 1), moment(block, options, 0))


def quantile(block: Block, options: Options, part: float, spread: int) -> Values:
    """Return the frequency (n,) where the cumulative power first exceeds a part of its sum."""
    from .spectral_kernels import quantiles

    spectrum = power(block, options)
    place = np.empty(len(block))
    quantiles(spectrum, part, spread, place)
    return np.where(place < 0, np.nan, place * (block.sfreq / (1 << (block.length - 1).bit_length())))


def _mdf(block: Block, options: Options) -> Values:
    return quantile(block, options, 0.5, int(options["interpolate"]))


def _check_interpolate(options: Options, _: float) -> None:
    if options["interpolate"] not in {0, 1}:
        raise EmgDspError(f"interpolate={options['interpolate']}; required is 0 (no) or 1 (yes).")


def _pkf(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    return np.where(moment(block, options, 0) > 0, freqs(block, spectrum)[np.argmax(spectrum, axis=1)], np.nan)


def _mnp(block: Block, options: Options) -> Values:
    mean: Values = moment(block, options, 0) / power(block, options).shape[1]
    return mean


def _vcf(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    offset = freqs(block, spectrum) - _mnf(block, options)[:, None]
    squares: Values = offset**2 * spectrum
    return ratio(total(squares), moment(block, options, 0))


def _fr(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    low = band(block, spectrum, options["low"], options["split"])
    high = band(block, spectrum, options["split"], options["high"])
    return ratio(total(low), total(high))


def _psr(block: Block, options: Options) -> Values:
    spectrum = power(block, options)
    scale = freqs(block, spectrum)
    wanted = (scale >= options["low"]) & (scale <= options["high"])
    held = np.where(wanted, spectrum, 0.0)
    if not wanted.any():
        return np.full(len(block), np.nan)
    peak = scale[np.argmax(held, axis=1)]
    near = np.abs(scale - peak[:, None]) <= options["around"]
    return ratio(total(np.where(near, held, 0.0)), total(held))


def _check_psr(options: Options, sfreq: float) -> None:
    rising("low", "high")(options, sfreq)
    between("around", 0, 1e6)(options, sfreq)


def _dftr_bands(sfreq: float) -> tuple[tuple[float, float], ...]:
    return tuple((low, high) for low, high in pairwise(_DFTR_EDGES) if high < sfreq / 2)


def _dftr(block: Block, options: Options) -> Values:
    from .spectral_kernels import mean_roots

    spectrum = power(block, options)
    low, high = np.array(_dftr_bands(block.sfreq)).T
    scale = freqs(block, spectrum)
    bands = np.stack([np.searchsorted(scale, low, "right"), np.searchsorted(scale, high, "left")], axis=1)
    roots = np.empty((len(block), len(bands)))
    mean_roots(spectrum, bands, roots)
    values: Values = np.cbrt(roots) ** 2
    return values


def _dftr_columns(_: Options, __: int, sfreq: float) -> tuple[str, ...]:
    return tuple(f"{low:g}-{high:g}Hz" for low, high in _dftr_bands(sfreq))


def _check_dftr(_: Options, sfreq: float) -> None:
    if not _dftr_bands(sfreq):
        raise EmgDspError(
            f"sfreq={sfreq:g} Hz; required for DFTR is a rate above 184 Hz, twice the end of its first band."
        )


def _moment_feature(order: int) -> Feature:
    return spectral(
        f"SM{order}",
        f"sum f^{order} P; silence gives 0.",
        f"(as recorded)^2 Hz^{order}",
        PHINYOMARK,
        lambda block, options: moment(block, options, order),
    )


FEATURES = (
    spectral("MNF", "sum f P / sum P" + SILENCE, "Hz", PHINYOMARK, _mnf, aliases=("SC",)),
    spectral(
        "MDF",
        "first f at which the cumulative power exceeds half of the sum, a multiple of sfreq/N; interpolate=1: power "
        "of each bin spread evenly over its width, and the frequency that halves the sum exactly" + SILENCE,
        "Hz",
        PHINYOMARK,
        _mdf,
        options={"interpolate": 0},
        check=_check_interpolate,
    ),
    spectral("PKF", "f of the largest P, the lowest of equal ones" + SILENCE, "Hz", PHINYOMARK, _pkf),
    spectral("MNP", "sum P / number of bins; silence gives 0.", "as recorded^2", PHINYOMARK, _mnp),
    spectral("TTP", "sum P; silence gives 0.", "as recorded^2", PHINYOMARK, lambda b, o: moment(b, o, 0)),
    spectral(
        "SM",
        "sum f^order P; silence gives 0.",
        "(as recorded)^2 Hz^order",
        PHINYOMARK,
        lambda block, options: moment(block, options, int(options["order"])),
        options={"order": 2},
        check=between("order", 0, 10),
    ),
    _moment_feature(1),
    _moment_feature(2),
    _moment_feature(3),
    spectral("VCF", "sum (f - MNF)^2 P / sum P" + SILENCE, "Hz^2", PHINYOMARK, _vcf),
    spectral(
        "FR",
        "sum of P with low <= f < split, over that with split <= f < high; NaN where the second is 0, as at rates "
        "up to 500 Hz with these defaults.",
        "1",
        "Han et al., Proc. Int. Conf. Soft Computing (IIZUKA), 2000, as written down by " + PHINYOMARK,
        _fr,
        options={"low": 30.0, "split": 250.0, "high": 500.0},
        check=rising("low", "split", "high"),
    ),
    spectral(
        "PSR",
        "sum of P within `around` Hz of its largest value, over the sum; both from low to high, ends included"
        + SILENCE,
        "0 to 1",
        PHINYOMARK,
        _psr,
        options={"low": 10.0, "high": 500.0, "around": 20.0},
        check=_check_psr,
    ),
    spectral(
        "DFTR",
        "(mean sqrt(P) over the bins inside a band)^(2/3), for the bands between 20, 92, 163, 235, 305, 378 and 450 Hz "
        "that lie below sfreq/2, edges left out; a band without a bin gives NaN, silence 0.",
        "as recorded^(2/3)",
        "He et al., IEEE J. Biomed. Health Inform. 19(3), 2015, doi:10.1109/JBHI.2014.2330356; edges as in LibEMG",
        _dftr,
        columns=_dftr_columns,
        check=_check_dftr,
    ),
)
