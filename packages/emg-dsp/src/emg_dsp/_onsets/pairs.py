"""Kernel of the double threshold. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel(
    "void(Array(float32, 2, 'A', True), int64, float64[::1], int64, float64[::1], int64[:,::1], boolean[:,::1])",
    "void(Array(float64, 2, 'A', True), int64, float64[::1], int64, float64[::1], int64[:,::1], boolean[:,::1])",
)
def strong_pairs(x: Any, seen: int, levels: Any, r0: int, first: Any, strong: Any, out: Any) -> None:  # noqa: ANN401
    """Write whether ``r0`` of the last pairs of each row of ``x`` (rows, time) have a sum of squares above its level.

    ``seen`` samples came before; ``first`` (rows,), the first sample of an open pair, and ``strong`` (rows, m), 1 for
    each strong one of the last pairs, are advanced in place.
    """
    m = strong.shape[1]
    for row in range(x.shape[0]):
        count = strong[row].sum()
        for t in range(x.shape[1]):
            place = seen + t
            v = np.float64(x[row, t])
            if place % 2 == 0:
                first[row] = v
            else:
                hit = np.int64(first[row] * first[row] + v * v > levels[row])
                slot = place // 2 % m
                count += hit - strong[row, slot]
                strong[row, slot] = hit
            out[row, t] = count >= r0
