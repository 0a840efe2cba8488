"""Kernels that move samples between channels and places. Imported at first use only: this module imports numba.

A transpose touches one cache line of each channel at a time; a square tile turns it in the first-level cache, so that
lines are read and written whole.
"""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

SIDE = 16
DEPTH = 128


@kernel(
    "float32(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64)",
    "float64(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64)",
    reassociate=True,
)
def spoiled(flat: Any, starts: Any, samples: int) -> Any:  # noqa: ANN401
    """Return NaN where a sample of the rows ``flat[starts[i] : starts[i] + samples]`` is not finite, else 0."""
    total = flat.dtype.type(0)
    for i in range(starts.shape[0]):
        row = flat[starts[i] : starts[i] + samples]
        for t in range(samples):
            total += row[t] * 0
    return total


@kernel(
    "float32(Array(float32, 2, 'A', True), Array(int64, 1, 'C', True), float32, float32, float32[:,::1])",
    "float64(Array(float64, 2, 'A', True), Array(int64, 1, 'C', True), float64, float64, float64[:,::1])",
    reassociate=True,
)
def to_frames(x: Any, order: Any, scale: Any, offset: Any, out: Any) -> Any:  # noqa: ANN401, C901, PLR0912  one loop nest
    """Write ``x * scale + offset`` of channel ``order[i]`` (channels, time) into column i of ``out`` (time, places).

    Columns without a channel (-1) are left as they are. Returns NaN where a sample read is not finite, else 0.
    """
    samples, places = x.shape[1], order.shape[0]
    tile = np.zeros((SIDE, SIDE), dtype=out.dtype)
    flat = tile.reshape(SIDE * SIDE)
    zero = scale * 0
    total = zero
    for d0 in range(0, samples, DEPTH):
        for i0 in range(0, places, SIDE):
            width = min(SIDE, places - i0)
            full = width == SIDE
            for k in range(width):
                full = full and order[i0 + k] >= 0
            for t0 in range(d0, min(d0 + DEPTH, samples), SIDE):
                count = min(SIDE, samples - t0)
                if full and count == SIDE:
                    for k in range(SIDE):
                        source = x[order[i0 + k], t0 : t0 + SIDE]
                        for t in range(SIDE):
                            tile[t, k] = source[t]
                    for j in range(SIDE * SIDE):
                        total += flat[j] * zero
                    for t in range(SIDE):
                        target = out[t0 + t, i0 : i0 + SIDE]
                        for k in range(SIDE):
                            target[k] = tile[t, k] * scale + offset
                else:
                    for k in range(width):
                        if order[i0 + k] >= 0:
                            for t in range(t0, t0 + count):
                                total += x[order[i0 + k], t] * zero
                                out[t, i0 + k] = x[order[i0 + k], t] * scale + offset
    return total
