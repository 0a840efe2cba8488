"""Kernel of Burg's method. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

_NOTHING_LEFT = 1e-24


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _start(x: Any, forward: Any, backward: Any) -> Any:  # noqa: ANN401
    """Write the errors of order 0; return the sum of their products and their energy."""
    cross = 0.0
    energy = 0.0
    for t in range(x.shape[0] - 1):
        ahead, behind = x[t + 1], x[t]
        forward[t], backward[t] = ahead, behind
        cross += ahead * behind
        energy += ahead * ahead + behind * behind
    return cross, energy


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _advance(errors: Any, side: int, k: float, count: int) -> Any:  # noqa: ANN401
    """Take the errors in two rows to the next order, in the other two; return sums as `_start` does."""
    forward, backward = errors[side], errors[side + 1]
    next_forward, next_backward = errors[2 - side], errors[3 - side]
    cross = 0.0
    energy = 0.0
    for t in range(count):
        ahead = forward[t + 1] + k * backward[t + 1]
        behind = backward[t] + k * forward[t]
        next_forward[t], next_backward[t] = ahead, behind
        cross += ahead * behind
        energy += ahead * ahead + behind * behind
    return cross, energy


@kernel("void(Array(float64, 2, 'C', True), int64, float64[:,::1])")
def burg(samples: Any, order: int, out: Any) -> None:  # noqa: ANN401
    """Write ``a_1 .. a_p`` of the prediction error filter of each window; orders that nothing is left for give 0."""
    length = samples.shape[1]
    errors = np.empty((4, length), dtype=np.float64)
    previous = np.empty(order, dtype=np.float64)
    for w in range(samples.shape[0]):
        a = out[w]
        for j in range(order):
            a[j] = 0.0
        cross, energy = _start(samples[w], errors[0], errors[1])
        least = _NOTHING_LEFT * energy
        k = 0.0
        for p in range(min(order, length - 1)):
            if p > 0:
                cross, energy = _advance(errors, 2 * ((p - 1) % 2), k, length - 1 - p)
            if not energy > least:
                break
            k = -2.0 * cross / energy
            for j in range(p):
                previous[j] = a[j]
            for j in range(p):
                a[j] += k * previous[p - 1 - j]
            a[p] = k
