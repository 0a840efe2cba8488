"""Features of the first difference ``d[t] = x[t] - x[t-1]`` and the second difference ``dd``."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import whole

from .feature import Feature
from .sources import HUDGINS, LIBEMG, PHINYOMARK

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_QUIET = 1e-12
_SPACING = float(np.spacing(1.0))


def ratio(above: Values, below: Values) -> Values:
    """Divide; 0 where the divisor is 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _wl(block: Block, _: Options) -> Values:
    return block.sum("step")


def _aac(block: Block, _: Options) -> Values:
    return block.sum("step") / max(1, block.length - 1)


def _dasdv(block: Block, _: Options) -> Values:
    return np.sqrt(block.sum("step_square") / max(1, block.length - 1))


def _mfl(block: Block, _: Options) -> Values:
    return np.log10(np.maximum(block.sum("step"), _QUIET))


def _mdiff(block: Block, _: Options) -> Values:
    return block.sum("step_square") / block.length


def _mzp(block: Block, _: Options) -> Values:
    return np.sqrt(block.sum("step_square") / block.length)


def _mlk(block: Block, _: Options) -> Values:
    return np.log(block.sum("abs") + _SPACING) / block.length


def _pap(block: Block, _: Options) -> Values:
    return ratio(np.sqrt(block.sum("square")) * np.sqrt(block.sum("step_square")), np.sqrt(block.sum("bend_square")))


def _cor(block: Block, _: Options) -> Values:
    return ratio(ratio(block.sum("step_square"), block.sum("bend_square")), block.sum("square"))


def _mavslp(block: Block, options: Options) -> Values:
    segments = int(options["segments"])
    if block.length < segments:
        return np.full((len(block), segments - 1), np.nan)
    edges = [n * block.length // segments for n in range(segments + 1)]
    means = [block.part(a, b).sum("abs") / (b - a) for a, b in pairwise(edges)]
    return np.diff(np.stack(means, axis=1), axis=1)


def _slopes(options: Options, _: int, __: float) -> tuple[str, ...]:
    return tuple(str(n) for n in range(1, int(options["segments"])))


def _check_segments(options: Options, _: float) -> None:
    whole(int(options["segments"]), "segments", 2)


FEATURES = (
    Feature("WL", "sum |d|; a window of one sample gives 0", "as recorded", HUDGINS, _wl, needs=("step",)),
    Feature(
        "AAC",
        "sum |d| / (L - 1); a window of one sample gives 0",
        "as recorded",
        PHINYOMARK + ", which divides by L; L - 1 as MAVFD of LibEMG",
        _aac,
        needs=("step",),
        aliases=("MAVFD",),
    ),
    Feature(
        "DASDV",
        "sqrt(sum d^2 / (L - 1)); a window of one sample gives 0",
        "as recorded",
        PHINYOMARK,
        _dasdv,
        needs=("step_square",),
    ),
    Feature(
        "MFL",
        "log10(sum |d|), at least -12: a flat window gives -12",
        "log10(as recorded)",
        LIBEMG,
        _mfl,
        needs=("step",),
    ),
    Feature(
        "MAVSLP",
        "differences between the MAV of segments that follow each other, of which segment n ends before sample "
        "floor(n L / segments); fewer samples than segments give NaN",
        "as recorded",
        PHINYOMARK,
        _mavslp,
        options={"segments": 2},
        columns=_slopes,
        check=_check_segments,
    ),
    Feature("MDIFF", "sum d^2 / L", "as recorded^2", LIBEMG, _mdiff, needs=("step_square",)),
    Feature("MZP", "sqrt(sum d^2 / L)", "as recorded", LIBEMG, _mzp, needs=("step_square",)),
    Feature("MLK", "ln(sum |x| + 2^-52) / L", "ln(as recorded)", LIBEMG, _mlk, needs=("abs",)),
    Feature(
        "PAP",
        "sqrt(sum x^2) sqrt(sum d^2) / sqrt(sum dd^2); no second difference but 0 gives 0",
        "as recorded",
        LIBEMG,
        _pap,
        needs=("square", "step_square", "bend_square"),
    ),
    Feature(
        "COR",
        "sum d^2 / (sum dd^2 sum x^2); a divisor of 0 gives 0",
        "1 / as recorded^2",
        LIBEMG,
        _cor,
        needs=("square", "step_square", "bend_square"),
    ),
)
