"""Features of how samples are distributed, whatever their order: means of powers, roots and logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive, whole

from .feature import Feature
from .sources import LIBEMG, NAZARPOUR, PHINYOMARK, WEARABLE, ZARDOSHTI

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_POWERS = {1.0: "abs", 2.0: "square", 3.0: "cube_abs", 4.0: "fourth"}


def _mean_power(block: Block, order: float) -> Values:
    """Compute the mean of ``|x| ** order``."""
    if order in _POWERS:
        return block.sum(_POWERS[order]) / block.length
    return block.mapped(("power", order), lambda x: np.abs(x) ** order).sum("total") / block.length


def _vord(block: Block, options: Options) -> Values:
    return _mean_power(block, options["order"]) ** (1 / options["order"])


def _log(block: Block, _: Options) -> Values:
    return np.exp(block.mapped("log", _log_magnitude).sum("total") / block.length)


def _ld(block: Block, _: Options) -> Values:
    return np.exp(block.mapped("log above 1", _log_above_1).sum("total") / block.length)


def _log_above_1(x: Values) -> Values:
    magnitudes: Values = np.abs(x, out=x)
    magnitudes += 1
    return np.log(magnitudes, out=magnitudes)


def _log_magnitude(x: Values) -> Values:
    return np.log(np.abs(x, out=x), out=x)


def _msr(block: Block, _: Options) -> Values:
    roots = block.mapped("root", lambda x: np.copysign(np.sqrt(np.abs(x)), x))
    above, below = roots.sum("abs") + roots.sum("total"), roots.sum("abs") - roots.sum("total")
    return np.hypot(above, below) / (2 * block.length)


def _tm(block: Block, options: Options) -> Values:
    return _mean_power(block, options["order"])


def _tm3(block: Block, _: Options) -> Values:
    return np.abs(block.sum("cube")) / block.length


def _tm4(block: Block, _: Options) -> Values:
    return block.sum("fourth") / block.length


def _tm5(block: Block, _: Options) -> Values:
    return np.abs(block.sum("fifth")) / block.length


def _standardized(block: Block, name: str, order: int) -> Values:
    """Divide a central moment by that power of the standard deviation; 0 in a flat window."""
    spread = block.sum("spread_2") / block.length
    moment = block.sum(name) / block.length
    return np.divide(moment, spread ** (order / 2), out=np.zeros(len(block)), where=spread > 0)


def _skew(block: Block, _: Options) -> Values:
    return _standardized(block, "spread_3", 3)


def _kurt(block: Block, _: Options) -> Values:
    return _standardized(block, "spread_4", 4)


def _check_vord(options: Options, _: float) -> None:
    positive(options["order"], "order", "(no unit)")


def _check_tm(options: Options, _: float) -> None:
    whole(int(options["order"]), "order", 1)


FEATURES = (
    Feature(
        "VORD",
        "(sum |x|^order / L)^(1 / order), order > 0; 2 gives RMS, 1 MAV",
        "as recorded",
        ZARDOSHTI,
        _vord,
        options={"order": 2.0},
        check=_check_vord,
    ),
    Feature("LOG", "exp(sum ln |x| / L); one exact 0 gives 0", "as recorded", ZARDOSHTI, _log),
    Feature(
        "LD", "exp(sum ln(|x| + 1) / L); depends on the unit; a window of zeros gives 1", "as recorded", LIBEMG, _ld
    ),
    Feature(
        "MSR",
        "|sum sqrt(x) / L| with imaginary roots of samples below 0",
        "as recorded^(1/2)",
        WEARABLE + "; complex roots as in LibEMG",
        _msr,
    ),
    Feature(
        "TM",
        "sum |x|^order / L, order >= 1",
        "as recorded^order",
        LIBEMG,
        _tm,
        options={"order": 3},
        check=_check_tm,
    ),
    Feature("TM3", "|sum x^3| / L", "as recorded^3", PHINYOMARK, _tm3, needs=("cube",)),
    Feature("TM4", "sum x^4 / L", "as recorded^4", PHINYOMARK, _tm4, needs=("fourth",)),
    Feature("TM5", "|sum x^5| / L", "as recorded^5", PHINYOMARK, _tm5, needs=("fifth",)),
    Feature(
        "SKEW",
        "m3 / m2^1.5 with mk = sum (x - mean x)^k / L; a flat window gives 0",
        "1",
        "Thongpanja et al., IEEE Trans. Instrum. Meas. 65(7), 2016, doi:10.1109/TIM.2016.2534378",
        _skew,
        needs=("spread_3",),
    ),
    Feature(
        "KURT",
        "m4 / m2^2 with mk = sum (x - mean x)^k / L, 3 for a normal distribution; a flat window gives 0, as no other",
        "1",
        NAZARPOUR,
        _kurt,
        needs=("spread_4",),
    ),
)
