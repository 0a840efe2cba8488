"""`ChunkQueue`: a source for devices that call back."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import TYPE_CHECKING, Literal, SupportsIndex

import numpy as np

from emg_dsp._arrays import as_signal
from emg_dsp._checks import among, number, whole
from emg_dsp._errors import EmgDspError

from .source import Gap, TimedChunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Array

_POLICIES = ("raise", "drop", "wait")


class ChunkQueue:
    """Chunks handed over from the thread of a device to the one that processes them.

    Iterating takes chunks in order and waits for the next; it ends after `close`, when all are taken, or at once after
    `stop`.

    Parameters
    ----------
    max_chunks : int
        Chunks that may wait, >= 1.
    when_full : {"raise", "drop", "wait"}
        What `put` does when so many are waiting: raise in the thread of the device; drop the oldest and put a `Gap` in
        their place; wait until one is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import ChunkQueue
    >>> queue = ChunkQueue(max_chunks=2, when_full="drop")
    >>> for n in (1, 2, 3):
    ...     queue.put(np.zeros((8, n)))
    >>> queue.close()
    >>> [getattr(item, "shape", item) for item in queue]
    [Gap(n_samples=1, time=None), (8, 2), (8, 3)]
    """

    def __init__(self, max_chunks: SupportsIndex, when_full: Literal["raise", "drop", "wait"] = "raise") -> None:
        if not among(when_full, _POLICIES):
            raise EmgDspError(f"when_full={when_full!r}; required is one of {', '.join(_POLICIES)}.")
        self._most = whole(max_chunks, "max_chunks", 1)
        self._when_full = when_full
        self._waiting: deque[tuple[Array, float | None]] = deque()
        self._changed = Condition()
        self._missing = 0
        self._n_dropped = 0
        self._closed = False

    @property
    def n_dropped(self) -> int:
        """Samples dropped since the start."""
        return self._n_dropped

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, chunk: ArrayLike, time: float | None = None) -> None:
        """Append a copy of samples (channels, n), with the time in seconds of the newest if it is known."""
        values = np.array(as_signal(chunk, "chunk"))
        if values.ndim != 2:
            raise EmgDspError(f"chunk has shape {values.shape}; required is (channels, n).")
        time = None if time is None else number(time, "time", "a time in seconds")
        with self._changed:
            self._make_room()
            if self._closed:
                raise EmgDspError("the queue is closed; required is one that is open. Stop the device first.")
            self._waiting.append((values, time))
            self._changed.notify_all()

    def _make_room(self) -> None:
        """Do what the policy says until a chunk fits."""
        while len(self._waiting) >= self._most and not self._closed:
            if self._when_full == "raise":
                raise EmgDspError(
                    f"{len(self._waiting)} chunks wait in a queue for {self._most}: processing is slower than the "
                    "device. Make max_chunks larger, or choose when_full='drop' or 'wait'."
                )
            if self._when_full == "wait":
                self._changed.wait()
            else:
                lost = self._waiting.popleft()[0].shape[1]
                self._missing += lost
                self._n_dropped += lost

    def close(self) -> None:
        """Say that no more chunks will come; those that wait are still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Close, and forget the chunks that wait."""
        with self._changed:
            self._waiting.clear()
            self._missing = 0
        self.close()

    def __iter__(self) -> Iterator[Array | TimedChunk | Gap]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                missing, self._missing = self._missing, 0
                values, time = self._waiting.popleft()
                self._changed.notify_all()
            if missing:
                yield Gap(missing)
            yield values if time is None else TimedChunk(values, time)
