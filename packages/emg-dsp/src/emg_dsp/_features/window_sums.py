"""Kernels that walk each window once and leave sums behind, from which features follow in closed form.

A window is ``flat[start : start + length]``: overlapping windows share memory and are never copied. Sums are float64.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

AMPLITUDE = ("abs", "square")
"""Rows of the result of `amplitude_sums`."""
SHAPE = (*AMPLITUDE, "step", "crossings", "turns")
"""Rows of the result of `shape_sums`."""


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    reassociate=True,
)
def amplitude_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``|x|`` and ``x**2`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        abs_sum = 0.0
        square_sum = 0.0
        for t in range(length):
            v = np.float64(window[t])
            abs_sum += abs(v)
            square_sum += v * v
        out[0, w] = abs_sum
        out[1, w] = square_sum


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    reassociate=True,
)
def shape_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the amplitude sums, the sum of ``|x[t] - x[t-1]|``, sign changes and slope changes of each window.

    Several short loops over a window that sits in the first-level cache are faster than one long loop: each becomes
    vector instructions of one width. Sign changes are counted between neighbours; only where exact zeros occur, a
    further loop skips them.
    """
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        abs_sum = 0.0
        square_sum = 0.0
        for t in range(length):
            v = np.float64(window[t])
            abs_sum += abs(v)
            square_sum += v * v
        step_sum = 0.0
        for t in range(1, length):
            step_sum += abs(np.float64(window[t]) - np.float64(window[t - 1]))
        zeros = np.int32(0)
        for t in range(length):
            zeros += np.int32(window[t] == 0)
        crossings = np.int32(0)
        for t in range(1, length):
            crossings += np.int32((window[t - 1] < 0) != (window[t] < 0))
        turns = np.int32(0)
        for t in range(1, length - 1):
            before, here, after = window[t - 1], window[t], window[t + 1]
            turns += np.int32(((here > before) & (here > after)) | ((here < before) & (here < after)))
        if zeros > 0:
            crossings = np.int32(0)
            previous = window[0]
            for t in range(1, length):
                v = window[t]
                if v != 0:
                    crossings += np.int32(((previous < 0) & (v > 0)) | ((previous > 0) & (v < 0)))
                    previous = v
        out[0, w] = abs_sum
        out[1, w] = square_sum
        out[2, w] = step_sum
        out[3, w] = crossings
        out[4, w] = turns
