"""Where prepared recordings live: in memory, or in window stores of emg-io on disk; read by number either way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ._siblings import siblings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    import emg_io


class Signals(Protocol):
    """Prepared recordings by number; it pickles."""

    def frames(self, recording: int) -> NDArray[np.float32]:
        """Return a recording, (time, channels) float32, not to be written to."""
        ...


@dataclass(frozen=True, eq=False)
class MemorySignals:
    """Recordings in memory, each (time, channels)."""

    arrays: tuple[NDArray[np.float32], ...] = field(repr=False)

    def frames(self, recording: int) -> NDArray[np.float32]:
        """Return a recording."""
        return self.arrays[recording]


class StoreSignals:
    """Recordings in window stores, mapped into memory when they are asked for.

    Parameters
    ----------
    folders
        Window stores, whose recordings follow each other.
    places
        (number of the store, number of the recording in it) of each recording.
    """

    def __init__(self, folders: Sequence[Path], places: Sequence[tuple[int, int]]) -> None:
        self.folders, self.places = tuple(folders), tuple(places)
        self._stores: dict[int, emg_io.WindowStore] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return StoreSignals, (self.folders, self.places)

    def frames(self, recording: int) -> NDArray[np.float32]:
        """Return a recording as a view of its map."""
        number, entry = self.places[recording]
        if number not in self._stores:
            io, _ = siblings()
            self._stores[number] = io.WindowStore.open(self.folders[number])
        store = self._stores[number]
        return store.raw(entry, 0, store.entries[entry].length).T  # type: ignore[return-value]
