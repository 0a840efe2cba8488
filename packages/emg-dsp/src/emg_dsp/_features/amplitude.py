"""Features of amplitude: means, sums and powers of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import whole

from .feature import Feature
from .sources import HUDGINS, LIBEMG, PHINYOMARK

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _mav(block: Block, _: Options) -> Values:
    return block.sum("abs") / block.length


def _step_weights(length: int) -> Values:
    place = np.arange(1, length + 1) / length
    return np.where((place >= 0.25) & (place <= 0.75), 1.0, 0.5)


def _ramp_weights(length: int) -> Values:
    place = np.arange(1, length + 1) / length
    ramps: Values = np.minimum(1.0, 4 * np.minimum(place, 1 - place))
    return ramps


def _weighted(block: Block, weights: Values) -> Values:
    from .window_sums import weighted_abs

    out: Values = np.empty(len(block))
    weighted_abs(block.flat, block.starts, weights, out)
    return out / block.length


def _mav1(block: Block, _: Options) -> Values:
    return _weighted(block, _step_weights(block.length))


def _mav2(block: Block, _: Options) -> Values:
    return _weighted(block, _ramp_weights(block.length))


def _mean(block: Block, _: Options) -> Values:
    return block.sum("total") / block.length


def _iav(block: Block, _: Options) -> Values:
    return block.sum("abs")


def _ssi(block: Block, _: Options) -> Values:
    return block.sum("square")


def _rms(block: Block, _: Options) -> Values:
    return np.sqrt(block.sum("square") / block.length)


def _var(block: Block, options: Options) -> Values:
    freedom = block.length - int(options["ddof"])
    return block.sum("spread_2") / freedom if freedom > 0 else np.full(len(block), np.nan)


def _mpk(block: Block, _: Options) -> Values:
    from .peaks import peaks

    whole_type = np.int32 if block.flat.dtype == np.float32 else np.int64
    out = np.empty(len(block), dtype=np.int64)
    peaks(block.flat.view(whole_type), block.starts, block.length, out)
    return out.astype(whole_type).view(block.flat.dtype).astype(np.float64)


def _check_ddof(options: Options, _: float) -> None:
    whole(int(options["ddof"]), "ddof", 0)


FEATURES = (
    Feature("MAV", "sum |x| / L", "as recorded", HUDGINS, _mav, needs=("abs",)),
    Feature(
        "MAV1",
        "sum w[t] |x[t]| / L for t = 1 ... L with w = 1 where L/4 <= t <= 3L/4 and 1/2 elsewhere",
        "as recorded",
        PHINYOMARK,
        _mav1,
        aliases=("MMAV1",),
        copies=False,
    ),
    Feature(
        "MAV2",
        "sum w[t] |x[t]| / L for t = 1 ... L with w = 1 in the middle half, rising as 4t/L before it and falling as "
        "4(L - t)/L after it; a constant 1 gives 3/4 where 4 divides L",
        "as recorded",
        PHINYOMARK + "; its last ramp is handed down as 4(t - L)/L, which is negative: the sign is ours",
        _mav2,
        aliases=("MMAV2",),
        copies=False,
    ),
    Feature("MEAN", "sum x / L", "as recorded", LIBEMG, _mean, needs=("total",)),
    Feature(
        "IAV", "sum |x|, not divided by the rate", "as recorded", PHINYOMARK, _iav, needs=("abs",), aliases=("IEMG",)
    ),
    Feature("SSI", "sum x^2", "as recorded^2", PHINYOMARK, _ssi, needs=("square",), aliases=("ISD",)),
    Feature("RMS", "sqrt(sum x^2 / L)", "as recorded", PHINYOMARK, _rms, needs=("square",)),
    Feature(
        "VAR",
        "sum (x - mean x)^2 / (L - ddof); a flat window gives 0; L <= ddof gives NaN",
        "as recorded^2",
        PHINYOMARK + ", which has sum x^2 / (L - 1) of a signal without offset; mean and L as in LibEMG",
        _var,
        options={"ddof": 0},
        needs=("spread_2",),
        check=_check_ddof,
    ),
    Feature("MPK", "max x, with its sign", "as recorded", LIBEMG, _mpk, copies=False),
)
