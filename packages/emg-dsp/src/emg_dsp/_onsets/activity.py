"""`Activity`: when each muscle is active, as a track and as intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import as_array
from emg_dsp._checks import positive
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Activity:
    """When each channel is active.

    Parameters
    ----------
    state : array (channels, time), bool
        True where active; read-only.
    sfreq : float
        Sampling rate in Hz.
    stage : Stage, optional
        The same detector with the same baseline as a causal step from samples to such a track, for a live signal:
        ``activity.stage.stream(n_chans)``. It knows neither the joining of gaps nor the dropping of short bursts, and
        its track is as late as the detector says. None where a detector cannot run causally.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Activity
    >>> activity = Activity(np.array([[0, 1, 1, 0, 0, 1]], dtype=bool), sfreq=100)
    >>> activity.onsets[0].tolist(), activity.offsets[0].tolist(), activity.onset_times[0].tolist()
    ([1, 5], [3, 6], [0.01, 0.05])
    """

    state: NDArray[np.bool_]
    sfreq: float
    stage: Stage | None = None

    def __post_init__(self) -> None:
        state = as_array(self.state, "state").copy()
        if state.ndim != 2 or state.dtype != np.bool_:
            raise EmgDspError(f"state has shape {state.shape}, type {state.dtype}; required is bool (channels, time).")
        if self.stage is not None and not isinstance(self.stage, Stage):
            raise EmgDspError(f"stage={self.stage!r}; required is a stage, or None.")
        state.flags.writeable = False
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "sfreq", positive(self.sfreq, "sfreq"))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by value, so that the copy is as immutable."""
        return type(self), (self.state, self.sfreq, self.stage)

    @property
    def onsets(self) -> tuple[NDArray[np.int64], ...]:
        """First sample of each active interval, an array for each channel; 0 where the signal starts active."""
        return tuple(edges(row)[0] for row in self.state)

    @property
    def offsets(self) -> tuple[NDArray[np.int64], ...]:
        """Sample after the last of each active interval, an array for each channel; ``time`` where it ends active."""
        return tuple(edges(row)[1] for row in self.state)

    @property
    def onset_times(self) -> tuple[NDArray[np.float64], ...]:
        """`onsets` in seconds from the first sample."""
        return tuple(samples / self.sfreq for samples in self.onsets)

    @property
    def offset_times(self) -> tuple[NDArray[np.float64], ...]:
        """`offsets` in seconds from the first sample."""
        return tuple(samples / self.sfreq for samples in self.offsets)


def edges(row: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the runs of True begin, and where they have ended."""
    steps = np.diff(row.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def cleaned(state: NDArray[np.bool_], min_active: int, min_rest: int) -> NDArray[np.bool_]:
    """Join intervals less than ``min_rest`` samples apart, then drop those shorter than ``min_active`` samples."""
    out = np.zeros_like(state)
    for row, result in zip(state, out, strict=True):
        starts, stops = edges(row)
        apart = np.flatnonzero(starts[1:] - stops[:-1] >= min_rest)
        firsts = starts[np.concatenate([[0], apart + 1])] if len(starts) else starts
        lasts = stops[np.concatenate([apart, [-1]])] if len(stops) else stops
        for start, stop in zip(firsts, lasts, strict=True):
            result[start:stop] = stop - start >= min_active
    return out
