"""The kernel of polyphase resampling. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

HOLD = 1
BLOCK = 256
"""Results that are computed from one stretch of float64 samples, which fits the first-level cache."""


@kernel(
    "void(Array(float32, 2, 'C', True), Array(float64, 2, 'C', True), int64, int64, int64, float32[:,::1])",
    "void(Array(float64, 2, 'C', True), Array(float64, 2, 'C', True), int64, int64, int64, float64[:,::1])",
    reassociate=True,
)
def polyphase(x: Any, taps: Any, first: int, down: int, beyond: int, out: Any) -> None:  # noqa: ANN401
    """Compute every ``down``-th sample of ``x`` (rows, time), raised to ``up`` times its rate and filtered.

    ``taps`` (up, reach) holds the filter's branches, latest coefficient first; result 0 lies at ``first`` on the raised
    scale, where sample ``i`` of ``x`` lies at ``i * up``. Beyond its ends ``x`` is 0, or with `HOLD` its end sample.
    Sums run over ``reach`` numbers in one place of the code, so that a value depends on its samples alone.
    """
    (rows, samples), (up, reach), results = x.shape, taps.shape, out.shape[1]
    line = np.empty((BLOCK - 1) * down // up + 1 + reach)
    for row in range(rows):
        for m0 in range(0, results, BLOCK):
            count = min(BLOCK, results - m0)
            start = (first + m0 * down) // up - reach + 1
            stop = (first + (m0 + count - 1) * down) // up + 1
            for i in range(start, stop):
                if 0 <= i < samples:
                    line[i - start] = x[row, i]
                elif beyond == HOLD:
                    line[i - start] = x[row, min(max(i, 0), samples - 1)]
                else:
                    line[i - start] = 0.0
            for m in range(m0, m0 + count):
                place = first + m * down
                branch = taps[place % up]
                recent = line[place // up - reach + 1 - start :]
                total = 0.0
                for j in range(reach):
                    total += branch[j] * recent[j]
                out[row, m] = total
