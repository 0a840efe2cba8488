"""Kernel that scales rows. Imported at first use only, because this module imports numba.

NumPy broadcasts a column over a chunk through a buffer of the size of the chunk; a loop needs none, and one pass.
"""

from typing import Any

from emg_dsp._jit import kernel


@kernel(
    "void(Array(float32, 2, 'A', True), Array(float32, 1, 'C', True), Array(float32, 1, 'C', True), float32[:,::1])",
    "void(Array(float64, 2, 'A', True), Array(float64, 1, 'C', True), Array(float64, 1, 'C', True), float64[:,::1])",
)
def centre_and_divide(x: Any, mean: Any, std: Any, out: Any) -> None:  # noqa: ANN401
    """Write ``(x - mean) / std`` of every row (rows, time); channels repeat every ``mean.shape[0]`` rows."""
    n_chans = mean.shape[0]
    for r in range(x.shape[0]):
        centre = mean[r % n_chans]
        width = std[r % n_chans]
        for t in range(x.shape[1]):
            out[r, t] = (x[r, t] - centre) / width
