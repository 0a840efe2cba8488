"""The kernel for rows too few for lanes. Imported at first use only, because this module imports numba."""

from typing import Any

import numpy as np

from emg_dsp._jit import kernel

from .lanes import advance_alone
from .vectors import DEPTH


@kernel("void(float64[:,::1], int64, Array(float64, 2, 'C', True), float64[:,:,::1])")
def single(lines: Any, step: int, sos: Any, state: Any) -> None:  # noqa: ANN401
    """Filter ``lines`` (rows, time) in place, forward (``step`` 1) or backward (-1), each row by itself.

    ``state`` (rows, sections, 2) is read, advanced and written back.
    """
    start = 0 if step == 1 else lines.shape[1] - 1
    table = np.empty((7, DEPTH))
    for row in range(lines.shape[0]):
        advance_alone(lines[row], start, step, lines.shape[1], sos, state[row], table)
