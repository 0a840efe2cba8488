"""Kernels that count events in windows. Counts are whole numbers, so overlapping windows share them without loss.

Windows that overlap form a run. The events of a run are counted once, from one edge of a window to the next, and a
window's count is the difference between the counts at its ends.
"""

from typing import Any

import numpy as np
from numba import njit

from emg_dsp._jit import kernel

EVENTS = ("crossings", "turns")
"""Rows of the result of `event_counts`."""


@njit(nogil=True, error_model="numpy")
def _run_end(starts: Any, first: int, length: int) -> int:  # noqa: ANN401
    """Return the end of the run that starts at window ``first``: each begins later than, and within, the one before."""
    stop = first + 1
    while stop < starts.shape[0] and starts[stop - 1] < starts[stop] < starts[stop - 1] + length:
        stop += 1
    return stop


@njit(nogil=True, error_model="numpy")
def _between(flat: Any, first: int, stop: int) -> Any:  # noqa: ANN401
    """Count changes of sign from ``t - 1`` to ``t``, and turns at ``t``, for ``t = first ... stop - 1``."""
    part = flat[first - 1 : stop + 1]
    crossings = np.int32(0)
    turns = np.int32(0)
    for t in range(1, part.shape[0] - 1):
        before, here, after = part[t - 1], part[t], part[t + 1]
        crossings += np.int32((before < 0) != (here < 0))
        turns += np.int32(((here > before) & (here > after)) | ((here < before) & (here < after)))
    return crossings, turns


@njit(nogil=True, error_model="numpy")
def _count_run(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Count the events of a run of windows, each of at least 2 samples, whose zeros do not matter."""
    n = starts.shape[0]
    opened = 0
    closed = 0
    crossings = 0
    turns = 0
    place = starts[0] + 1
    while closed < n:
        edge = starts[closed] + length - 1
        if opened < n and starts[opened] + 1 <= edge:
            edge = starts[opened] + 1
        if edge > place:
            more_crossings, more_turns = _between(flat, place, edge)
            crossings += more_crossings
            turns += more_turns
            place = edge
        while opened < n and starts[opened] + 1 == place:
            out[0, opened] = -crossings
            out[1, opened] = -turns
            opened += 1
        while closed < opened and starts[closed] + length - 1 == place:
            out[0, closed] += crossings + np.int64((flat[place - 1] < 0) != (flat[place] < 0))
            out[1, closed] += turns
            closed += 1


@njit(nogil=True, error_model="numpy")
def _count_zeros(part: Any) -> Any:  # noqa: ANN401
    zeros = np.int32(0)
    for t in range(part.shape[0]):
        zeros += np.int32(part[t] == 0)
    return zeros


@njit(nogil=True, error_model="numpy")
def _cross_over_zeros(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Count the changes of sign of a run of windows where a zero has the sign of the last sample that is not zero.

    ``passed[t]`` counts the changes before ``t`` since the run began. The first sample of a window that is not zero
    changes nothing for this window, whatever came before.
    """
    base = starts[0]
    part = flat[base : starts[-1] + length]
    passed = np.zeros(part.shape[0] + 1, dtype=np.int64)
    negative = part[0] < 0
    known = False
    for t in range(part.shape[0]):
        passed[t + 1] = passed[t]
        if part[t] != 0:
            passed[t + 1] += np.int64(known & (negative != (part[t] < 0)))
            negative = part[t] < 0
            known = True
    leading = np.int64(0)
    for w in range(starts.shape[0]):
        leading = max(leading, starts[w] - base)
        while leading < part.shape[0] and part[leading] == 0:
            leading += 1
        stop = starts[w] - base + length
        out[0, w] = passed[stop] - passed[leading + 1] if leading < stop else 0


@kernel(
    "void(Array(float32, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
    "void(Array(float64, 1, 'C', True), Array(int64, 1, 'C', True), int64, float64[:,::1])",
)
def event_counts(flat: Any, starts: Any, length: int, out: Any) -> None:  # noqa: ANN401
    """Write the changes of sign and the turns of each window."""
    first = 0
    while first < starts.shape[0]:
        stop = _run_end(starts, first, length)
        run = starts[first:stop]
        if length > 1:
            _count_run(flat, run, length, out[:, first:stop])
        else:
            out[:, first:stop] = 0
        if _count_zeros(flat[run[0] : run[-1] + length]) > 0:
            _cross_over_zeros(flat, run, length, out[:, first:stop])
        first = stop
