"""One XDF stream as it is put together, chunk by chunk: header, places of its samples, stamps, clock offsets."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from ._xdf_clock import Clock, common_clock, ends_astray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._xdf_xml import Element


def _places() -> array[int]:
    """Make an empty list of places, eight bytes each."""
    return array("q")


def _times() -> array[float]:
    """Make an empty list of times, eight bytes each."""
    return array("d")


@dataclass
class XdfStream:
    """One stream: its header, where its samples lie, its clock.

    Attributes
    ----------
    number
        As the chunks call it.
    header, footer
        XML; the footer is None where the file ends before it.
    n_chans, sfreq, dtype
        Channels; nominal rate in Hz, 0 for irregular streams; dtype code of the values, ``""`` for texts.
    starts, lengths, firsts
        Byte, length and first sample of each samples chunk.
    stamps
        (time,) seconds of the stream's own clock; NaN where a sample has none.
    measured
        Clock offsets: own time and what is to be added, s.
    texts
        Samples of a stream of texts, (time, channels).
    """

    number: int
    header: Element
    n_chans: int
    sfreq: float
    dtype: str
    footer: Element | None = None
    starts: array[int] = field(default_factory=_places)
    lengths: array[int] = field(default_factory=_places)
    firsts: array[int] = field(default_factory=_places)
    stamps: array[float] = field(default_factory=_times)
    measured: list[tuple[float, float]] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def n_samples(self) -> int:
        """Number of samples per channel."""
        return len(self.stamps)

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.header.value("name")

    @property
    def kind(self) -> str:
        """Content type: ``"EMG"``, ``"Markers"``, ..."""
        return self.header.value("type")

    @property
    def regular(self) -> bool:
        """Whether samples come at equal steps: a rate is declared, and that none is dropped."""
        dropping = self.header.value("desc", "synchronization", "can_drop_samples").casefold() == "true"
        return self.sfreq > 0 and not dropping

    def clock(self, file: str) -> Clock:
        """Put the stream on the common clock."""
        stamps = np.array(self.stamps)
        if len(stamps) and np.isnan(stamps[0]):
            raise EmgIoError("first sample has no time stamp", file=file, place=f"stream {self.number} ({self.name})")
        times, offsets = self._measured()
        return common_clock(stamps, self.sfreq, times, offsets, regular=self.regular)

    def drop_stray_end(self) -> int:
        """Drop the samples beyond the footer's count where the last clock offset is astray too; return their number.

        A sender that goes away leaves one sample and one offset of garbage; a count that is too low alone is no proof.
        """
        count = number_of(self.footer.value("sample_count")) if self.footer else math.inf
        times, offsets = self._measured()
        if not 0 <= count < self.n_samples or not ends_astray(times, offsets):
            return 0
        dropped = self.n_samples - int(count)
        self.measured.pop()
        del self.stamps[int(count) :], self.texts[int(count) :]
        return dropped

    def _measured(self) -> NDArray[np.float64]:
        """Return the clock offsets: times, and what is to be added."""
        return np.array(self.measured, float).reshape(-1, 2).T


def number_of(text: str) -> float:
    """Read a number; NaN where it is none."""
    try:
        value = float(text) if len(text) < 40 else math.nan
    except ValueError:
        return math.nan
    return value
