"""Kernel of the majority label. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel


@kernel("void(Array(int32, 1, 'C', True), int64, int64, int64[::1], int32[::1])")
def majority(codes: Any, length: int, hop: int, counts: Any, out: Any) -> None:  # noqa: ANN401
    """Write the commonest of ``codes`` (time,) in each window; of equally common ones, that of the latest sample.

    ``counts`` holds one zero for each code. A window that reaches over the end is cut off there.
    """
    n_times = codes.shape[0]
    first, last = 0, 0
    for w in range(out.shape[0]):
        start = w * hop
        stop = min(start + length, n_times)
        for t in range(first, min(start, last)):
            counts[codes[t]] -= 1
        for t in range(max(start, last), stop):
            counts[codes[t]] += 1
        first, last = start, stop
        most = np.int64(0)
        for count in counts:
            most = max(most, count)
        t = stop - 1
        while counts[codes[t]] != most:
            t -= 1
        out[w] = codes[t]
