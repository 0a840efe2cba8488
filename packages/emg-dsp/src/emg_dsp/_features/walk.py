"""Runs over windows once for all the sums that somebody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from .block import Block


def walk(block: Block, needs: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """Compute the named sums of each window of a block with the cheapest kernel that gives all of them."""
    from .window_sums import AMPLITUDE, SHAPE, amplitude_sums, shape_sums

    names, run = (AMPLITUDE, amplitude_sums) if set(needs) <= set(AMPLITUDE) else (SHAPE, shape_sums)
    out = np.zeros((len(names), len(block)))
    run(block.flat, block.starts, block.length, out)
    return dict(zip(names, out, strict=True))
