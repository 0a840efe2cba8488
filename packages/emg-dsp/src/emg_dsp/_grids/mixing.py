"""Kernels in which a channel takes values of its neighbours. Imported at first use only: this module imports numba.

Every sample is computed by itself and in a fixed order, so that its value does not depend on how the signal was cut.
A block of all channels is first brought together: channels a power of two apart evict each other from the cache.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

BLOCK = 256
_NETWORK = (
    (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3),
    (5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
)  # fmt: skip
"""Exchanges (smaller to the first place) after which place 4 holds the median of nine: Smith, Implementing median
filters in XC4000E FPGAs, Xilinx Xcell 23, 1996."""
EXCHANGES = np.array(_NETWORK, dtype=np.int64)


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), Array(int64, 1, 'C', True),"
    " Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), float32[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), Array(int64, 1, 'C', True),"
    " Array(int64, 1, 'C', True), Array(float64, 1, 'C', True), float64[:,::1])",
)
def mix(flat: Any, rows: Any, starts: Any, channels: Any, weights: Any, out: Any) -> None:  # noqa: ANN401
    """Write weighted sums of channels; channel c begins at ``flat[rows[c]]``.

    Output j has the entries ``starts[j] ... starts[j + 1] - 1`` of ``channels`` and ``weights``, at least one.
    """
    samples = out.shape[1]
    near = np.zeros((rows.shape[0], BLOCK))
    total = np.zeros(BLOCK)
    for t0 in range(0, samples, BLOCK):
        count = min(BLOCK, samples - t0)
        for c in range(rows.shape[0]):
            row, target = flat[rows[c] + t0 : rows[c] + t0 + count], near[c]
            for t in range(count):
                target[t] = row[t]
        for j in range(out.shape[0]):
            weight, source = weights[starts[j]], near[channels[starts[j]]]
            for t in range(count):
                total[t] = weight * source[t]
            for k in range(starts[j] + 1, starts[j + 1]):
                weight, source = weights[k], near[channels[k]]
                for t in range(count):
                    total[t] += weight * source[t]
            final = out[j, t0 : t0 + count]
            for t in range(count):
                final[t] = total[t]


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), Array(int64, 2, 'C', True),"
    " Array(int64, 2, 'C', True), float32[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), Array(int64, 2, 'C', True),"
    " Array(int64, 2, 'C', True), float64[:,::1])",
)
def median_of_nine(flat: Any, rows: Any, nine: Any, exchanges: Any, out: Any) -> None:  # noqa: ANN401
    """Write the median of nine channels, NaN where one is not finite; channel c begins at ``flat[rows[c]]``.

    Row j of ``out`` with ``nine[j, 0] < 0`` is left alone.
    """
    samples = out.shape[1]
    near = np.zeros((rows.shape[0], BLOCK), dtype=out.dtype)
    nine_rows = np.zeros((9, BLOCK), dtype=out.dtype)
    spoiled = np.zeros(BLOCK, dtype=out.dtype)
    for t0 in range(0, samples, BLOCK):
        count = min(BLOCK, samples - t0)
        for c in range(rows.shape[0]):
            row, target = flat[rows[c] + t0 : rows[c] + t0 + count], near[c]
            for t in range(count):
                target[t] = row[t]
        for j in range(out.shape[0]):
            if nine[j, 0] < 0:
                continue
            for t in range(count):
                spoiled[t] = 0
            for k in range(9):
                source, copy = near[nine[j, k]], nine_rows[k]
                for t in range(count):
                    copy[t] = source[t]
                    spoiled[t] += source[t] * 0
            for e in range(exchanges.shape[0]):
                low, high = nine_rows[exchanges[e, 0]], nine_rows[exchanges[e, 1]]
                for t in range(count):
                    a, b = low[t], high[t]
                    low[t] = a if a < b else b
                    high[t] = b if a < b else a
            final, middle = out[j, t0 : t0 + count], nine_rows[4]
            for t in range(count):
                final[t] = middle[t] + spoiled[t]


@kernel(
    "void(Array(float32, 2, 'A', True), Array(int64, 1, 'C', True), float32[::1])",
    "void(Array(float64, 2, 'A', True), Array(int64, 1, 'C', True), float64[::1])",
)
def median_of_channels(x: Any, channels: Any, out: Any) -> None:  # noqa: ANN401
    """Write the median over ``channels`` of each sample of ``x`` (channels, time), NaN where one is not finite."""
    values = np.zeros(channels.shape[0])
    for t in range(x.shape[1]):
        spoiled = 0.0
        for k in range(channels.shape[0]):
            values[k] = x[channels[k], t]
            spoiled += values[k] * 0.0
        out[t] = spoiled if spoiled != 0.0 else np.median(values)
