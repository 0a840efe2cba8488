"""Features that count events: sign changes and slope changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .feature import Feature
from .sources import HUDGINS

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _zc(block: Block, _: Options) -> Values:
    return block.sum("crossings")


def _ssc(block: Block, _: Options) -> Values:
    return block.sum("turns")


FEATURES = (
    Feature(
        "SSC",
        "count of samples above both neighbours or below both; equal neighbours count none, a flat window gives 0",
        "count",
        HUDGINS,
        _ssc,
        needs=("turns",),
    ),
    Feature(
        "ZC",
        "count of sign changes; an exact 0 has the sign of the last sample that is not 0, so 1, 0, -1 gives 1 "
        "and 1, 0, 1 gives 0; a flat window gives 0",
        "count",
        HUDGINS,
        _zc,
        needs=("crossings",),
    ),
)
