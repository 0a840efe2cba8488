"""Kernel of the discrete wavelet transform and of what features need from it. Imported at first use: it needs numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

TAPS = 16
ENERGY, VARIANCE, LENGTH, ENTROPY = range(4)
"""Columns of the result of `band_sums`."""


@njit(nogil=True, error_model="numpy")
def _halve(x: Any, n: int, low: Any, high: Any, even: Any, odd: Any, detail: Any) -> int:  # noqa: ANN401
    """Turn ``x[:n]`` into its approximation, in place, and ``detail``; return how many coefficients each has.

    Coefficient ``k`` is ``sum_j filter[j] x[2 k + 1 - j]``, the signal mirrored at both ends with its first and
    last sample doubled. The mirrored signal lies split into its even and odd samples, so that neighbours in ``k`` are
    neighbours in memory.
    """
    half = (n + TAPS - 1) // 2
    ends = TAPS - 2
    for q in range(2 * (half + TAPS // 2 - 1)):
        if ends <= q < ends + n:
            v = x[q - ends]
        else:
            i = (q - ends) % (2 * n)
            v = x[i] if i < n else x[2 * n - 1 - i]
        if q % 2:
            odd[q // 2] = v
        else:
            even[q // 2] = v
    for k in range(half):
        a = 0.0
        d = 0.0
        for u in range(TAPS // 2):
            a += low[TAPS - 1 - 2 * u] * even[k + u] + low[TAPS - 2 - 2 * u] * odd[k + u]
            d += high[TAPS - 1 - 2 * u] * even[k + u] + high[TAPS - 2 - 2 * u] * odd[k + u]
        x[k] = a
        detail[k] = d
    return half


@njit(nogil=True, error_model="numpy")
def _reduce(c: Any, n: int, entropy: int, out: Any) -> None:  # noqa: ANN401
    """Write sum, variance, length and entropy of the squares of ``c[:n]``; the squares replace the coefficients."""
    total = 0.0
    for k in range(n):
        c[k] = c[k] * c[k]
        total += c[k]
    spread = 0.0
    for k in range(n):
        spread += (c[k] - total / n) ** 2
    length = 0.0
    for k in range(1, n):
        length += abs(c[k] - c[k - 1])
    out[ENERGY], out[VARIANCE], out[LENGTH] = total, spread / n, length
    if entropy:
        sum_of_logs = 0.0
        for k in range(n):
            if c[k] > 0:
                p = c[k] / total
                sum_of_logs -= p * np.log(p)
        out[ENTROPY] = sum_of_logs


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, Array(float64, 2, 'C', True), int64,"
    " float64[:,:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, Array(float64, 2, 'C', True), int64,"
    " float64[:,:,::1])",
)
def band_sums(flat: Any, starts: Any, length: int, filters: Any, entropy: int, out: Any) -> None:  # noqa: ANN401
    """Transform each window; write ``out`` (windows, bands, 4) from the approximation to the finest band.

    ``filters`` holds the low-pass and the high-pass filter. The entropy column is left alone unless it is asked for.
    """
    levels = out.shape[1] - 1
    x = np.empty(length + 2 * TAPS)
    even, odd, detail = np.empty(length + 2 * TAPS), np.empty(length + 2 * TAPS), np.empty(length + 2 * TAPS)
    for w in range(starts.shape[0]):
        for t in range(length):
            x[t] = flat[starts[w] + t]
        n = length
        for level in range(levels):
            n = _halve(x, n, filters[0], filters[1], even, odd, detail)
            _reduce(detail, n, entropy, out[w, levels - level])
        _reduce(x, n, entropy, out[w, 0])
