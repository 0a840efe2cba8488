"""The Teager-Kaiser energy operator: what is large where the signal is both strong and fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import Array, Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._stages import Buffer, Run, Stage, checked_state
from emg_dsp._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class TeagerKaiser(Stage):
    """Teager-Kaiser energy, one sample late: ``y[t] = x[t-1]**2 - x[t-2] * x[t]``, the signal being 0 before it starts.

    The operator looks one sample ahead, so a causal step gives the energy at ``t - 1`` when sample ``t`` is there.
    `teager_kaiser` is the same without the delay. The unit is that of ``x`` squared; computed in float64.

    References
    ----------
    Kaiser, ICASSP 1990, doi:10.1109/ICASSP.1990.115702. For EMG: Li, Zhou and Aruin, Ann. Biomed. Eng. 35, 2007,
    doi:10.1007/s10439-007-9320-z.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import TeagerKaiser
    >>> TeagerKaiser()(np.array([[1.0, 2.0, 4.0, 5.0]]))
    array([[0., 1., 0., 6.]])
    """

    kind = "teager_kaiser"
    sfreq = None

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels: their last two samples."""
        return _TeagerKaiserRun(n_chans, dtype)


def teager_kaiser(x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Floats:
    """Compute the Teager-Kaiser energy ``x[t]**2 - x[t-1] * x[t+1]``, the signal being 0 outside. Not causal.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit, without offset (band-pass it first).
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spoils the energies at it and at its neighbours.
    threads : int
        Threads at most, >= 1; the result does not depend on it.

    Returns
    -------
    array (..., channels, time)
        In the unit of ``x`` squared, maybe negative: float64 for float64, float32 for everything else.

    Raises
    ------
    EmgDspError
        If a sample is not finite, or an energy does not fit the type of the result.

    References
    ----------
    As for `TeagerKaiser`.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import teager_kaiser
    >>> tone = np.sin(0.5 * np.arange(100))[None, :]
    >>> bool(np.allclose(teager_kaiser(tone)[:, 1:-1], np.sin(0.5) ** 2))
    True
    """
    from .energies import energies

    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    rows = as_rows(wide)
    n_rows, n_times = rows.shape
    out = np.empty((n_rows, n_times + 1), dtype=rows.dtype)
    silence = np.zeros((n_rows, 1), dtype=rows.dtype)

    def job(start: int, stop: int) -> None:
        state = np.zeros((stop - start, 2))
        energies(rows[start:stop], state, out[start:stop, :n_times])
        energies(silence[start:stop], state, out[start:stop, n_times:])

    over_rows(n_rows, threads, job)
    if nan == "raise" and not np.isfinite(out[:, 1:]).all():
        raise_not_finite(given)
    return out[:, 1:].reshape(given.shape).astype(result, copy=False)


class _TeagerKaiserRun(Run):
    def __init__(self, n_chans: int, dtype: np.dtype[Any]) -> None:
        self._state = np.zeros((n_chans, 2))
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._state)

    def step(self, chunk: Array) -> Array:
        from .energies import energies

        out = self._out.take(*chunk.shape)
        energies(chunk, self._state, out)
        return out

    def dump(self) -> dict[str, Array]:
        return {"last": self._state.copy()}

    def load(self, state: Mapping[str, Array]) -> None:
        self._state = checked_state(state, {"last": self._state}, "a Teager-Kaiser operator")["last"]
