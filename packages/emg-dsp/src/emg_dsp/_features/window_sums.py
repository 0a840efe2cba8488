"""Kernels that leave sums over each window behind, from which features follow in closed form.

A window is ``flat[start : start + length]``: overlapping windows share memory and are never copied. Sums are float64
and made in an order that depends on the length of the window alone, so that their bits do too.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

LEVELS = ("abs", "square")
"""Rows of the result of `level_sums`: ``sum |x|`` and ``sum x**2``."""
STEPS = ("step", "step_square")
"""Rows of the result of `step_sums`: ``sum |d|`` and ``sum d**2`` of the ``length - 1`` first differences ``d``."""
BENDS = ("bend", "bend_square")
"""Rows of the result of `bend_sums`: the same of the ``length - 2`` second differences."""
MOMENTS = ("mean", "deviation_2", "deviation_3", "deviation_4")
"""Rows of the result of `moment_sums`: the mean, then sums of powers of the deviation from it."""

_WINDOWS = (
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
)


@kernel(*_WINDOWS, reassociate=True)
def level_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``|x|`` and ``x**2`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        square = 0.0
        for t in range(length):
            v = np.float64(window[t])
            total += abs(v)
            square += v * v
        out[0, w] = total
        out[1, w] = square


@kernel(*_WINDOWS, reassociate=True)
def step_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``|d|`` and ``d**2`` of each window, ``d = x[t] - x[t-1]``."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        square = 0.0
        for t in range(1, length):
            d = np.float64(window[t]) - np.float64(window[t - 1])
            total += abs(d)
            square += d * d
        out[0, w] = total
        out[1, w] = square


@kernel(*_WINDOWS, reassociate=True)
def bend_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``|dd|`` and ``dd**2`` of each window, ``dd = (x[t+1] - x[t]) - (x[t] - x[t-1])``."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        square = 0.0
        for t in range(1, length - 1):
            here = np.float64(window[t])
            bend = (np.float64(window[t + 1]) - here) - (here - np.float64(window[t - 1]))
            total += abs(bend)
            square += bend * bend
        out[0, w] = total
        out[1, w] = square


@kernel(*_WINDOWS, reassociate=True)
def moment_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the mean of each window and the sums of the 2nd, 3rd and 4th power of the deviation from it."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        for t in range(length):
            total += np.float64(window[t])
        mean = total / length
        second = 0.0
        third = 0.0
        fourth = 0.0
        for t in range(length):
            v = np.float64(window[t]) - mean
            square = v * v
            second += square
            third += square * v
            fourth += square * square
        out[0, w] = mean
        out[1, w] = second
        out[2, w] = third
        out[3, w] = fourth
