"""`RingBuffer`: the last samples of a live signal, for readers in other threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from emg_dsp._arrays import Array, as_signal
from emg_dsp._checks import whole
from emg_dsp._errors import EmgDspError
from emg_dsp._stages.buffer import enough_memory
from emg_dsp._stages.types import Types
from emg_dsp._windows.sizes import in_samples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

_TRIES = 8


class RingBuffer:
    """Holds the last samples of a live signal; the oldest are overwritten.

    One thread pushes; any number of threads read, none of them waiting for another: there is no lock. A reader copies,
    then looks whether the producer has begun to overwrite what it read, and if so reads again. Every sample is written
    twice, a capacity apart, so that the newest samples always lie in one piece and in order.

    Parameters
    ----------
    n_chans : int
        Channels, >= 1.
    length : int or float
        Capacity: whole samples (>= 1) where ``sfreq`` is None, seconds (> 0) where it is given.
    sfreq : float, optional
        Sampling rate in Hz; states that ``length`` is seconds.
    dtype : dtype
        Integers or floats of at most 64 bits. Chunks must fit without rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import RingBuffer
    >>> ring = RingBuffer(n_chans=1, length=4)
    >>> ring.push(np.arange(6, dtype=np.float32)[None])
    >>> ring.latest(3)
    array([[3., 4., 5.]], dtype=float32)
    >>> ring.n_seen, ring.n_dropped
    (6, 2)
    """

    def __init__(
        self, n_chans: SupportsIndex, length: float, sfreq: float | None = None, *, dtype: DTypeLike = np.float32
    ) -> None:
        n_rows = whole(n_chans, "n_chans", 1)
        self._capacity = in_samples(length, "length", sfreq)
        kind = Types.of(dtype).samples
        with enough_memory(f"a ring of {n_rows} channels and {self._capacity} samples"):
            self._memory: Array = np.zeros((n_rows, 2 * self._capacity), dtype=kind)
        self._begun = 0  # samples that the producer has at least begun to write
        self._done = 0  # samples that may be read

    @property
    def n_chans(self) -> int:
        """Channels."""
        return int(self._memory.shape[0])

    @property
    def capacity(self) -> int:
        """Samples that fit."""
        return self._capacity

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self._memory.dtype

    @property
    def n_seen(self) -> int:
        """Samples pushed since the start."""
        return self._done

    @property
    def n_dropped(self) -> int:
        """Samples overwritten since the start, read or not; `reader` counts those that it missed."""
        return max(0, self._done - self._capacity)

    def __len__(self) -> int:
        return min(self._done, self._capacity)

    def push(self, chunk: ArrayLike) -> None:
        """Append samples (channels, n), ``n >= 0``; of more than fit, the last are kept. One thread only."""
        samples = as_signal(chunk, "chunk")
        if samples.ndim != 2 or samples.shape[0] != self.n_chans:
            raise EmgDspError(f"chunk has shape {samples.shape}; required is ({self.n_chans}, n): channels, then time.")
        if not np.can_cast(samples.dtype, self.dtype, "safe"):
            raise EmgDspError(
                f"chunk has dtype {samples.dtype}, which does not fit {self.dtype} without rounding; "
                f"make the buffer with dtype='{samples.dtype}', or convert the chunk."
            )
        total = self._done + samples.shape[1]
        kept = samples[:, -self._capacity :]
        self._begun = total
        first = (total - kept.shape[1]) % self._capacity
        fit = min(kept.shape[1], self._capacity - first)
        for base in (0, self._capacity):
            self._memory[:, base + first : base + first + fit] = kept[:, :fit]
            self._memory[:, base : base + kept.shape[1] - fit] = kept[:, fit:]
        self._done = total

    def latest(self, n: SupportsIndex | None = None, *, copy: bool = True) -> Array:
        """Return the newest samples, in order.

        Parameters
        ----------
        n : int, optional
            Samples at most, 0 to ``capacity``; by default all there are.
        copy : bool
            False returns a read-only view, which holds until the producer has pushed ``capacity - n`` more samples.

        Returns
        -------
        array (channels, m)
            ``m = min(n, n_seen, capacity)``.

        Raises
        ------
        EmgDspError
            If more samples are asked for than fit, or the producer overwrites them faster than they are copied.
        """
        wanted = self._capacity if n is None else whole(n, "n", 0)
        if wanted > self._capacity:
            raise EmgDspError(f"n={wanted}; required is at most the capacity of {self._capacity} samples.")
        for _ in range(_TRIES):
            total = self._done
            start = max(total - wanted, total - self._capacity, 0)
            values = self._between(start, total, copy=copy)
            if self.holds(start):
                return values
        raise EmgDspError(
            f"the producer overwrote {wanted} of {self._capacity} samples while they were read, {_TRIES} times; "
            "make the buffer longer, or read fewer."
        )

    def reader(self) -> RingReader:
        """Return a reader that takes every sample once, from now on."""
        return RingReader(self)

    def holds(self, sample: int) -> bool:
        """Tell whether nobody has begun to overwrite the sample of this number, counted from the start, or later."""
        return self._begun - sample <= self._capacity

    def _between(self, start: int, stop: int, *, copy: bool) -> Array:
        """Return samples by their number since the start; the caller checks that they were still there."""
        end = stop % self._capacity + self._capacity
        view = self._memory[:, end - (stop - start) : end]
        if copy:
            return view.copy()
        view.flags.writeable = False
        return view

    def __repr__(self) -> str:
        return f"RingBuffer({self.n_chans} channels, {len(self)} of {self._capacity} samples, n_seen={self._done})"


class RingReader:
    """Takes every sample of a `RingBuffer` once, in order; counts those that were overwritten before it came."""

    def __init__(self, ring: RingBuffer) -> None:
        self._ring = ring
        self._next = ring.n_seen
        self._n_dropped = 0

    @property
    def n_dropped(self) -> int:
        """Samples missed since the reader was made."""
        return self._n_dropped

    def read(self) -> Array:
        """Return all samples (channels, m) since the last read, ``m >= 0``: a copy.

        If the producer overwrites samples faster than they are copied, the older half is given up, and so on.
        """
        reach = self._ring.capacity
        while True:
            stop = self._ring.n_seen
            start = max(self._next, stop - reach)
            values = self._ring._between(start, stop, copy=True)  # noqa: SLF001  one idea in two classes
            if self._ring.holds(start):
                self._n_dropped += start - self._next
                self._next = stop
                return values
            reach //= 2
