"""New clocks: holding the last reading, for stamped recordings; polyphase filtering, for uniform ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ._errors import EmgIoError
from ._source import Aux, Content, Header, Source, Track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._recording import Recording

METHODS = ("hold", "polyphase")

_ALIAS_RATIO = 0.8
_MAX_FACTOR = 1000
_RATE_TOLERANCE = 1e-9
_TOLERANCE_S = 1e-9
_MAX_SAMPLES = 2**31
_MAX_TICKS_A_READING = 1000
_FEW_SAMPLES = 2**20


@dataclass(frozen=True)
class Resampled(Source):
    """Another source on a uniform clock of ``sfreq`` Hz; the signals beside the EMG keep their own clocks."""

    inner: Source
    sfreq: float

    def scan(self) -> Header:
        """Return the header on the new clock."""
        return replace(self.content().header(), aux=self.inner.header().aux)

    def aux(self, name: str) -> Aux:
        """Return a signal beside the EMG as it is."""
        return self.inner.aux(name)


@dataclass(frozen=True)
class Held(Resampled):
    """Another source on a uniform clock, each tick repeating the last reading."""

    def load(self) -> Content:
        """Resample signal and tracks by holding."""
        old = self.inner.content()
        stamps = _stamps(old)
        return _taken(old, hold_index(stamps, self.sfreq), self.sfreq, float(stamps[0]) if len(stamps) else 0.0)


@dataclass(frozen=True)
class Polyphase(Resampled):
    """Another uniform source at ``up / down`` times its rate, through a zero-phase anti-alias filter."""

    up: int
    down: int

    def load(self) -> Content:
        """Resample the signal by filtering, the tracks by holding."""
        from scipy.signal import resample_poly

        old = self.inner.content()
        new = _taken(old, hold_index(_stamps(old), self.sfreq), self.sfreq, 0.0)
        edges = "mean" if old.raw.shape[1] == 1 else "line"  # one sample makes no line
        raw = resample_poly(old.raw.astype(np.float64), self.up, self.down, axis=1, padtype=edges)
        return replace(new, raw=raw[:, : new.raw.shape[1]], metadata={**new.metadata, "resampled": "polyphase"})


def resampled(recording: Recording, sfreq: float, method: str) -> Source:
    """Check a request for a new clock and return the source that answers it."""
    file, have = recording.source, recording.sfreq
    if method not in METHODS:
        raise EmgIoError(
            "unknown resampling method", file=file, place="method", expected=" or ".join(METHODS), found=method
        )
    if not (np.isfinite(sfreq) and sfreq > 0):
        raise EmgIoError("not a rate", file=file, place="sfreq", expected="Hz, > 0", found=str(sfreq))
    if method == "polyphase":
        return Polyphase(recording.reader, sfreq, *_ratio(recording, sfreq))
    lowest = have if recording.uniform else _ALIAS_RATIO * have
    if sfreq < lowest:
        raise EmgIoError(
            "holding has no anti-alias filter: hold at the rate the data has, then resample by polyphase",
            file=file,
            place="sfreq",
            expected=f"at least {lowest:.3f} Hz",
            found=f"{sfreq:g}",
        )
    return Held(recording.reader, sfreq)


def _ratio(recording: Recording, sfreq: float) -> tuple[int, int]:
    """Return the ratio of two rates as whole numbers."""
    have = recording.sfreq
    ratio = Fraction(sfreq / have).limit_denominator(_MAX_FACTOR)
    exact = ratio > 0 and abs(float(ratio) * have - sfreq) <= _RATE_TOLERANCE * sfreq
    if not recording.uniform or not exact or ratio.numerator > _MAX_FACTOR:
        raise EmgIoError(
            "polyphase needs a uniform clock and a simple ratio of rates: hold first",
            file=recording.source,
            place="sfreq",
            expected=f"p/q of {have:g} Hz with p, q <= {_MAX_FACTOR}",
            found=f"{sfreq:g} from {'a uniform' if recording.uniform else 'a stamped'} clock",
        )
    return ratio.numerator, ratio.denominator


def _stamps(content: Content) -> NDArray[np.float64]:
    """Return the time of every sample in s."""
    return np.arange(content.raw.shape[1]) / content.sfreq if content.timestamps is None else content.timestamps


def _taken(old: Content, take: NDArray[np.intp], sfreq: float, t0: float) -> Content:
    """Return a content with the chosen samples on a new clock."""
    tracks = {name: Track(name, track.values[take], track.names) for name, track in old.tracks.items()}
    metadata = {**old.metadata, "t0": t0, "resampled": "hold"}
    return Content(None, tracks, old.events, raw=old.raw[:, take], sfreq=sfreq, metadata=metadata)


def hold_index(stamps: NDArray[np.float64], sfreq: float) -> NDArray[np.intp]:
    """Return, for each tick of a uniform clock, the index of the last reading at or before it.

    Parameters
    ----------
    stamps
        (time,) strictly increasing seconds.
    sfreq
        Rate of the uniform clock, Hz; its first tick is ``stamps[0]``, its last is not after ``stamps[-1]``.

    Returns
    -------
    ndarray
        (ticks,) indices into ``stamps``.
    """
    if not len(stamps):
        return np.zeros(0, np.intp)
    span = float(stamps[-1] - stamps[0])
    n_ticks = int(np.floor(span * sfreq + _TOLERANCE_S * sfreq)) + 1
    limit = min(_MAX_SAMPLES, max(_FEW_SAMPLES, _MAX_TICKS_A_READING * len(stamps)))
    if n_ticks > limit:
        raise EmgIoError(
            "resampled recording is too long: its clock has holes, or the rate is too high",
            place="sfreq",
            expected=f"at most {limit} samples from {len(stamps)} readings",
            found=str(n_ticks),
        )
    ticks = stamps[0] + np.arange(n_ticks) / sfreq
    last: NDArray[np.intp] = np.searchsorted(stamps, ticks + _TOLERANCE_S, side="right") - 1
    return last
