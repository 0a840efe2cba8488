"""L-moments: statistics that are linear in the sorted samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .feature import Feature

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values


def _l_scale(block: Block, _: Options) -> Values:
    from .ordered import l_scale

    out = np.zeros(len(block))
    if block.length > 1:
        l_scale(block.samples, out)
    return out


FEATURES = (
    Feature(
        "LS",
        "second sample L-moment: sum over i = 0 .. L - 1 of (2 i - L + 1) x_(i) / (L (L - 1)) with x_(i) in rising "
        "order, which is half the mean distance of two samples; flat windows and one sample give 0",
        "as recorded",
        "Hosking, J. R. Stat. Soc. B 52(1), 1990, doi:10.1111/j.2517-6161.1990.tb01775.x",
        _l_scale,
    ),
)
