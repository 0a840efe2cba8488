"""Kernels of fuzzy entropy. Imported at first use only, because this module imports numba.

All pairs of templates one lag apart lie side by side in memory, so a lag is one loop of vector instructions. The
difference of two zero-mean templates follows from the differences of their samples, computed once for both template
sizes. Exponentials are float32: scaled by the deviation first, they need an absolute accuracy only. That is for the
usual templates and exponent; a plain kernel does the others.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

from .spread import mean_and_deviation

_CHUNK = 1024
_FARTHEST = 126 * np.log(2)
_POLYNOMIAL = (
    1.000000071654676,
    0.6931469670645343,
    0.2402211972386447,
    0.0555071327386772,
    0.009675541333464,
    0.0013276471872692,
)
_C0, _C1, _C2, _C3, _C4, _C5 = (np.float32(value) for value in _POLYNOMIAL)
_HALF, _THIRD, _SMALLEST = np.float32(0.5), np.float32(1 / 3), np.float32(-126)


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
def power_of_two(t: Any) -> Any:  # noqa: ANN401
    """Return ``2**t`` for float32 ``t <= 0``, relative error below 3e-7; below ``2**-126`` the result stays there."""
    bounded = max(t, _SMALLEST)
    whole = np.rint(bounded)
    f = bounded - whole
    mantissa = _C0 + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * _C5))))
    bits = np.float32(mantissa).view(np.int32) + (np.int32(whole) << np.int32(23))
    return np.int32(bits).view(np.float32)


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
def _similarities(e: Any, pairs: int) -> Any:  # noqa: ANN401
    """Sum the similarities of templates of 2 and of 3 samples, whose samples differ by ``e``."""
    short = np.float32(0)
    long = np.float32(0)
    for i in range(pairs):
        a, b, c = e[i], e[i + 1], e[i + 2]
        half = (a - b) * _HALF
        short += power_of_two(-half * half)
        mean = (a + b + c) * _THIRD
        far = max(abs(a - mean), abs(b - mean), abs(c - mean))
        long += power_of_two(-far * far)
    return short, long


@kernel("void(Array(float64, 2, 'C', True), float64, float64[:,::1])")
def fuzzy_templates(samples: Any, ratio: float, out: Any) -> None:  # noqa: ANN401
    """Write the summed similarities of all pairs of templates of 2 and of 3 samples, for windows of at least 4.

    The exponent is 2. Flat windows give all similarities 1.
    """
    length = samples.shape[1]
    templates = length - 2
    z = np.empty(length, dtype=np.float32)
    e = np.empty(length, dtype=np.float32)
    for w in range(samples.shape[0]):
        mean, deviation = mean_and_deviation(samples[w])
        scale = np.sqrt(np.log2(np.e) / ratio) / deviation if deviation > 0 else 0.0
        for t in range(length):
            z[t] = (samples[w, t] - mean) * scale
        short = 0.0
        long = 0.0
        for lag in range(1, templates):
            later = z[lag:]
            for t in range(length - lag):
                e[t] = z[t] - later[t]
            for start in range(0, templates - lag, _CHUNK):
                sums = _similarities(e[start:], min(_CHUNK, templates - lag - start))
                short += sums[0]
                long += sums[1]
        out[0, w] = short
        out[1, w] = long


@njit(nogil=True, error_model="numpy")
def _similarity(e: Any, size: int, power: int, ratio: float) -> Any:  # noqa: ANN401
    """Return the similarity of two templates of ``size`` samples that differ by ``e``."""
    mean = 0.0
    for s in range(size):
        mean += e[s] / size
    far = 0.0
    for s in range(size):
        far = max(far, abs(e[s] - mean))
    exponent = 1.0 / ratio
    for _ in range(power):
        exponent *= far
    return np.exp(-min(exponent, _FARTHEST))


@kernel("void(Array(float64, 2, 'C', True), int64, int64, float64, float64[:,::1])")
def fuzzy_templates_of(samples: Any, size: int, power: int, ratio: float, out: Any) -> None:  # noqa: ANN401
    """Do the same for templates of ``size`` and of ``size + 1`` samples and another exponent, pair by pair."""
    length = samples.shape[1]
    e = np.empty(length, dtype=np.float64)
    for w in range(samples.shape[0]):
        deviation = mean_and_deviation(samples[w])[1]
        scale = 1.0 / deviation if deviation > 0 else 0.0
        for k in range(2):
            out[k, w] = 0.0
        for lag in range(1, length - size):
            for t in range(length - lag):
                e[t] = (samples[w, t] - samples[w, t + lag]) * scale
            for i in range(length - size - lag):
                for k in range(2):
                    out[k, w] += _similarity(e[i:], size + k, power, ratio)
