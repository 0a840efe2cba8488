"""One XDF file as a session: its streams on the common clock, and what may stand beside the EMG."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Aux, Event
from emg_io.engines._xdf import MAX_SFREQ, XdfFile, index_xdf, open_xdf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._xdf_clock import Clock
    from emg_io.engines._xdf_stream import XdfStream
    from emg_io.engines._xdf_xml import Element

MARKERS = {"marker", "markers", "event", "events", "trigger", "triggers", "stim"}
MAX_EVENTS = 2_000_000
_FILLED_VALUES = 2**20
_UNITS = {"v": "V", "volt": "V", "volts": "V", "mv": "mV", "millivolt": "mV", "millivolts": "mV"}
_UNITS |= dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts"), "uV")


@dataclass(frozen=True, eq=False)
class Session:
    """A file's streams, and their clocks by number."""

    container: Container
    member: Member
    xdf: XdfFile
    clocks: dict[int, Clock]
    cut: bool

    @property
    def file(self) -> str:
        """How messages name the file."""
        return self.container.label(self.member.name)

    def values(self, number: int, start: int, stop: int) -> NDArray[np.generic]:
        """Read samples of a stream of numbers: (channels, time)."""
        with self.container.open(self.member.name) as raw:
            stream, _, _ = open_xdf(raw, self.member.size, compressed=is_compressed(self.member), file=self.file)
            return self.xdf.values(stream, number, start, stop)

    def uniform(self, number: int) -> bool:
        """Tell whether a stream is regular and without breaks and clock resets."""
        return self.xdf.streams[number].regular and self.clocks[number].parts == (0,) and self.rate(number) > 0

    def rate(self, number: int) -> float:
        """Return the rate of a stream in Hz: as measured, or as declared where there is one sample; else 0."""
        nominal = self.xdf.streams[number].sfreq if self._n_samples(number) == 1 else 0.0
        rate = self.clocks[number].sfreq or nominal
        return rate if rate <= MAX_SFREQ else 0.0

    def label(self, number: int) -> str:
        """Return the name of a stream, with its number where two share a name."""
        name = self.xdf.streams[number].name or f"stream {number}"
        again = [other for other in self.xdf.streams.values() if other.name == name]
        return f"{name} ({number})" if len(again) > 1 else name

    def markers(self) -> list[int]:
        """Return the streams of texts, and those that declare themselves markers."""
        streams = self.xdf.streams.values()
        return [s.number for s in streams if not s.dtype or (s.kind.casefold() in MARKERS and s.n_chans == 1)]

    def events(self, t0: float) -> tuple[Event, ...]:
        """Return what the marker streams hold, in order of onset; onsets count from ``t0``, s, and may be negative."""
        if sum(self._n_samples(number) for number in self.markers()) > MAX_EVENTS:
            raise EmgIoError("too many markers", file=self.file, place="marker streams", expected=f"<= {MAX_EVENTS}")
        found = []
        for number in self.markers():
            stream, stamps = self.xdf.streams[number], self.clocks[number].stamps
            words = ["\t".join(row) for row in stream.texts] if not stream.dtype else self._numbers(number)
            found += [Event(t - t0, 0.0, self.label(number), w) for t, w in zip(stamps.tolist(), words, strict=True)]
        return tuple(sorted(found, key=lambda event: event.onset))

    def beside(self, chosen: set[int]) -> dict[str, int]:
        """Return the streams that can stand beside the EMG as signals: numbers, a rate, a clock that runs forwards."""
        taken = chosen | set(self.markers())
        return {self.label(n): n for n in self.xdf.streams if n not in taken and self._is_signal(n)}

    def left_out(self, chosen: set[int]) -> tuple[str, ...]:
        """Say which streams are neither EMG nor markers nor signals."""
        taken = chosen | set(self.markers()) | set(self.beside(chosen).values())
        return tuple(f"stream {self.label(n)} left out: no usable clock" for n in self.xdf.streams if n not in taken)

    def aux(self, name: str, number: int, t0: float, duration: float) -> Aux:
        """Put a stream on a clock that starts with the EMG: the nearest sample where it is regular, else the last one.

        Times before its first sample are NaN; it ends with the EMG, or before it with its own last sample.
        """
        stream, clock, rate = self.xdf.streams[number], self.clocks[number], self.rate(number)
        n_times = max(1, int(min(duration, float(clock.stamps[-1]) - t0) * rate + 1e-6) + 1)
        limit = max(_FILLED_VALUES, self.member.size // 4)
        if (n_times - stream.n_samples) * stream.n_chans > limit:
            raise EmgIoError(
                "stream begins too long after the EMG",
                file=self.file,
                place=name,
                expected=f"<= {limit} values to fill",
                found=f"{n_times - stream.n_samples} x {stream.n_chans}",
            )
        times = t0 + np.arange(n_times) / rate
        nearest = np.rint((times - clock.stamps[0]) * rate)
        last = np.searchsorted(clock.stamps, times, "right") - 1.0
        index = np.where(self.uniform(number), nearest, last).clip(-1, stream.n_samples - 1).astype(np.intp)
        covered = (index >= 0) & (times <= clock.stamps[-1] + 1.0 / rate)
        values = self.values(number, 0, stream.n_samples)[:, np.where(covered, index, 0)]
        if not covered.all():
            values = values.astype(np.float64)
            values[:, ~covered] = np.nan
        return Aux(name, values, rate, raw_unit(stream) or "unknown", labels(stream))

    def _n_samples(self, number: int) -> int:
        """Return the samples of a stream."""
        return self.xdf.streams[number].n_samples

    def _numbers(self, number: int) -> list[str]:
        """Return the values of a marker stream of numbers as texts."""
        return [str(value) for value in self.values(number, 0, self._n_samples(number))[0].tolist()]

    def _is_signal(self, number: int) -> bool:
        """Tell whether a stream has a rate and a clock that never runs backwards."""
        stamps = self.clocks[number].stamps
        return self.rate(number) > 0 and len(stamps) > 1 and bool((np.diff(stamps) >= 0).all())


@lru_cache(maxsize=8)
def session_of(container: Container, member: Member) -> Session:
    """Go through a file once and put its streams on the common clock."""
    file = container.label(member.name)
    with container.open(member.name) as raw:
        stream, size, cut = open_xdf(raw, member.size, compressed=is_compressed(member), file=file)
        xdf = index_xdf(stream, size, file)
    return Session(container, member, xdf, {n: found.clock(file) for n, found in xdf.streams.items()}, cut)


def is_compressed(member: Member) -> bool:
    """Tell by the name."""
    return not member.name.casefold().endswith(".xdf")


def labels(stream: XdfStream) -> tuple[str, ...]:
    """Return the channels' labels where the header has one for each, all different; else none."""
    found = tuple(channel.value("label") for channel in _channels(stream))
    return found if len(found) == stream.n_chans == len(set(found)) and "" not in found else ()


def raw_unit(stream: XdfStream) -> str:
    """Return the unit that all channels share, as written; ``""`` where they do not."""
    found = {channel.value("unit") for channel in _channels(stream)}
    return found.pop() if len(found) == 1 else ""


def voltage(stream: XdfStream) -> str:
    """Return V, mV or uV where the header says so of all channels, else ``"unknown"``."""
    return _UNITS.get(raw_unit(stream).casefold(), "unknown")


def _channels(stream: XdfStream) -> list[Element]:
    """Return the descriptions of the channels."""
    described = stream.header.find("desc", "channels")
    return [child for child in described.children if child.tag == "channel"] if described else []
