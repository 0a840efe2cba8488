"""`Stream`: a filter that is fed chunk by chunk and gives the same numbers as the whole signal at once."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import Floats, NanPolicy, as_signal, check_policy
from ._cascade import run_causal
from ._checks import whole
from ._errors import EmgDspError

if TYPE_CHECKING:
    from ._filter import Filter


class Stream:
    """A causal filter with memory: chunks of any size in, the same number of samples out.

    The concatenated output equals ``filter(whole_signal)`` bit for bit, however the signal was cut.

    Parameters
    ----------
    filter : Filter
        The cascade to run.
    n_chans : int
        Channels of every chunk, >= 1.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and leaves the stream as it was before the chunk, or spoils the rest of its
        channel.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> stream = emg_dsp.highpass(20, sfreq=1000).stream(n_chans=2)
    >>> [stream.push(np.ones((2, n), dtype=np.float32)).shape for n in (1, 0, 63)]
    [(2, 1), (2, 0), (2, 63)]
    """

    def __init__(self, filter: "Filter", n_chans: int, *, nan: NanPolicy = "raise") -> None:  # noqa: A002  field name
        check_policy(nan)
        self._filter = filter
        self._sos = filter.sos
        self._n_chans = whole(n_chans, "n_chans", 1)
        self._nan: NanPolicy = nan
        self._state: NDArray[np.float64] = np.zeros((len(filter.sections), self._n_chans, 2))
        self._n_seen = 0

    @property
    def filter(self) -> "Filter":
        """The cascade that runs."""
        return self._filter

    @property
    def n_chans(self) -> int:
        """Channels of every chunk."""
        return self._n_chans

    @property
    def n_seen(self) -> int:
        """Samples pushed since the start or the last reset."""
        return self._n_seen

    def push(self, chunk: ArrayLike) -> Floats:
        """Filter the next samples.

        Parameters
        ----------
        chunk : array (channels, n)
            ``n >= 0``; types as for `Filter`.

        Returns
        -------
        array (channels, n)
            A new array. Samples from 0 to ``n`` are final: a stream adds no delay of its own.
        """
        samples = as_signal(chunk, "chunk")
        if samples.ndim != 2 or samples.shape[0] != self._n_chans:
            raise EmgDspError(
                f"chunk has shape {samples.shape}; required is ({self._n_chans}, n): channels, then time."
            )
        state = self._state.copy()
        out = run_causal(self._sos, samples, state, self._nan, self._n_seen)
        self._state = state
        self._n_seen += samples.shape[1]
        return out

    def reset(self) -> None:
        """Return to rest, as if nothing had been pushed."""
        self._state = np.zeros_like(self._state)
        self._n_seen = 0

    @property
    def state(self) -> NDArray[np.float64]:
        """Memory (n_sections, channels, 2), a copy, laid out as ``zi`` of `scipy.signal.sosfilt`; assign to restore."""
        return self._state.copy()

    @state.setter
    def state(self, value: ArrayLike) -> None:
        state = np.array(value, dtype=np.float64, order="C")
        if state.shape != self._state.shape:
            raise EmgDspError(
                f"state has shape {state.shape}; required is {self._state.shape} (n_sections, channels, 2)."
            )
        if self._nan == "raise" and not np.isfinite(state).all():
            raise EmgDspError("state is not finite; required is a state saved from a healthy stream.")
        self._state = state

    def fork(self) -> "Stream":
        """Return an independent stream that continues from here."""
        twin = Stream(self._filter, self._n_chans, nan=self._nan)
        twin._state = self._state.copy()
        twin._n_seen = self._n_seen
        return twin

    def __repr__(self) -> str:
        return f"Stream({self._filter!r}, n_chans={self._n_chans}, n_seen={self._n_seen})"
