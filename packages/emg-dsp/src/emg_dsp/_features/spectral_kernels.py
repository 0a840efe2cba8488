"""Kernel that finds where the power of a spectrum has come to a part of its sum; numba is imported with it, late."""

from typing import Any

from emg_dsp._jit import kernel


@kernel("void(Array(float64, 2, 'C', True), float64, int64, float64[::1])")
def quantiles(power: Any, part: float, spread: int, out: Any) -> None:  # noqa: ANN401
    """Write the first bin whose cumulative power exceeds ``part`` of the sum, as a place on the axis of bins; or -1.

    Where ``spread``, a bin's power counts as spread evenly from half a bin below it to half a bin above, and the place
    is where exactly that part is reached, but not below 0.
    """
    for w in range(power.shape[0]):
        row = power[w]
        total = 0.0
        for f in range(row.shape[0]):
            total += row[f]
        out[w] = -1.0
        below = 0.0
        for f in range(row.shape[0]):
            above = below + row[f]
            if above > part * total:
                out[w] = max(0.0, f - 0.5 + (part * total - below) / row[f]) if spread else f
                break
            below = above
