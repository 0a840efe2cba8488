"""Features of amplitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .feature import Feature
from .sources import HUDGINS, PHINYOMARK

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _mav(block: Block, _: Options) -> Values:
    return block.sum("abs") / block.length


def _rms(block: Block, _: Options) -> Values:
    return np.sqrt(block.sum("square") / block.length)


FEATURES = (
    Feature("MAV", "sum |x| / L", "as recorded", HUDGINS, _mav, needs=("abs",)),
    Feature("RMS", "sqrt(sum x^2 / L)", "as recorded", PHINYOMARK, _rms, needs=("square",)),
)
