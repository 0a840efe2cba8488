"""Kernels that count what exceeds a threshold. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

_WINDOWS = (
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64, float64[:,::1])",
)


@kernel(*_WINDOWS)
def loud_counts(flat: Any, starts: Any, length: int, threshold: float, out: Any) -> None:  # noqa: ANN401
    """Count in each window the samples with ``|x| > threshold`` and the steps with ``|x[t] - x[t-1]| > threshold``."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        samples = np.int32(0)
        for t in range(length):
            samples += np.int32(abs(np.float64(window[t])) > threshold)
        steps = np.int32(0)
        for t in range(1, length):
            steps += np.int32(abs(np.float64(window[t]) - np.float64(window[t - 1])) > threshold)
        out[0, w] = samples
        out[1, w] = steps


@kernel(*_WINDOWS)
def event_counts_above(flat: Any, starts: Any, length: int, threshold: float, out: Any) -> None:  # noqa: ANN401
    """Count changes of sign over at least ``threshold``, and turns of at least ``threshold`` on one of their sides."""
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        crossings = np.int64(0)
        previous = 0.0
        for t in range(length):
            v = np.float64(window[t])
            if v != 0:
                crossings += ((previous < 0) & (v > 0) | (previous > 0) & (v < 0)) & (abs(v - previous) >= threshold)
                previous = v
        turns = np.int32(0)
        for t in range(1, length - 1):
            here = np.float64(window[t])
            rise, fall = here - np.float64(window[t - 1]), here - np.float64(window[t + 1])
            turn = ((rise > 0) & (fall > 0)) | ((rise < 0) & (fall < 0))
            turns += np.int32(turn & ((abs(rise) >= threshold) | (abs(fall) >= threshold)))
        out[0, w] = crossings
        out[1, w] = turns
