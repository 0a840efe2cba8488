"""Kernels that leave sums over each window behind, from which features follow in closed form.

A window is ``flat[start : start + length]``: overlapping windows share memory and are never copied. Sums are float64
and made in an order that depends on the length of the window alone, so that their bits do too.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

TOTALS = ("total",)
"""The row of the result of `total_sums`: ``sum x``."""
LEVELS = ("abs", "square")
"""Rows of the result of `level_sums`: ``sum |x|`` and ``sum x**2``."""
STEPS = ("step",)
"""The row of the result of `step_sums`: ``sum |d|`` of the ``length - 1`` first differences ``d``."""
STEP_SQUARES = ("step_square",)
"""The row of the result of `step_squares`: ``sum d**2``."""
BENDS = ("bend", "bend_square")
"""Rows of the result of `bend_sums`: the same of the ``length - 2`` second differences."""
SPREADS = ("spread_2", "spread_3", "spread_4")
"""Rows of the result of `spread_sums`: sums of the 2nd, 3rd and 4th power of ``x - mean x``."""
POWERS = ("cube", "cube_abs", "fourth", "fifth")
"""Rows of the result of `power_sums`: ``sum x**3``, ``sum |x|**3``, ``sum x**4`` and ``sum x**5``."""

_WINDOWS = (
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
)


@kernel(*_WINDOWS, reassociate=True)
def total_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sum of ``x`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        for t in range(length):
            total += np.float64(window[t])
        out[0, w] = total


@kernel(*_WINDOWS, reassociate=True)
def level_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``|x|`` and ``x**2`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        magnitude = 0.0
        square = 0.0
        for t in range(length):
            v = np.float64(window[t])
            magnitude += abs(v)
            square += v * v
        out[0, w] = magnitude
        out[1, w] = square


@kernel(*_WINDOWS, reassociate=True)
def step_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sum of ``|d|`` of each window, ``d = x[t] - x[t-1]``."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        for t in range(1, length):
            total += abs(np.float64(window[t]) - np.float64(window[t - 1]))
        out[0, w] = total


@kernel(*_WINDOWS, reassociate=True)
def step_squares(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sum of ``d**2`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        square = 0.0
        for t in range(1, length):
            d = np.float64(window[t]) - np.float64(window[t - 1])
            square += d * d
        out[0, w] = square


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
def spread_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of the 2nd, 3rd and 4th power of ``x - mean x`` of each window, in two passes.

    The mean is that of ``x - x[0]``, so that a window of equal samples gives exactly 0.
    """
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        origin = np.float64(window[0])
        total = 0.0
        for t in range(length):
            total += np.float64(window[t]) - origin
        mean = total / length
        second = 0.0
        third = 0.0
        fourth = 0.0
        for t in range(length):
            v = (np.float64(window[t]) - origin) - mean
            square = v * v
            second += square
            third += square * v
            fourth += square * square
        out[0, w] = second
        out[1, w] = third
        out[2, w] = fourth


@kernel(*_WINDOWS, reassociate=True)
def power_sums(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the sums of ``x**3``, ``|x|**3``, ``x**4`` and ``x**5`` of each window."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        cube = 0.0
        magnitude = 0.0
        fourth = 0.0
        fifth = 0.0
        for t in range(length):
            v = np.float64(window[t])
            square = v * v
            cube += square * v
            magnitude += square * abs(v)
            fourth += square * square
            fifth += square * square * v
        out[0, w] = cube
        out[1, w] = magnitude
        out[2, w] = fourth
        out[3, w] = fifth


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), float64[::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), float64[::1])",
    reassociate=True,
)
def weighted_abs(flat: Any, starts: Any, weights: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``sum weights[t] |x[t]|`` of each window."""
    length = weights.shape[0]
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        total = 0.0
        for t in range(length):
            total += weights[t] * abs(np.float64(window[t]))
        out[w] = total
