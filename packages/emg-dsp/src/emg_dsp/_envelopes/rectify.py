"""Rectification, and the envelope by rectification and a low-pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emg_dsp._arrays import Array, Floats, NanPolicy, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import one_of
from emg_dsp._errors import EmgDspError
from emg_dsp._filters import lowpass
from emg_dsp._stages import Buffer, Run, Stage, checked_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

Wave: TypeAlias = Literal["full", "half"]
"""``"full"``: magnitudes. ``"half"``: negative samples become 0."""


@dataclass(frozen=True)
class Rectify(Stage):
    """Rectification as a stage: ``"full"`` gives magnitudes, ``"half"`` puts 0 for negative samples.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> live = emg_dsp.bandpass(20, 450, 2000) | emg_dsp.Rectify() | emg_dsp.lowpass(6, 2000, order=2)
    >>> live.stream(n_chans=8).push(np.zeros((8, 20))).shape
    (8, 20)
    """

    kind = "rectify"
    sfreq = None

    wave: Wave = "full"

    def __post_init__(self) -> None:
        _check_wave(self.wave)

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
        """Rectify a whole signal: `rectify`."""
        return rectify(x, self.wave, nan=nan)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return what remembers nothing."""
        return _RectifyRun(n_chans, self.wave, dtype)


def rectify(x: ArrayLike, wave: Wave = "full", *, nan: NanPolicy = "raise") -> Floats:
    """Rectify a signal.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit; integers are widened first, so that -128 of int8 gives 128.
    wave : {"full", "half"}
        Magnitudes, or 0 for every negative sample.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or stays where it is (half-wave: minus infinity gives 0).

    Returns
    -------
    array (..., channels, time)
        A new array, >= 0: float64 for float64, float32 for everything else.
    """
    check_policy(nan)
    _check_wave(wave)
    given = as_signal(x)
    wide, result = widen(given)
    if nan == "raise" and given.dtype.kind == "f" and not np.isfinite(given).all():
        raise_not_finite(given)
    out = np.empty(given.shape, dtype=wide.dtype)
    _rectify(wide, wave, out)
    return out.astype(result, copy=False)


def envelope(
    x: ArrayLike,
    sfreq: float,
    cutoff: float = 6.0,
    order: int = 2,
    *,
    zero_phase: bool = False,
    nan: NanPolicy = "raise",
) -> Floats:
    """Compute the linear envelope: full-wave rectified, then smoothed by a Butterworth low-pass.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit, without offset (band-pass it first).
    sfreq : float
        Sampling rate in Hz, > 0.
    cutoff : float
        Edge of the low-pass at -3 dB in Hz, ``0 < cutoff < sfreq / 2``; 3 to 10 Hz are usual.
    order : int
        Order of the low-pass, >= 1.
    zero_phase : bool
        False: causal, the same as ``Rectify() | lowpass(cutoff, sfreq, order)`` bit for bit, late by about
        ``sqrt(2) / (2 pi cutoff)`` seconds at order 2. True: forward and backward, no delay, the gain squared.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spoils the rest of its channel (all of it with
        ``zero_phase``).

    Returns
    -------
    array (..., channels, time)
        In the unit of ``x``; a low-pass of order 2 and above undershoots, so values a little below 0 occur.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import envelope
    >>> x = np.resize([1.0, -1.0], (1, 4000))
    >>> round(float(envelope(x, sfreq=1000)[0, -1]), 6)
    1.0
    """
    smooth = lowpass(cutoff, sfreq, order)
    magnitude = rectify(x, nan="propagate")
    try:
        return smooth.zero_phase(magnitude, nan=nan) if zero_phase else smooth(magnitude, nan=nan)
    except EmgDspError:
        if nan == "raise" and not np.isfinite(magnitude).all():
            raise_not_finite(as_signal(x))
        raise


def _check_wave(wave: str) -> None:
    one_of(wave, "wave", ("full", "half"))


def _rectify(x: Array, wave: str, out: Array) -> None:
    if wave == "full":
        np.abs(x, out=out)
    else:
        np.maximum(x, 0, out=out)


class _RectifyRun(Run):
    def __init__(self, n_chans: int, wave: str, dtype: np.dtype[Any]) -> None:
        self._n_chans = n_chans
        self._wave = wave
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return self._n_chans

    def step(self, chunk: Array) -> Array:
        out = self._out.take(*chunk.shape)
        _rectify(chunk, self._wave, out)
        return out

    def dump(self) -> dict[str, Array]:
        return {}

    def load(self, state: Mapping[str, Array]) -> None:
        checked_state(state, {}, "a rectifier")
