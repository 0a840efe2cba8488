"""Moving averages: of samples, of magnitudes, of squares; causal as stages, centred on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_dsp._arrays import Array, Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._stages import Buffer, Run, Stage, checked_state
from emg_dsp._threads import over_rows
from emg_dsp._windows.sizes import in_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

_ROWS, _PART = 4, 1024
_SIGNED, _ABSOLUTE, _SQUARE = 0, 1, 2
_ENDLESS = 1 << 62


@dataclass(frozen=True)
class MovingMean(Stage):
    """Mean of the last samples, channel by channel.

    The mean at a sample is over it and those before it, ``length`` together; at the start of the signal over as many
    as there are, so that the first value is the first sample. Every sum is of the window's own samples, added in
    float64 and never subtracted again: it does not drift, and a loud part is gone as soon as the window has passed it.
    The result comes ``(length - 1) / 2`` samples late; `centred` looks ahead instead.

    Parameters
    ----------
    length : int or float
        Size of the window: whole samples (>= 1) where ``sfreq`` is None, seconds (> 0, rounded to at least one sample,
        halves up) where it is given.
    sfreq : float, optional
        Sampling rate in Hz; states that ``length`` is seconds.

    Raises
    ------
    EmgDspError
        If seconds come without ``sfreq``, or the size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import MovingMean
    >>> MovingMean(2)(np.array([[1.0, 3.0, 5.0]]))
    array([[1., 2., 4.]])
    >>> MovingMean(3).centred(np.array([[1.0, 3.0, 5.0]]))
    array([[2., 3., 4.]])
    """

    kind = "moving_mean"
    _mode: ClassVar[int] = _SIGNED

    length: float
    sfreq: float | None = None

    def __post_init__(self) -> None:
        in_samples(self.length, "length", self.sfreq)
        object.__setattr__(self, "length", int(self.length) if self.sfreq is None else float(self.length))
        object.__setattr__(self, "sfreq", None if self.sfreq is None else float(self.sfreq))

    @property
    def n_samples(self) -> int:
        """Samples in the window."""
        return in_samples(self.length, "length", self.sfreq)

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Floats:
        """Average over the window that ends at each sample.

        Parameters
        ----------
        x : array (..., channels, time)
            Signal in any unit; float32, float64, float16 or integers, any strides and byte order. Never altered.
        nan : {"raise", "propagate"}
            A NaN or infinite sample raises and is named, or spoils the windows that hold it and no other.
        threads : int
            Threads at most, >= 1; the result does not depend on it.

        Returns
        -------
        array (..., channels, time)
            A new array in the unit of ``x``: float64 for float64, float32 for everything else.
        """
        return self._run(x, 0, nan, threads)

    def centred(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Floats:
        """Average over the window around each sample: ``length // 2`` after it, the rest up to it. Not causal.

        At both ends the mean is over the samples that there are. Arguments and result as for a causal call.
        """
        return self._run(x, 1, nan, threads)

    def _run(self, x: ArrayLike, centred: int, nan: NanPolicy, threads: int) -> Floats:
        """Average over windows that end half a window later if ``centred``: as causally, with silence after the signal.

        A window longer than twice the signal holds all of it wherever it lies, so it need not be longer.
        """
        check_policy(nan)
        given = as_signal(x)
        wide, result = widen(given)
        rows = np.ascontiguousarray(as_rows(wide))
        n_rows, n_times = rows.shape
        length = min(self.n_samples, max(1, 2 * n_times))
        ahead = centred * (length // 2)
        out = np.empty((n_rows, n_times + ahead), dtype=rows.dtype)
        silence = np.zeros((n_rows, ahead), dtype=rows.dtype)
        finite: list[bool] = []

        def job(start: int, stop: int) -> None:
            memory = _Memory(stop - start, length)
            finite.append(memory.advance(rows[start:stop], self._mode, out[start:stop], 0, n_times))
            finite.append(memory.advance(silence[start:stop], self._mode, out[start:stop], n_times, n_times))

        if n_times:
            over_rows(n_rows, threads, job)
        if nan == "raise" and not all(finite):
            raise_not_finite(given)
        return out[:, ahead:].reshape(given.shape).astype(result, copy=False)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels before their first sample."""
        return _MovingRun(n_chans, self.n_samples, self._mode, dtype)


class MovingMAV(MovingMean):
    """Mean absolute value of the last samples: rectified and averaged in one pass. As `MovingMean` in all else.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import MovingMAV
    >>> MovingMAV(2)(np.array([[1.0, -3.0, 5.0]]))
    array([[1., 2., 4.]])
    """

    kind = "moving_mav"
    _mode = _ABSOLUTE


class MovingRMS(MovingMean):
    """Root mean square of the last samples. As `MovingMean` in all else; float64 squares overflow above 1e154.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import MovingRMS
    >>> MovingRMS(0.1, sfreq=20)(np.array([[3.0, -3.0, 3.0, 0.0, 0.0]]))[0, [0, 1, 4]].tolist()
    [3.0, 3.0, 0.0]
    >>> MovingRMS(0.2, sfreq=2048).n_samples
    410
    """

    kind = "moving_rms"
    _mode = _SQUARE


class _Memory:
    """Sums of some rows: values of the running block, sums to the end of the block before it, and the running sum."""

    def __init__(self, n_rows: int, length: int) -> None:
        padded = -(-n_rows // _ROWS) * _ROWS
        self.blocks = np.zeros((2, padded, length + 1))
        self.heads = np.zeros(padded)
        self._sums = np.empty((_ROWS, _PART))
        self.seen = 0

    def advance(self, x: Array, mode: int, out: Array, at: int = 0, last: int = _ENDLESS) -> bool:
        """Write the mean at each sample of ``x`` into ``out``, from column ``at`` on; tell whether all are finite."""
        from .moving_sums import moving_means

        finite = moving_means(x, mode, self.seen, last, self.blocks, self.heads, self._sums, out, at)
        self.seen += x.shape[1]
        return bool(finite)


class _MovingRun(Run):
    def __init__(self, n_chans: int, length: int, mode: int, dtype: np.dtype[Any]) -> None:
        self._n_chans = n_chans
        self._mode = mode
        self._memory = _Memory(n_chans, length)
        self._in, self._out = Buffer(dtype), Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return self._n_chans

    def step(self, chunk: Array) -> Array:
        out = self._out.take(*chunk.shape)
        if not chunk.flags.c_contiguous:
            np.copyto(self._in.take(*chunk.shape), chunk)
            chunk = self._in.take(*chunk.shape)
        self._memory.advance(chunk, self._mode, out)
        return out

    def dump(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self._arrays().items()}

    def load(self, state: Mapping[str, Array]) -> None:
        arrays = checked_state(state, self._arrays(), "a moving average", {"seen": _ENDLESS})
        self._memory.blocks, self._memory.heads = arrays["blocks"], arrays["heads"]
        self._memory.seen = int(arrays["seen"])

    def _arrays(self) -> dict[str, NDArray[Any]]:
        memory = self._memory
        return {"blocks": memory.blocks, "heads": memory.heads, "seen": np.array(memory.seen, dtype=np.int64)}
