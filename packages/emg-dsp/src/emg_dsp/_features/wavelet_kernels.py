"""Kernel of the discrete wavelet transform and of what features need from it. Imported at first use: it needs numba."""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .wavelets import filters

TAPS = 16
EDGE = TAPS - 2
"""Mirrored samples before the first."""
LOW, HIGH = (np.ascontiguousarray(row[::-1]) for row in filters())
"""Filters, back to front."""
SPLIT = 0x3FE6A09E667F3BCD
"""Bits of the float64 next to sqrt(1/2): mantissas are taken from there to sqrt(2)."""
SUMS = {"reassoc", "nsz"}
VECTOR = 16


@njit(nogil=True, error_model="numpy")
def _mirrored(x: Any, n: int, t: int) -> Any:  # noqa: ANN401
    """Return sample ``t`` of ``x[:n]`` continued at both ends, mirrored, the first and the last sample doubled."""
    if -n <= t < 0:
        return x[-1 - t]
    if n <= t < 2 * n:
        return x[2 * n - 1 - t]
    t %= 2 * n
    return x[t] if t < n else x[2 * n - 1 - t]


@njit(nogil=True, error_model="numpy")
def _split(x: Any, n: int, even: Any, odd: Any) -> None:  # noqa: ANN401
    """Write the mirrored samples from ``-EDGE`` to ``n + EDGE``, even ones and odd ones apart."""
    for i in range(EDGE // 2):
        even[i], odd[i] = _mirrored(x, n, 2 * i - EDGE), _mirrored(x, n, 2 * i + 1 - EDGE)
    for i in range(n // 2):
        even[EDGE // 2 + i] = x[2 * i]
    for i in range(n // 2):
        odd[EDGE // 2 + i] = x[2 * i + 1]
    for i in range(n // 2, (n + TAPS) // 2):
        even[EDGE // 2 + i] = x[2 * i] if 2 * i < n else _mirrored(x, n, 2 * i)
        odd[EDGE // 2 + i] = _mirrored(x, n, 2 * i + 1)


@njit(nogil=True, error_model="numpy")
def _halve(even: Any, odd: Any, half: int, coarse: Any, fine: Any) -> None:  # noqa: ANN401
    """Write approximation and details: ``sum_j filter[j] x[2 k + 1 - j]`` for each ``k`` of ``half``, and some behind.

    The count is rounded up to whole vectors: what is computed too much costs less than a loop for the rest.
    """
    for k in range((half + VECTOR - 1) // VECTOR * VECTOR):
        a = 0.0
        d = 0.0
        for u in range(TAPS // 2):
            a += LOW[2 * u] * even[k + u] + LOW[2 * u + 1] * odd[k + u]
            d += HIGH[2 * u] * even[k + u] + HIGH[2 * u + 1] * odd[k + u]
        coarse[k] = a
        fine[k] = d


@njit(nogil=True, error_model="numpy", fastmath=SUMS)
def _reduce(c: Any, n: int, out: Any) -> None:  # noqa: ANN401
    """Square ``c[:n]`` in place; write sum, population variance and length of the squares."""
    total = 0.0
    for k in range(n):
        c[k] = c[k] * c[k]
        total += c[k]
    mean = total / n
    spread = 0.0
    for k in range(n):
        spread += (c[k] - mean) ** 2
    length = 0.0
    for k in range(1, n):
        length += abs(c[k] - c[k - 1])
    out[0], out[1], out[2] = total, spread / n, length


@njit(nogil=True, error_model="numpy", fastmath=SUMS)
def _entropy(c: Any, n: int, total: float, m: Any, e: Any) -> Any:  # noqa: ANN401
    """Return ``-sum p ln p`` of ``p = c[:n] / total``; ``c`` is overwritten.

    With ``p = m * 2^e`` and ``s = (m - 1) / (m + 1)``, ``ln m`` is twice ``s + s^3/3 + ... + s^21/21``, which leaves
    less than 1e-16 at ``|s| <= 0.172``. Unlike a call of the C library this becomes vector instructions.
    """
    bits = m.view(np.int64)
    for k in range(n):
        c[k] = c[k] / total
        m[k] = c[k]
    for k in range(n):
        exponent = (bits[k] - SPLIT) >> 52
        e[k] = exponent
        bits[k] -= exponent << 52
    entropy = 0.0
    for k in range(n):
        s = (m[k] - 1.0) / (m[k] + 1.0)
        z = s * s
        high = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21)))
        low = 1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * high)))))
        entropy -= c[k] * (e[k] * 0.6931471805599453 + 2.0 * (s + s * z * low))
    return entropy


@kernel("void(Array(float64, 2, 'C', True), int64, float64[:,:,::1])")
def band_sums(windows: Any, entropy: int, out: Any) -> None:  # noqa: ANN401
    """Transform each window; write ``out`` (windows, bands, 4) from the approximation to the finest band.

    The columns are energy, variance, length and, where asked for, entropy of the squared coefficients.
    """
    levels, length = out.shape[1] - 1, windows.shape[1]
    x, even, odd = np.zeros(length + 3 * TAPS), np.zeros(length + 3 * TAPS), np.zeros(length + 3 * TAPS)
    fine, m, e = np.zeros(length + 3 * TAPS), np.zeros(length + 3 * TAPS), np.zeros(length + 3 * TAPS)
    for w in range(windows.shape[0]):
        x[:length] = windows[w]
        n = length
        for band in range(levels, -1, -1):
            if band > 0:
                _split(x, n, even, odd)
                n = (n + TAPS - 1) // 2
                _halve(even, odd, n, x, fine)
            else:
                fine[:n] = x[:n]
            row = out[w, band]
            _reduce(fine, n, row)
            if entropy:
                row[3] = _entropy(fine, n, row[0], m, e) if row[0] > 0 else 0.0
