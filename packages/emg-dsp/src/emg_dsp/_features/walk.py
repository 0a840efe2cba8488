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
        (window_sums.TOTALS, window_sums.total_sums),
        (window_sums.LEVELS, window_sums.level_sums),
        (window_sums.STEPS, window_sums.step_sums),
        (window_sums.STEP_SQUARES, window_sums.step_squares),
        (window_sums.BENDS, window_sums.bend_sums),
        (window_sums.SPREADS, window_sums.spread_sums),
        (window_sums.POWERS, window_sums.power_sums),
        (event_counts.EVENTS, event_counts.event_counts),
    )
    sums: dict[str, NDArray[np.float64]] = {}
    for names, run in kernels:
        if not set(needs).isdisjoint(names):
            out = np.empty((len(names), len(block)))
            run(block.flat, block.starts, block.length, out)
            sums |= zip(names, out, strict=True)
    return sums


def is_quiet(block: Block, limit: float) -> bool:
    """Tell whether all samples from the first window to the last are finite and below ``limit``; NaN is not."""
    from .peaks import largest_bits

    whole_type = np.int32 if block.flat.dtype == np.float32 else np.int64
    bound = np.array([limit]).astype(block.flat.dtype).view(whole_type)[0]
    return bool(largest_bits(block.flat[block.region].view(whole_type)) < bound)
