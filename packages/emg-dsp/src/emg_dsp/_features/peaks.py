"""Kernels that look for large samples. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

LANES = 16


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[::1])",
)
def peaks(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the largest sample of each window. ``LANES`` partial maxima become one vector, without fast-math."""
    best = np.empty(LANES, dtype=flat.dtype)
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        best[:] = window[0]
        blocks = length // LANES
        for b in range(blocks):
            part = window[b * LANES : (b + 1) * LANES]
            for k in range(LANES):
                best[k] = part[k] if part[k] > best[k] else best[k]
        for t in range(blocks * LANES, length):
            best[0] = window[t] if window[t] > best[0] else best[0]
        highest = best[0]
        for k in range(1, LANES):
            highest = max(highest, best[k])
        out[w] = highest


@kernel("int64(Array(float32, 1, 'C', True), float64)", "int64(Array(float64, 1, 'C', True), float64)")
def count_above(part: Any, limit: float) -> Any:  # noqa: ANN401
    """Count the samples that are not below ``limit`` in size, NaN among them."""
    count = np.int64(0)
    for t in range(part.shape[0]):
        count += np.int64(not abs(part[t]) < limit)
    return count
