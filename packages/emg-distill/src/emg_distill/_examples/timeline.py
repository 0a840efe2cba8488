"""Where the windows of a part lie in their recordings, so that outputs can be joined again."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Truth = tuple[NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Timeline:
    """Places of windows.

    Attributes
    ----------
    recording, start, valid
        Shape (n,), int64: recording of each window, its first sample without context, and how many samples are real.
    past
        Samples of context before each window.
    whole
        Whether the windows cover their recordings without gaps.
    first, step
        Frame t of the targets stands for sample ``first + step * t`` of its window; 0 and 0 where targets have none.
    events
        Gives the true events of a recording: where they lie, in samples, and their channels; None where targets are no
        events.
    """

    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    valid: NDArray[np.int64]
    past: int = 0
    whole: bool = False
    first: int = 0
    step: int = 0
    events: Callable[[int], Truth] | None = None
