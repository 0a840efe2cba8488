"""Mean and standard deviation of a window inside kernels. Imported at first use only, because it imports numba."""

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def mean_and_deviation(x: Any) -> Any:  # noqa: ANN401
    """Return mean and standard deviation (``ddof=0``), in two passes; a window of equal samples has exactly 0."""
    n = x.shape[0]
    total = 0.0
    for t in range(n):
        total += x[t]
    mean = total / n
    squares = 0.0
    changes = 0
    for t in range(n):
        squares += (x[t] - mean) ** 2
        changes += x[t] != x[0]
    return mean, np.sqrt(squares / n) if changes > 0 else 0.0
