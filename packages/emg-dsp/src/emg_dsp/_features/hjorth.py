"""Hjorth's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .difference import ratio
from .feature import Feature
from .sources import HJORTH

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _act(block: Block, _: Options) -> Values:
    return block.sum("square") / block.length


def _mob(block: Block, _: Options) -> Values:
    return np.sqrt(ratio(block.sum("step_square"), block.sum("square")))


def _comp(block: Block, _: Options) -> Values:
    return ratio(np.sqrt(block.sum("bend_square") * block.sum("square")), block.sum("step_square"))


FEATURES = (
    Feature(
        "ACT",
        "sum x^2 / L, the variance of a signal without offset",
        "as recorded^2",
        HJORTH,
        _act,
        needs=("square",),
        aliases=("AP",),
    ),
    Feature(
        "MOB",
        "sqrt(sum d^2 / sum x^2) of the first difference d; a window of zeros gives 0",
        "1",
        HJORTH,
        _mob,
        needs=("square", "step_square"),
    ),
    Feature(
        "COMP",
        "the mobility of d over that of x: sqrt(sum dd^2 sum x^2) / sum d^2; a flat window gives 0",
        "1",
        HJORTH,
        _comp,
        needs=("square", "step_square", "bend_square"),
    ),
)
