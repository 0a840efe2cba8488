"""Kernel of Burg's method. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

_NOTHING_LEFT = 1e-24


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _cross_and_energy(forward: Any, backward: Any, count: int) -> Any:  # noqa: ANN401
    cross = 0.0
    energy = 0.0
    for t in range(count):
        cross += forward[t] * backward[t]
        energy += forward[t] * forward[t] + backward[t] * backward[t]
    return cross, energy


@njit(nogil=True, error_model="numpy")
def _reflect(forward: Any, backward: Any, count: int, k: float) -> None:  # noqa: ANN401
    """Take both errors to the next order, in place."""
    for t in range(count):
        before = forward[t]
        forward[t] = before + k * backward[t]
        backward[t] += k * before


@kernel("void(Array(float64, 2, 'C', True), int64, float64[:,::1])")
def burg(samples: Any, order: int, out: Any) -> None:  # noqa: ANN401
    """Write ``a_1 .. a_p`` of the prediction error filter of each window; orders that nothing is left for give 0."""
    length = samples.shape[1]
    forward = np.empty(length, dtype=np.float64)
    backward = np.empty(length, dtype=np.float64)
    previous = np.empty(order, dtype=np.float64)
    for w in range(samples.shape[0]):
        a = out[w]
        for j in range(order):
            a[j] = 0.0
        for t in range(length):
            forward[t] = backward[t] = samples[w, t]
        whole = 0.0
        for p in range(min(order, length - 1)):
            ahead, count = forward[p + 1 :], length - 1 - p
            cross, energy = _cross_and_energy(ahead, backward, count)
            if p == 0:
                whole = energy
            if not energy > _NOTHING_LEFT * whole:
                break
            k = -2.0 * cross / energy
            _reflect(ahead, backward, count, k)
            for j in range(p):
                previous[j] = a[j]
            for j in range(p):
                a[j] += k * previous[p - 1 - j]
            a[p] = k
