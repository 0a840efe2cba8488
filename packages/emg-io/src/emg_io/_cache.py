"""What was read last, kept within bounds: contents by their bytes, headers by their number."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CACHE_BYTES = 512 * 2**20
CACHED_HEADERS = 100_000


class Arrays(Protocol):
    """Whatever holds arrays that are shared, and so read-only."""

    @property
    def arrays(self) -> list[NDArray[np.generic]]:
        """Every array held."""


_Held = TypeVar("_Held", bound=Arrays)
_Header = TypeVar("_Header")


def frozen(notes: _Held) -> _Held:
    """Make every array read-only, because callers share them."""
    for array in notes.arrays:
        array.flags.writeable = False
    return notes


class Contents:
    """Contents used last, bounded in bytes; safe between threads, empty in a new process."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._lock = limit, OrderedDict[Hashable, Arrays](), threading.Lock()
        self._bytes = 0

    def renew(self) -> None:
        """Replace the lock; if somebody held it, start empty."""
        if self._lock.locked():
            self._held, self._bytes = OrderedDict(), 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], _Held]) -> _Held:
        """Return a content, loading it if it is not here."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]  # type: ignore[return-value]
        content = frozen(load())
        with self._lock:
            self._bytes += _nbytes(content) - (_nbytes(self._held[key]) if key in self._held else 0)
            self._held[key] = content
            while len(self._held) > 1 and (self._bytes > self._limit or len(self._held) > CACHED_HEADERS):
                self._bytes -= _nbytes(self._held.popitem(last=False)[1])
        return content


class Headers:
    """Headers used last, bounded in number; safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._lock = limit, OrderedDict[Hashable, Any](), threading.Lock()

    def renew(self) -> None:
        """Replace the lock; if somebody held it, start empty."""
        if self._lock.locked():
            self._held = OrderedDict()
        self._lock = threading.Lock()

    def get(self, source: Hashable, scan: Callable[[], _Header]) -> _Header:
        """Return a header, scanning for it if it is not here."""
        with self._lock:
            if source in self._held:
                found: _Header = self._held[source]
                return found
        header = scan()
        with self._lock:
            self._held[source] = header
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
        return header

    def forget(self, source: Hashable) -> None:
        """Drop a header."""
        with self._lock:
            self._held.pop(source, None)


def _nbytes(notes: Arrays) -> int:
    """Return the memory held by arrays, bytes."""
    return sum(array.nbytes for array in notes.arrays)


CONTENTS = Contents(CACHE_BYTES)
HEADERS = Headers(CACHED_HEADERS)


def _after_fork() -> None:
    """Give a forked process locks that nobody holds; what another thread was changing meanwhile is forgotten."""
    for cache in (CONTENTS, HEADERS):
        cache.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
