"""From a stamped clock to a uniform one by holding the last reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ._errors import EmgIoError
from ._source import Content, Source, Track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._recording import Recording

_ALIAS_RATIO = 0.8
_TOLERANCE_S = 1e-9
_MAX_SAMPLES = 2**31


@dataclass(frozen=True)
class Resampled(Source):
    """Another source on a uniform clock of ``sfreq`` Hz."""

    inner: Source
    sfreq: float
    file: str

    @classmethod
    def of(cls, inner: Source, uniform: bool, sfreq: float, method: str, file: str) -> Resampled:
        """Check a request for a new clock before anything is computed."""
        if method != "hold":
            raise EmgIoError("unknown resampling method", file=file, place="method", expected="hold", found=method)
        if not (np.isfinite(sfreq) and sfreq > 0):
            raise EmgIoError("not a rate", file=file, place="sfreq", expected="Hz, > 0", found=str(sfreq))
        have = inner.header().sfreq
        if sfreq < have * (1.0 if uniform else _ALIAS_RATIO):
            raise EmgIoError(
                "holding has no anti-alias filter: resample at the rate the data has, low-pass, then decimate",
                file=file,
                place="sfreq",
                expected=f"at least {have if uniform else _ALIAS_RATIO * have:.3f} Hz",
                found=f"{sfreq:g}",
            )
        return cls(inner, sfreq, file)

    def recording(self, old: Recording) -> Recording:
        """Return the old recording with this source as its reader."""
        return replace(old, uniform=True, reader=self)

    def load(self) -> Content:
        """Resample signal and tracks by holding."""
        old = self.inner.content()
        n_samples = old.raw.shape[1]
        stamps = np.arange(n_samples) / old.sfreq if old.timestamps is None else old.timestamps
        take = hold_index(stamps, self.sfreq)
        tracks = {name: Track(name, track.values[take], track.names) for name, track in old.tracks.items()}
        metadata = {**old.metadata, "t0": float(stamps[0]) if n_samples else 0.0, "resampled": "hold"}
        return Content(old.raw[:, take], self.sfreq, None, tracks, metadata)


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
    if n_ticks > _MAX_SAMPLES:
        raise EmgIoError(
            "resampled recording is too long", place="sfreq", expected=f"< {_MAX_SAMPLES}", found=str(n_ticks)
        )
    ticks = stamps[0] + np.arange(n_ticks) / sfreq
    last: NDArray[np.intp] = np.searchsorted(stamps, ticks + _TOLERANCE_S, side="right") - 1
    return last
