"""Features of the first and second difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .feature import Feature
from .sources import HUDGINS

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _wl(block: Block, _: Options) -> Values:
    return block.sum("step")


FEATURES = (Feature("WL", "sum |x[t] - x[t-1]| over L - 1 steps", "as recorded", HUDGINS, _wl, needs=("step",)),)
