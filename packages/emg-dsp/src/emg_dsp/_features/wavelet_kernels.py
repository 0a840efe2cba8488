"""Kernel of the discrete wavelet transform and of what features need from it. Imported at first use: it needs numba.

Bands of short windows have fewer coefficients than a loop over time needs to get going. So ``LANES`` windows are
transformed together, side by side in a tile (time, lanes) held flat, and every loop over lanes becomes vector
instructions. Each lane goes through the same operations in the same order, so a window's bits depend on no other.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .wavelets import filters

LANES = 32
TAPS = 16
EDGE = TAPS - 2
"""Mirrored samples before the first; behind the last there is one more."""
LOW, HIGH = (np.ascontiguousarray(row[::-1]) for row in filters())
"""Filters, back to front."""
TOTAL, SPREAD, LENGTH, ENTROPY, SCALE = (row * LANES for row in range(5))
"""Where the sums of all lanes lie in their array."""
LEAST = 1e-290
"""A band of less energy is silent: above, the inverse of the energy is finite."""
ROWS = 16
"""Rows of coefficients whose logarithms are taken together."""
SPLIT = 0x3FE6A09E667F3BCD
"""Bits of the float64 next to sqrt(1/2): mantissas are taken from there to sqrt(2)."""


@njit(nogil=True, error_model="numpy")
def _mirror(x: Any, n: int) -> None:  # noqa: ANN401
    """Continue ``n`` rows, which begin at row ``EDGE``, at both ends: mirrored, the first and the last row doubled."""
    for r in range(2 * EDGE + 1):
        t = r - EDGE if r < EDGE else n + r - EDGE
        u = t
        while u < 0 or u >= n:
            u = -1 - u if u < 0 else 2 * n - 1 - u
        source, target = x[(EDGE + u) * LANES :], x[(EDGE + t) * LANES :]
        for i in range(LANES):
            target[i] = source[i]


@njit(nogil=True, error_model="numpy")
def _halve(x: Any, half: int, coarse: Any, fine: Any) -> None:  # noqa: ANN401
    """Write approximation and details: ``sum_j filter[j] x[2 k + 1 - j]`` for each ``k`` of ``half``."""
    for k in range(half):
        rows = x[2 * k * LANES : (2 * k + TAPS) * LANES]
        a, d = coarse[(EDGE + k) * LANES :], fine[k * LANES :]
        for i in range(LANES):
            low = 0.0
            high = 0.0
            for u in range(TAPS):
                low += LOW[u] * rows[u * LANES + i]
                high += HIGH[u] * rows[u * LANES + i]
            a[i] = low
            d[i] = high


@njit(nogil=True, error_model="numpy")
def _reduce(c: Any, n: int, sums: Any) -> None:  # noqa: ANN401
    """Square ``n`` rows of ``c`` in place; write sum, population variance and length of the squares."""
    for i in range(sums.shape[0]):
        sums[i] = 0.0
    for i in range(LANES):
        c[i] = c[i] * c[i]
        sums[TOTAL + i] = c[i]
    for k in range(1, n):
        row = c[(k - 1) * LANES : (k + 1) * LANES]
        for i in range(LANES):
            square = row[LANES + i] * row[LANES + i]
            row[LANES + i] = square
            sums[TOTAL + i] += square
            sums[LENGTH + i] += abs(square - row[i])
    for k in range(n):
        row = c[k * LANES :]
        for i in range(LANES):
            sums[SPREAD + i] += (row[i] - sums[TOTAL + i] / n) ** 2
    for i in range(LANES):
        sums[SPREAD + i] /= n
        sums[SCALE + i] = 1 / sums[TOTAL + i] if sums[TOTAL + i] >= LEAST else 0.0


@njit(nogil=True, error_model="numpy")
def _entropies(c: Any, n: int, sums: Any, m: Any, e: Any) -> None:  # noqa: ANN401
    """Add ``-sum p ln p`` of the shares ``p`` of ``n`` rows of ``c`` in their sum; ``c`` is overwritten.

    With ``p = m * 2^e`` and ``s = (m - 1) / (m + 1)``, ``ln m`` is twice ``s + s^3/3 + ... + s^17/17``, which leaves
    less than 4e-16 at ``|s| <= 0.172``. Unlike a call of the C library this becomes vector instructions.
    """
    bits = m.view(np.int64)
    for first in range(0, n, ROWS):
        rows = min(ROWS, n - first)
        p = c[first * LANES :]
        for k in range(rows):
            for i in range(LANES):
                p[k * LANES + i] *= sums[SCALE + i]
                m[k * LANES + i] = p[k * LANES + i]
        for j in range(rows * LANES):
            exponent = (bits[j] - SPLIT) >> 52
            e[j] = exponent
            bits[j] -= exponent << 52
        for j in range(rows * LANES):
            s = (m[j] - 1.0) / (m[j] + 1.0)
            z = s * s
            series = 1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17))))
            series = s + s * z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * series)))
            p[j] *= e[j] * 0.6931471805599453 + 2.0 * series
        for k in range(rows):
            for i in range(LANES):
                sums[ENTROPY + i] -= p[k * LANES + i]


@kernel("void(Array(float64, 2, 'C', True), int64, float64[:,:,::1])")
def band_sums(windows: Any, entropy: int, out: Any) -> None:  # noqa: ANN401
    """Transform each window; write ``out`` (windows, bands, 4) from the approximation to the finest band.

    The columns are energy, variance, length and, where asked for, entropy of the squared coefficients.
    """
    levels, length = out.shape[1] - 1, windows.shape[1]
    size = (max(length, TAPS) + 2 * TAPS) * LANES
    x, coarse, fine = np.zeros(size), np.zeros(size), np.zeros(size)
    sums, m, e = np.zeros(5 * LANES), np.zeros(ROWS * LANES), np.zeros(ROWS * LANES)
    for w in range(0, windows.shape[0], LANES):
        lanes, n = min(LANES, windows.shape[0] - w), length
        for i in range(lanes):
            for t in range(length):
                x[(EDGE + t) * LANES + i] = windows[w + i, t]
        for band in range(levels, -1, -1):
            if band > 0:
                _mirror(x, n)
                n = (n + TAPS - 1) // 2
                _halve(x, n, coarse, fine)
                x, coarse = coarse, x
            else:
                for j in range(n * LANES):
                    fine[j] = x[EDGE * LANES + j]
            _reduce(fine, n, sums)
            if entropy:
                _entropies(fine, n, sums, m, e)
            for i in range(lanes):
                for column in range(4):
                    out[w + i, band, column] = sums[column * LANES + i]
