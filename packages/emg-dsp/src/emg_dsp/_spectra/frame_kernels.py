"""Kernels around the Fourier transform: frames out of a signal, powers and logarithms out of a transform.

Imported at first use only, because this module imports numba. Each value depends on its own frame alone.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

TILE = 512
SPLIT = 0x3F3504F3
"""Bits of the float32 next to sqrt(1/2): mantissas are taken from there to sqrt(2)."""


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), Array(float32, 1, 'C', True), int64,"
    " float32[:,::1])",
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), int64,"
    " float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), int64,"
    " float64[:,::1])",
)
def gather(flat: Any, starts: Any, taper: Any, centre: int, out: Any) -> None:  # noqa: ANN401
    """Write the frames ``flat[start : start + len(taper)]`` times ``taper``, their mean removed where ``centre``."""
    length = taper.shape[0]
    for w in range(starts.shape[0]):
        frame = flat[starts[w] : starts[w] + length]
        row = out[w]
        if centre:
            level = 0.0
            for t in range(length):
                level += frame[t]
            level /= length
            for t in range(length):
                row[t] = (frame[t] - level) * taper[t]
        else:
            for t in range(length):
                row[t] = frame[t] * taper[t]


@kernel(
    "void(Array(float32, 2, 'C', True), float32, Array(float32, 1, 'C', True), float32[:,::1])",
    "void(Array(float64, 2, 'C', True), float64, Array(float64, 1, 'C', True), float64[:,::1])",
)
def power(parts: Any, floor: float, least: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``re^2 + im^2 + floor`` of interleaved complex values, 0 where it is below ``least`` of the frame.

    As many bins are written as ``out`` (frames, bins) has.
    """
    for w in range(out.shape[0]):
        row, source = out[w], parts[w]
        for f in range(out.shape[1]):
            value = source[2 * f] * source[2 * f] + source[2 * f + 1] * source[2 * f + 1] + floor
            row[f] = value
            if value < least[w]:
                row[f] = 0


@kernel("void(float32[::1], int32[::1])")
def log10_single(values: Any, bits: Any) -> None:  # noqa: ANN401
    """Replace positive normal numbers by their decimal logarithms; NaN and infinity become NaN.

    ``bits`` is the same memory as ``values``. With ``v = m * 2^e`` and ``s = (m - 1) / (m + 1)``, ``ln m`` is twice
    ``s + s^3/3 + s^5/5 + s^7/7 + s^9/9``, which leaves 4e-10 at ``|s| <= 0.172``. Short loops over a tile become vector
    instructions, which a call of the C library does not.
    """
    exponents = np.empty(TILE, dtype=np.int32)
    spoiled = np.empty(TILE, dtype=np.float32)
    for first in range(0, values.shape[0], TILE):
        count = min(TILE, values.shape[0] - first)
        tile, word = values[first : first + count], bits[first : first + count]
        for i in range(count):
            spoiled[i] = tile[i] - tile[i]
        for i in range(count):
            exponents[i] = (word[i] - np.int32(SPLIT)) >> np.int32(23)
        for i in range(count):
            word[i] -= exponents[i] << np.int32(23)
        for i in range(count):
            s = (tile[i] - np.float32(1)) / (tile[i] + np.float32(1))
            z = s * s
            series = np.float32(1 / 7) + z * np.float32(1 / 9)
            series = s + s * z * (np.float32(1 / 3) + z * (np.float32(1 / 5) + z * series))
            high = np.float32(exponents[i]) * np.float32(0.30102999566398120)
            tile[i] = high + series * np.float32(0.86858896380650366) + spoiled[i]


@kernel("void(float64[::1])")
def log10_double(values: Any) -> None:  # noqa: ANN401
    """Replace positive numbers by their decimal logarithms; NaN and infinity become NaN."""
    for i in range(values.shape[0]):
        values[i] = np.log10(values[i]) + (values[i] - values[i])
