"""The bytes of one MAT v5 element at any offset, straight from the file or inflated on the way."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    from numpy.typing import NDArray

_INPUT_BYTES = 256 * 2**10
_CHUNK_BYTES, _BULK_BYTES = 128 * 2**10, 2**20
_MARK_EVERY, _MARK_TAKEN_EVERY = 4 * 2**20, 2**20
_REMEMBERED = 8


@dataclass(frozen=True)
class Site:
    """Where an element lies: offsets in error messages count from here.

    Attributes
    ----------
    file
        Name of the file.
    base
        Offset of the element's tag in the file, bytes.
    compressed
        Whether offsets inside count inflated bytes.
    """

    file: str
    base: int
    compressed: bool = False

    def error(self, at: int, what: str, expected: str, found: str) -> EmgIoError:
        """Make the error for an offset inside the element."""
        spot = f"byte {self.base}, inflated byte {at}" if self.compressed else f"byte {self.base + at}"
        return EmgIoError(
            "not a sound MAT v5 file", file=self.file, place=f"{spot}, {what}", expected=expected, found=found
        )


class Window(Protocol):
    """Bytes of an element, its tag at offset 0."""

    site: Site
    size: int

    def take(self, at: int, n_bytes: int) -> bytes:
        """Return some bytes; fewer where the element ends."""

    def fill(self, at: int, out: NDArray[np.uint8]) -> None:
        """Read bytes into an array."""

    def finish(self) -> None:
        """Check that the element ends where its tag says, checksum included."""


class Plain:
    """An element that lies in the file as it is."""

    def __init__(self, stream: BinaryIO, size: int, site: Site) -> None:
        self._stream, self.size, self.site = stream, size, site

    def take(self, at: int, n_bytes: int) -> bytes:
        """Return some bytes; fewer where the element ends."""
        self._stream.seek(self.site.base + at)
        return self._stream.read(max(0, min(n_bytes, self.size - at)))

    def fill(self, at: int, out: NDArray[np.uint8]) -> None:
        """Read bytes into an array."""
        self._stream.seek(self.site.base + at)
        got, view = 0, out.data
        while got < len(view):
            more = self._stream.readinto(view[got:])  # type: ignore[attr-defined]
            if not more:
                raise self.site.error(at, "numbers", f"{len(view)} bytes", f"{got} bytes: file was cut")
            got += more

    def finish(self) -> None:
        """Nothing is left to check: sizes were compared with the file."""


class _Mark(NamedTuple):
    """State of the inflater at an offset, so that reading can go on there."""

    chunk_at: int
    chunk: bytes
    inflater: Any
    n_used: int


class Inflating:
    """A compressed element, inflated forwards; every few MiB the state is kept, so that going back costs little.

    Parameters
    ----------
    stream
        The file.
    n_bytes
        Length of the zlib stream, which starts 8 bytes after the element's tag.
    size
        Inflated bytes that the element declares; not one more is inflated.
    site
        Where the element lies.
    key
        Identity of the element's bytes across windows, or None: with one, the states kept serve later windows too.
    """

    def __init__(self, stream: BinaryIO, n_bytes: int, size: int, site: Site, key: Hashable = None) -> None:
        self._stream, self._n_bytes, self.size, self.site = stream, n_bytes, size, site
        self._marks: list[_Mark] = [] if key is None else _MARKS.of(key)
        self._chunk_at, self._chunk, self._n_fed, self._tail = 0, b"", 0, b""
        self._inflater: Any = zlib.decompressobj()

    def take(self, at: int, n_bytes: int) -> bytes:
        """Return some bytes; fewer where the element ends."""
        stop = min(at + n_bytes, self.size)
        self._go(at)
        if self._chunk_at + len(self._chunk) < stop:
            self._chunk_at, self._chunk = at, self._chunk[at - self._chunk_at :]
        while self._chunk_at + len(self._chunk) < stop:
            self._chunk += self._pull(_CHUNK_BYTES)
        self._mark(_MARK_TAKEN_EVERY)
        return self._chunk[at - self._chunk_at : stop - self._chunk_at]

    def fill(self, at: int, out: NDArray[np.uint8]) -> None:
        """Read bytes into an array."""
        self._go(at)
        view, got = out.data, 0
        while got < len(view):
            ready = self._chunk[at + got - self._chunk_at : at + len(view) - self._chunk_at]
            view[got : got + len(ready)] = ready
            got += len(ready)
            if got < len(view):
                self._next(min(len(view) - got, _BULK_BYTES))

    def finish(self) -> None:
        """Inflate the rest: the stream must end at the declared size, with its checksum, and fill its element."""
        self._go(self.size)
        over = self._pull(1, at_end=True)
        if over or not self._inflater.eof:
            raise self._bad(f"{self.size} bytes", "more" if over else "no end of stream")
        n_left = len(self._inflater.unused_data) + self._n_bytes - self._n_fed
        if n_left:
            raise self._bad("an element filled by its zlib stream", f"{n_left} bytes after it")

    def _go(self, at: int) -> None:
        """Move the chunk so that it starts at or before an offset and ends at or after it."""
        if self._chunk_at <= at <= self._chunk_at + len(self._chunk):
            return
        best = max((mark for mark in self._marks if mark.chunk_at <= at), key=lambda mark: mark.chunk_at, default=None)
        if at < self._chunk_at or (best is not None and best.chunk_at > self._chunk_at + len(self._chunk)):
            self._resume(best or _Mark(0, b"", zlib.decompressobj(), 0))
        while self._chunk_at + len(self._chunk) < at:
            self._next(min(at - self._chunk_at - len(self._chunk), _CHUNK_BYTES))
            self._mark(_MARK_EVERY)

    def _next(self, limit: int) -> None:
        """Replace the chunk by the one after it, no longer than a limit."""
        self._chunk_at, self._chunk = self._chunk_at + len(self._chunk), self._pull(limit)

    def _pull(self, limit: int, *, at_end: bool = False) -> bytes:
        """Inflate some more bytes, at least one unless the end is wanted."""
        while True:
            if not self._tail and self._n_fed < self._n_bytes:
                self._tail = self._feed()
            done = not self._tail
            try:
                data: bytes = self._inflater.decompress(self._tail, limit)
            except zlib.error as error:
                raise self._bad("a zlib stream", str(error)) from None
            self._tail = self._inflater.unconsumed_tail
            if data or (at_end and (done or self._inflater.eof)):
                return data
            if done or self._inflater.eof:
                state = "checksum reached" if self._inflater.eof else "no end of stream"
                raise self._bad(f"{self.size} bytes", f"{self._chunk_at + len(self._chunk)} bytes, {state}")

    def _feed(self) -> bytes:
        """Read the next piece of the zlib stream."""
        self._stream.seek(self.site.base + 8 + self._n_fed)
        data = self._stream.read(min(_INPUT_BYTES, self._n_bytes - self._n_fed))
        if not data:
            raise self._bad(f"{self._n_bytes} bytes", f"{self._n_fed} bytes: file was cut")
        self._n_fed += len(data)
        return data

    def _mark(self, step: int) -> None:
        """Keep the state of the inflater, if the last one kept is that far behind."""
        if self._chunk_at >= (self._marks[-1].chunk_at if self._marks else 0) + step:
            n_used = self._n_fed - len(self._tail)
            self._marks.append(_Mark(self._chunk_at, self._chunk, self._inflater.copy(), n_used))

    def _resume(self, mark: _Mark) -> None:
        """Go on from a state kept."""
        self._chunk_at, self._chunk, self._n_fed, self._tail = mark.chunk_at, mark.chunk, mark.n_used, b""
        self._inflater = mark.inflater.copy()

    def _bad(self, expected: str, found: str) -> EmgIoError:
        """Make the error for the stream as a whole."""
        return Site(self.site.file, self.site.base).error(0, "compressed element", expected, found)


class _Marks:
    """States kept for the elements used last; safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._lock = limit, OrderedDict[Any, list[_Mark]](), threading.Lock()

    def of(self, key: Hashable) -> list[_Mark]:
        """Return the list of an element, empty at first."""
        with self._lock:
            marks = self._held.setdefault(key, [])
            self._held.move_to_end(key)
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
            return marks

    def forget(self, owner: Hashable) -> None:
        """Drop the lists whose key starts with ``owner``."""
        with self._lock:
            for key in [key for key in self._held if key[0] == owner]:
                del self._held[key]


_MARKS = _Marks(_REMEMBERED)


def forget(owner: Hashable) -> None:
    """Forget what is remembered about a file, named as in the argument ``key`` of `MatFile.scan`."""
    _MARKS.forget(owner)
