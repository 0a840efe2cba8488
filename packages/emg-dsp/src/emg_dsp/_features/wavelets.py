"""Features of the discrete wavelet transform, one column for each band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._errors import EmgDspError

from .feature import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from .block import Block
    from .feature import Options, Values

SYM8 = (
    -0.0033824159510061256,
    -0.0005421323317911481,
    0.03169508781149298,
    0.007607487324917605,
    -0.1432942383508097,
    -0.061273359067658524,
    0.4813596512583722,
    0.7771857517005235,
    0.3644418948353314,
    -0.05194583810770904,
    -0.027219029917056003,
    0.049137179673607506,
    0.003808752013890615,
    -0.01495225833704823,
    -0.0003029205147213668,
    0.0018899503327594609,
)
"""Low-pass filter of the least asymmetric Daubechies wavelet with 8 vanishing moments; Daubechies, Ten Lectures on
Wavelets, SIAM 1992, doi:10.1137/1.9781611970104."""
_MOST = 20
_SAMPLES = 1 << 14
"""Samples that are copied before they are transformed."""
_ROUNDING = 1e-20
"""Energy of a band that counts as none, as a part of the strongest band's: the filters have 12 digits."""
_SOURCE = "no paper: Khushaba's program getmswtfeat for MATLAB, 2012, " + (
    "as in LibEMG: Eddy et al., IEEE Access 11, 2023, doi:10.1109/ACCESS.2023.3304544; ends of windows are ours"
)
_RULE = (
    "; c are the sym8 wavelet coefficients of a band, the window mirrored at its ends (first and last sample doubled), "
    "so that any level is possible. Columns: approximation A, details D from coarse to fine; the level is "
    "floor(log2(sfreq / 2) - 1), at least 1, unless given"
)


def levels(options: Options, sfreq: float) -> int:
    """Return the depth of the transform: as asked for, or by the sampling rate where 0 is asked for."""
    return int(options["level"]) or min(_MOST, max(1, math.floor(math.log2(sfreq / 2) - 1)))


def filters() -> Values:
    """Return the low-pass and the high-pass filter (2, taps)."""
    low = np.array(SYM8)
    signs = np.where(np.arange(len(low)) % 2, 1.0, -1.0)
    return np.stack([low, signs * low[::-1]])


def _sums(block: Block, options: Options, *, entropy: bool = False) -> Values:
    """Return energy, variance, length and, where asked for, entropy of each band (n, bands, 4)."""
    depth = levels(options, block.sfreq)

    def build(given: Block) -> Values:
        from emg_dsp._spectra.frame_kernels import gather

        from .wavelet_kernels import LANES, band_sums

        out = np.empty((len(given), depth + 1, 4))
        some = max(1, _SAMPLES // (given.length * LANES)) * LANES
        work, ones = np.empty((min(some, len(given)), given.length)), np.ones(given.length)
        for first in range(0, len(given), some):
            part = out[first : first + some]
            gather(given.flat, given.starts[first : first + some], ones, 0, work)
            band_sums(work[: len(part)], int(entropy), part)
        return out

    return block.product(("wavelet", depth, entropy), build)


def _logarithm(column: int) -> Callable[[Block, Options], Values]:
    return lambda block, options: np.log(_sums(block, options)[..., column] + 1e-10)


def _went(block: Block, options: Options) -> Values:
    """Entropies, 0 where the coefficients are what rounding leaves of a window that is strong in another band."""
    sums = _sums(block, options, entropy=True)
    energies = sums[..., 0]
    return np.where(energies > _ROUNDING * np.max(energies, axis=1, keepdims=True), sums[..., 3], 0.0)


def _columns(options: Options, _: int, sfreq: float) -> tuple[str, ...]:
    depth = levels(options, sfreq)
    return (f"A{depth}", *(f"D{level}" for level in range(depth, 0, -1)))


def _check(options: Options, _: float) -> None:
    if not 0 <= options["level"] <= _MOST:
        raise EmgDspError(f"level={options['level']}; required is 1 to {_MOST}, or 0 for the level of the rate.")


def _feature(name: str, formula: str, unit: str, compute: Callable[[Block, Options], Values]) -> Feature:
    return Feature(name, formula + _RULE, unit, _SOURCE, compute, options={"level": 0}, columns=_columns, check=_check)


FEATURES = (
    _feature("WENG", "ln(sum c^2 + 1e-10); silence gives ln 1e-10", "ln(as recorded^2)", _logarithm(0)),
    _feature(
        "WV", "ln(var(c^2) + 1e-10), population variance; silence gives ln 1e-10", "ln(as recorded^4)", _logarithm(1)
    ),
    _feature("WWL", "ln(sum |diff c^2| + 1e-10); silence gives ln 1e-10", "ln(as recorded^2)", _logarithm(2)),
    _feature(
        "WENT",
        "-sum p ln p with p = c^2 / sum c^2, 0 ln 0 = 0; a silent band gives 0, that is one with less energy than "
        "1e-290 or than 1e-20 of the strongest band's, as the details of a flat window",
        "nat",
        _went,
    ),
)
