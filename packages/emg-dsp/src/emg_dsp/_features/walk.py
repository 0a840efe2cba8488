"""Runs over windows for the sums that somebody asked for, one kernel after another while they are in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from .block import Block


def walk(block: Block, needs: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """Compute the named sums of each window of a block, and whatever else the kernels give that they need."""
    from . import event_counts, window_sums

    kernels = (
        (window_sums.LEVELS, window_sums.level_sums),
        (window_sums.STEPS, window_sums.step_sums),
        (window_sums.BENDS, window_sums.bend_sums),
        (window_sums.MOMENTS, window_sums.moment_sums),
        (event_counts.EVENTS, event_counts.event_counts),
    )
    sums: dict[str, NDArray[np.float64]] = {}
    for names, run in kernels:
        if not set(needs).isdisjoint(names):
            out = np.empty((len(names), len(block)))
            run(block.flat, block.starts, block.length, out)
            sums |= zip(names, out, strict=True)
    return sums
