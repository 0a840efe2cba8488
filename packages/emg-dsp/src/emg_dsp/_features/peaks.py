"""Kernels that look for large samples. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel(
    "void(Array(int32, 1, 'C', True), Array(int64, 1, 'C', True), int64, int64[::1])",
    "void(Array(int64, 1, 'C', True), Array(int64, 1, 'C', True), int64, int64[::1])",
)
def peaks(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the largest sample of each window; samples are floats read as integers of as many bits, and so are maxima.

    Floats rise as such integers do, but for negative ones, which fall: all their bits but the sign are turned. A
    largest integer is found by vector instructions, a largest float only if NaN might be ignored.
    """
    most = np.iinfo(flat.dtype).max
    bits = 8 * flat.itemsize - 1
    for w in range(starts.shape[0]):
        window = flat[starts[w] : starts[w] + length]
        highest = window[0] ^ ((window[0] >> bits) & most)
        for t in range(1, length):
            key = window[t] ^ ((window[t] >> bits) & most)
            highest = max(highest, key)
        out[w] = highest ^ ((highest >> bits) & most)


@kernel("int64(Array(int32, 1, 'C', True))", "int64(Array(int64, 1, 'C', True))")
def largest_bits(part: Any) -> Any:  # noqa: ANN401
    """Return the largest ``|x|`` of floats read as integers, as an integer; NaN is above infinity."""
    most = np.iinfo(part.dtype).max
    highest = part[0] & most
    for t in range(1, part.shape[0]):
        highest = max(highest, part[t] & most)
    return highest
