"""What a format's reader hands over: content read on demand, kept in one bounded cache."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_CACHE_BYTES = 512 * 2**20


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


@dataclass(frozen=True)
class Header:
    """What can be told without reading samples: their number, the rate in Hz and remarks."""

    n_samples: int
    sfreq: float
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Content:
    """Everything in one recording: ``raw`` (channels, time), ``timestamps`` (time,) in s or None, and tracks."""

    raw: NDArray[np.generic]
    sfreq: float
    timestamps: NDArray[np.float64] | None = None
    tracks: Mapping[str, Track] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory held by the arrays, bytes."""
        stamps = 0 if self.timestamps is None else self.timestamps.nbytes
        return self.raw.nbytes + stamps + sum(track.values.nbytes for track in self.tracks.values())

    def header(self) -> Header:
        """Return number of samples, rate and remarks."""
        return Header(self.raw.shape[1], self.sfreq, self.metadata)

    def freeze(self) -> Content:
        """Make every array read-only, because callers share them."""
        arrays = [self.raw, *(track.values for track in self.tracks.values())]
        for array in arrays if self.timestamps is None else [*arrays, self.timestamps]:
            array.flags.writeable = False
        return self


class Source(ABC):
    """One recording's file, not read yet. Subclasses are frozen dataclasses: hashable and picklable."""

    @abstractmethod
    def load(self) -> Content:
        """Read the whole recording, checked; raise `EmgIoError` where the file breaks its format."""

    def content(self) -> Content:
        """Return the content, from the cache if it is there."""
        return _CACHE.get(self)

    def header(self) -> Header:
        """Return number of samples, rate and remarks, from what is in the cache or else from `scan`."""
        held = _CACHE.peek(self)
        return self.scan() if held is None else held.header()

    def scan(self) -> Header:
        """Find out number of samples, rate and remarks; formats whose files tell without being read override this."""
        return self.content().header()


@dataclass(frozen=True, eq=False)
class InMemory(Source):
    """Content that exists in memory only."""

    held: Content

    def load(self) -> Content:
        """Return the content as given."""
        return self.held.freeze()

    def content(self) -> Content:
        """Return the content as given; it needs no cache."""
        return self.load()


class _Cache:
    """Contents used last, bounded in bytes; safe between threads, empty in a new process."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._lock = limit, OrderedDict[Source, Content](), threading.Lock()

    def peek(self, source: Source) -> Content | None:
        """Return a content if it is here."""
        with self._lock:
            return self._held.get(source)

    def get(self, source: Source) -> Content:
        """Return a content, loading it if it is not here."""
        with self._lock:
            if source in self._held:
                self._held.move_to_end(source)
                return self._held[source]
        content = source.load().freeze()
        with self._lock:
            self._held[source] = content
            while len(self._held) > 1 and sum(held.nbytes for held in self._held.values()) > self._limit:
                self._held.popitem(last=False)
        return content


_CACHE = _Cache(_CACHE_BYTES)
