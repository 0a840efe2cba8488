"""`Features` as a stage: windows are cut from a live signal as soon as they are complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import as_signal, check_policy, raise_not_finite
from emg_dsp._checks import positive
from emg_dsp._stages import Buffer, Overlap, Run, Stage
from emg_dsp._windows import window_count, windows
from emg_dsp._windows.sizes import in_samples

from .engine import compute
from .select import select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Array, NanPolicy

    from .select import Choice

_SAMPLES = 1 << 16
"""Samples in the windows that a running stage computes at once: memory does not grow with the chunk."""


@dataclass(frozen=True)
class Features(Stage):
    """Features of the windows of a signal, whole or live; ends a chain.

    Parameters
    ----------
    length, hop : float
        Size and step of the windows in seconds, > 0, rounded to samples as by `windows`.
    names : tuple of str
        As for `features`.
    sfreq : float
        Sampling rate in Hz, > 0.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> chain = emg_dsp.highpass(20, sfreq=1000) | emg_dsp.Features(0.2, 0.05, ("HTD", "RMS"), sfreq=1000)
    >>> stream = chain.stream(n_chans=8)
    >>> [stream.push(np.ones((8, 150))).shape for _ in range(3)]
    [(0, 8, 5), (3, 8, 5), (3, 8, 5)]
    """

    kind = "features"
    frames = True

    length: float
    hop: float
    names: tuple[str, ...]
    sfreq: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sfreq", positive(self.sfreq, "sfreq"))
        select(self.names, self.sfreq)
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        for name in ("length", "hop"):
            in_samples(getattr(self, name), name, self.sfreq)

    @property
    def sfreq_out(self) -> float:
        """Windows per second."""
        return self.sfreq / self.hop_samples

    @property
    def span(self) -> int:
        """Samples of a window."""
        return in_samples(self.length, "length", self.sfreq)

    @property
    def hop_samples(self) -> int:
        """Samples from one window to the next."""
        return in_samples(self.hop, "hop", self.sfreq)

    @property
    def choices(self) -> list[Choice]:
        """The features, looked up."""
        return select(self.names, self.sfreq)

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Array:
        """Compute the features of every window of a whole signal.

        Parameters
        ----------
        x : array (..., channels, time)
            Integers or floats; never altered.
        nan : {"raise", "propagate"}
            A sample that is not finite raises and is named, or makes every feature of its windows NaN.
        threads : int
            Threads that share the windows, >= 1. Changes no value.

        Returns
        -------
        array (..., n_windows, channels, n_columns)
            What `features` gives for `windows`; float64 for float64, float32 for everything else.
        """
        check_policy(nan)
        given = as_signal(x)
        if nan == "raise" and given.dtype.kind == "f" and not np.isfinite(given).all():
            raise_not_finite(given)
        return compute(windows(given, self.span, self.hop_samples), self.choices, self.sfreq, nan, threads)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels, empty."""
        return _FeaturesRun(self, n_chans, dtype)


class _FeaturesRun(Run):
    def __init__(self, stage: Features, n_chans: int, dtype: np.dtype[Any]) -> None:
        self._choices, self._sfreq = stage.choices, stage.sfreq
        self._span, self._hop = stage.span, stage.hop_samples
        self._past, self._out = Overlap(n_chans, self._span, self._hop, dtype), Buffer(dtype)
        self._group = max(1, _SAMPLES // (n_chans * self._span))
        self._columns = sum(len(choice.columns(n_chans, stage.sfreq)) for choice in self._choices)

    @property
    def n_chans_out(self) -> int:
        return self._past.n_chans

    def step(self, chunk: Array) -> Array:
        joined = self._past.join(chunk)
        n_chans, have = joined.shape
        out = self._out.take(window_count(have, self._span, self._hop), n_chans, self._columns)
        view = windows(joined, self._span, self._hop)
        for first in range(0, len(out), self._group):
            some = slice(first, first + self._group)
            out[some] = compute(view[some], self._choices, self._sfreq, "propagate")
        self._past.keep(joined, len(out))
        return out

    def dump(self) -> dict[str, Array]:
        return self._past.dump()

    def load(self, state: Mapping[str, Array]) -> None:
        self._past.load(state, "features")
