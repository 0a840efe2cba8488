"""`Stream`: a stage that is fed chunk by chunk and gives the same numbers as the whole signal at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, NanPolicy, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import whole
from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, DTypeLike

    from .stage import Stage


class Stream:
    """A causal stage with memory: chunks of any size in, whatever is final out.

    The concatenated output equals ``stage(whole_signal)`` bit for bit, however the signal was cut.

    Parameters
    ----------
    stage : Stage
        The filter, chain or other stage to run.
    n_chans : int
        Channels of every chunk, >= 1.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and leaves the stream as it was before the chunk, or spreads.
    dtype : float32 or float64
        What is read and written; chunks of other types are converted first.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> stream = emg_dsp.highpass(20, sfreq=1000).stream(n_chans=2)
    >>> [stream.push(np.ones((2, n), dtype=np.float32)).shape for n in (1, 0, 63)]
    [(2, 1), (2, 0), (2, 63)]
    """

    def __init__(self, stage: Stage, n_chans: int, *, nan: NanPolicy = "raise", dtype: DTypeLike = np.float32) -> None:
        check_policy(nan)
        self._stage = stage
        self._n_chans = whole(n_chans, "n_chans", 1)
        self._nan: NanPolicy = nan
        self._dtype = np.dtype(dtype)
        if self._dtype not in (np.float32, np.float64):
            raise EmgDspError(f"dtype={dtype!r}; required is float32 or float64.")
        self._run = stage.start(self._n_chans, self._dtype)
        self._n_seen = 0

    @property
    def stage(self) -> Stage:
        """What runs."""
        return self._stage

    @property
    def n_chans(self) -> int:
        """Channels of every chunk."""
        return self._n_chans

    @property
    def n_seen(self) -> int:
        """Samples pushed since the start or the last reset."""
        return self._n_seen

    def push(self, chunk: ArrayLike) -> Array:
        """Process the next samples.

        Parameters
        ----------
        chunk : array (channels, n)
            ``n >= 0``; integers or floats.

        Returns
        -------
        array (channels, m)
            A new array of what is now final.
        """
        samples = as_signal(chunk, "chunk")
        if samples.ndim != 2 or samples.shape[0] != self._n_chans:
            raise EmgDspError(
                f"chunk has shape {samples.shape}; required is ({self._n_chans}, n): channels, then time."
            )
        if self._nan == "raise" and not np.isfinite(samples).all():
            raise_not_finite(samples, self._n_seen)
        out = self._run.step(widen(samples)[0].astype(self._dtype, copy=False))
        self._n_seen += samples.shape[1]
        return out.copy()

    def reset(self) -> None:
        """Return to rest, as if nothing had been pushed."""
        self._run = self._stage.start(self._n_chans, self._dtype)
        self._n_seen = 0

    @property
    def state(self) -> dict[str, Array]:
        """The memory as named arrays, a copy; assign to restore."""
        return self._run.dump()

    @state.setter
    def state(self, value: Mapping[str, Array]) -> None:
        self._run.load(value)

    def fork(self) -> Stream:
        """Return an independent stream that continues from here."""
        twin = Stream(self._stage, self._n_chans, nan=self._nan, dtype=self._dtype)
        twin._run.load(self._run.dump())
        twin._n_seen = self._n_seen
        return twin

    def __repr__(self) -> str:
        return f"Stream({self._stage!r}, n_chans={self._n_chans}, n_seen={self._n_seen})"
