"""What a format's reader hands over: header, samples, annotations, each read on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ._cache import CONTENTS, HEADERS, frozen
from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Track:
    """Integer annotation of every sample.

    Attributes
    ----------
    name
        ``"label"``, ``"repetition"``, ...
    values
        (time,) integers, read-only.
    names
        Meaning of each value that may occur; empty where values are plain numbers.
    """

    name: str
    values: NDArray[np.integer]
    names: Mapping[int, str] = field(default_factory=dict)


class Event(NamedTuple):
    """Something that happened at a time: ``onset`` and ``duration`` in s from the first sample, its kind, its text."""

    onset: float
    duration: float
    kind: str
    value: str


@dataclass(frozen=True, eq=False)
class Aux:
    """A signal recorded beside the EMG: glove, force, joint angles, accelerometer.

    Attributes
    ----------
    name
        ``"glove"``, ``"acc"``, ``"joint_angles"``, ...
    values
        (channels, time), read-only.
    sfreq
        Rate in Hz; the first sample coincides with the first EMG sample.
    unit
        ``"rad"``, ``"g"``, ``"N"``, ... or ``"unknown"``.
    channels
        Names of the rows, or empty.
    """

    name: str
    values: NDArray[np.generic]
    sfreq: float
    unit: str = "unknown"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """What can be told without reading samples: their number, rate in Hz, remarks, names of the signals beside them."""

    n_samples: int
    sfreq: float
    metadata: Mapping[str, object] = field(default_factory=dict)
    aux: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Annotations:
    """What a recording says of its samples: ``timestamps`` (time,) in s or None, tracks, events."""

    timestamps: NDArray[np.float64] | None = None
    tracks: Mapping[str, Track] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @property
    def arrays(self) -> list[NDArray[np.generic]]:
        """Every array held."""
        stamps = [] if self.timestamps is None else [self.timestamps]
        return [*stamps, *(track.values for track in self.tracks.values())]


@dataclass(frozen=True, eq=False)
class Content(Annotations):
    """Everything in one recording: annotations, ``raw`` (channels, time), signals beside it."""

    raw: NDArray[np.generic] = field(kw_only=True)
    sfreq: float = field(kw_only=True)
    metadata: Mapping[str, object] = field(default_factory=dict, kw_only=True)
    aux: Mapping[str, Aux] = field(default_factory=dict, kw_only=True)

    @property
    def arrays(self) -> list[NDArray[np.generic]]:
        """Every array held."""
        return [self.raw, *super().arrays, *(aux.values for aux in self.aux.values())]

    def header(self) -> Header:
        """Return number of samples, rate, remarks and names of the signals beside the EMG."""
        return Header(self.raw.shape[1], self.sfreq, self.metadata, tuple(self.aux))


class Source(ABC):
    """One recording's file, not read yet, for syntaxes that must be read whole (text, JSON, compressed blocks).

    Subclasses are frozen dataclasses: hashable and picklable.
    """

    @abstractmethod
    def load(self) -> Content:
        """Read the whole recording, checked; raise `EmgIoError` where the file breaks its format."""

    def scan(self) -> Header:
        """Find out number of samples, rate and remarks; formats whose files tell without being read override this."""
        return self.content().header()

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return raw samples ``start`` to ``stop``, (channels, stop - start), read-only; bounds are checked before."""
        return self.content().raw[:, start:stop]

    def annotations(self) -> Annotations:
        """Return time stamps, tracks and events."""
        return self.content()

    def aux(self, name: str) -> Aux:
        """Return one of the signals that the header names."""
        return self.content().aux[name]

    def check(self) -> None:
        """Read everything anew and raise `EmgIoError` where the file breaks its format."""
        HEADERS.forget(self)
        self.load()

    def content(self) -> Content:
        """Return the content, from the cache if it is there."""
        return CONTENTS.get(self, self.load)

    def header(self) -> Header:
        """Return number of samples, rate and remarks; read once."""
        return HEADERS.get(self, self.scan)


class RandomAccess(Source):
    """One recording's file in a syntax of which a slice can be read without the rest: EDF, WFDB, HDF5, npy."""

    @abstractmethod
    def scan(self) -> Header:
        """Read number of samples, rate and remarks from the header alone."""

    @abstractmethod
    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read raw samples ``start`` to ``stop``, (channels, stop - start), checked; no other bytes are touched."""

    def read_annotations(self) -> Annotations:
        """Read time stamps, tracks and events; the default is none."""
        return Annotations()

    def annotations(self) -> Annotations:
        """Return time stamps, tracks and events, from the cache if they are there."""
        return CONTENTS.get((self, "annotations"), self.read_annotations)

    def aux(self, name: str) -> Aux:
        """Read one of the signals that the header names; formats that have some override this."""
        raise EmgIoError(
            "no such signal beside the EMG", place="aux", expected=", ".join(self.header().aux), found=name
        )

    def check(self) -> None:
        """Read everything anew, block by block, and raise `EmgIoError` where the file breaks its format."""
        HEADERS.forget(self)
        header = self.scan()
        self.read_annotations()
        for name in header.aux:
            self.aux(name)
        first = self.samples(0, min(1, header.n_samples))
        step = max(1, _BLOCK_BYTES // max(1, first.nbytes))
        for start in range(0, header.n_samples, step):
            self.samples(start, min(start + step, header.n_samples))

    def load(self) -> Content:
        """Read the whole recording."""
        header, notes = self.scan(), self.read_annotations()
        return Content(
            notes.timestamps,
            notes.tracks,
            notes.events,
            raw=self.samples(0, header.n_samples),
            sfreq=header.sfreq,
            metadata=header.metadata,
            aux={name: self.aux(name) for name in header.aux},
        )


@dataclass(frozen=True, eq=False)
class InMemory(Source):
    """Content that exists in memory only."""

    held: Content

    def load(self) -> Content:
        """Return the content as given."""
        return frozen(self.held)

    def content(self) -> Content:
        """Return the content as given; it needs no cache."""
        return self.load()

    def header(self) -> Header:
        """Return the header of the content as given."""
        return self.held.header()
