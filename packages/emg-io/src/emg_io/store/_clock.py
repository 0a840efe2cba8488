"""Recordings on the clock of a store, and the check that they are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

from ._manifest import DTYPES, Signal

if TYPE_CHECKING:
    from emg_io._recording import Recording


@dataclass(frozen=True)
class Clock:
    """How recordings come by the rate of a store.

    ``sfreq`` in Hz is asked for, or None: then uniform recordings stay as they are, and stamped ones are held at
    ``nominal`` Hz, the data set's own rate, if it has one.
    """

    sfreq: float | None = None
    method: str = "hold"
    nominal: float | None = None

    def apply(self, recording: Recording) -> Recording:
        """Return a recording on a uniform clock; itself where nothing is to be done."""
        if recording.uniform and (self.sfreq is None or self.sfreq == recording.sfreq):
            return recording
        if self.sfreq is not None:
            return recording.resample(self.sfreq, self.method)
        if self.nominal is None:
            raise EmgIoError(
                "clock is not uniform: resample first, or name a rate",
                file=recording.source,
                place="sfreq",
                expected="a uniform clock",
            )
        return recording.resample(self.nominal)


def signal_of(recording: Recording) -> Signal:
    """Describe what the recordings of a store must agree on."""
    dtype = recording.raw(0, 0).dtype.newbyteorder("<").str
    if dtype not in DTYPES:
        raise EmgIoError(
            "samples cannot be stored", file=recording.source, place="dtype", expected=" ".join(DTYPES), found=dtype
        )
    return Signal(recording.n_chans, dtype, recording.sfreq, recording.unit)


def same_signal(recording: Recording, want: Signal) -> None:
    """Refuse a recording that does not fit the store."""
    found = signal_of(recording)
    if found != want:
        raise EmgIoError(
            "recording does not fit the store: give all one rate by sfreq, or store it apart",
            file=recording.source,
            place="signal",
            expected=str(want),
            found=str(found),
        )
