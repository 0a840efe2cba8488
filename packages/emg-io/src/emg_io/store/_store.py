"""The window store: recordings as memory-mapped shards, for training loops that fetch windows at random."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from . import _write
from ._files import Maps, damage_of
from ._pool import run_all
from ._ranges import Ranges, ranges_of
from ._read import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from numpy.typing import ArrayLike, NDArray

    from emg_io._recording import Recording

    from ._manifest import Entry, Manifest, Montage, Normalisation, Parts, Signal


class WindowStore:
    """Recordings of one rate, unit and channel count on disk, time-major, mapped into memory.

    Make one with `prepare` or `create`, reach one with `open`. It pickles as its path: each process maps it anew.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> recording = Recording.from_array(np.arange(16, dtype=np.int8).reshape(2, 8), 100.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = WindowStore.create(folder + "/store", [recording])
    ...     store.raw(0, 3, 2).tolist()
    [[3, 4], [11, 12]]
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._samples = Maps(folder, manifest, "samples")
        self._tracks = {track: Maps(folder, manifest, track) for track in manifest.tracks}
        self._spans = [(entry.shard, entry.offset, entry.length) for entry in manifest.entries]
        self._longest = max((entry.length for entry in manifest.entries), default=0)
        self._rows = np.array([entry.calibration for entry in manifest.entries], np.intp)
        self._scales = _table([row.scale for row in manifest.calibrations], manifest.signal.n_chans)
        self._offsets = _table([row.offset for row in manifest.calibrations], manifest.signal.n_chans)
        self._shifted = bool(self._offsets.any())
        self._ranges: dict[str | None, Ranges] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return WindowStore.open, (self.folder,)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        recordings: Iterable[Recording],
        *,
        tracks: Iterable[str] | None = None,
        shard_samples: int | None = None,
    ) -> WindowStore:
        """Write a new store from recordings at hand; see `prepare` for data sets.

        Parameters
        ----------
        folder
            Must not exist or be empty; it appears whole or not at all.
        recordings
            One or more, uniform, alike in channels, dtype, rate and unit.
        tracks
            Annotations to store; by default ``"label"`` if the first recording has it. All recordings must have them.
        shard_samples
            Samples after which a new shard begins, >= 1; recordings are not cut. By default some 256 MiB.

        Returns
        -------
        WindowStore
        """
        _write.create(Path(folder), recordings, tracks, shard_samples)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> WindowStore:
        """Open a store: reads the manifest, and refuses files whose size disagrees; maps nothing yet."""
        where = Path(folder)
        store = cls(where, read_manifest(where))
        for maps, shard in store._files():
            maps.proof(shard).check_size()
        return store

    def append(self, recordings: Iterable[Recording], *, shard_samples: int | None = None) -> WindowStore:
        """Add recordings in new shards to what the folder holds now, and return the longer store.

        They belong to no part of the split. A crash leaves the old store whole; other writers are kept out meanwhile.
        """
        _write.append(self.folder, recordings, shard_samples)
        return WindowStore.open(self.folder)

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The recordings in the store."""
        return self.manifest.entries

    @property
    def signal(self) -> Signal:
        """Channels, dtype, rate and unit, the same for all recordings."""
        return self.manifest.signal

    @property
    def split(self) -> Parts | None:
        """The split the store was prepared with, in its own coordinates."""
        return self.manifest.split

    @property
    def normalisation(self) -> Normalisation | None:
        """Mean and standard deviation per channel over the training part; None where the split has none."""
        return self.manifest.normalisation

    def montage(self, entry: int) -> Montage:
        """Return channel names and layout of a recording."""
        self._span(entry)
        return self.manifest.montages[self.entries[entry].montage]

    def label_names(self, track: str | None = None) -> Mapping[int, str]:
        """Return the meaning of a track's values; by default the first track."""
        return self.manifest.tracks[self._track(track).kind]

    def raw(self, entry: int, start: int, length: int) -> NDArray[np.generic]:
        """Return a window as stored: a read-only (channels, length) view of the map, nothing copied."""
        shard, offset, size = self._spans[entry] if 0 <= entry < len(self._spans) else self._span(entry)
        if not 0 <= start <= start + length <= size:
            raise self._outside(entry, start, length)
        return self._samples.get(shard)[offset + start : offset + start + length].T

    def window(self, entry: int, start: int, length: int) -> NDArray[np.float32]:
        """Return a window in `signal.unit`, (channels, length) float32, a copy."""
        return self.windows([entry], [start], length).reshape(self.signal.n_chans, length)

    def labels(self, entry: int, start: int, length: int, track: str | None = None) -> NDArray[np.int16]:
        """Return a track's values in a window, (length,) int16, a read-only view; by default the first track."""
        shard, offset, size = self._span(entry)
        if not 0 <= start <= start + length <= size:
            raise self._outside(entry, start, length)
        return self._track(track).get(shard)[offset + start : offset + start + length]

    def windows(
        self, entries: Sequence[int], starts: Sequence[int], length: int, part: str | None = None
    ) -> NDArray[np.float32]:
        """Return many windows, (n, channels, length) float32, in `signal.unit`.

        Where ``part`` is named, a window that is not wholly its own raises `EmgIoError`, and so does one that straddles
        two trials.
        """
        if part is not None:
            self._within(part).refuse_outside(_whole(entries), _whole(starts), length)
        if not 0 <= length <= self._longest:
            raise EmgIoError(
                "window lies outside its recording",
                file=str(self.folder),
                place="length",
                expected=f"0..{self._longest}, the longest recording",
                found=str(length),
            )
        out = np.empty((len(entries), self.signal.n_chans, length), np.float32)
        for row, (entry, start) in enumerate(zip(entries, starts, strict=True)):
            out[row] = self.raw(entry, start, length)
        rows = self._rows[_whole(entries)] if len(self._scales) > 1 else slice(1)
        out *= self._scales[rows]
        if self._shifted:
            out += self._offsets[rows]
        return out

    def draw(self, n: int, length: int, rng: np.random.Generator, part: str | None = None) -> list[tuple[int, int]]:
        """Draw ``n`` windows of ``length`` > 0 samples, every possible window equally likely: (entry, start) pairs.

        A window lies in one recording, in one trial where trials were laid end to end, and in one span of ``part``.
        """
        return self._within(part).draw(n, length, rng)

    def tile(self, length: int, hop: int, part: str | None = None) -> list[tuple[int, int]]:
        """Return all windows ``hop`` samples apart, from the start of every span on: (entry, start) pairs."""
        return self._within(part).tile(length, hop)

    def damage(self, executor: Executor | None = None) -> list[EmgIoError]:
        """Read every file and return what disagrees with the manifest, in order."""
        return [
            error
            for error in run_all(damage_of, (maps.proof(shard) for maps, shard in self._files()), executor)
            if error is not None
        ]

    def verify(self, executor: Executor | None = None) -> None:
        """Read every file and compare its sha256 with the manifest; raise `EmgIoError` naming all that differ."""
        found = self.damage(executor)
        if len(found) > 1:
            names = ", ".join(Path(str(error.file)).name for error in found)
            raise EmgIoError("shards are damaged", file=str(self.folder), place=f"{len(found)} files", found=names)
        if found:
            raise found[0]

    def _files(self) -> list[tuple[Maps, int]]:
        """Return every file: its kind and its shard."""
        kinds = [self._samples, *self._tracks.values()]
        return [(maps, shard) for shard in range(len(self.manifest.shards)) for maps in kinds]

    def _within(self, part: str | None) -> Ranges:
        """Return where the windows of a part may lie."""
        if part not in self._ranges:
            self._ranges[part] = ranges_of(self.manifest, part)
        return self._ranges[part]

    def _span(self, entry: int) -> tuple[int, int, int]:
        """Return shard, offset and length of an entry."""
        if not 0 <= entry < len(self._spans):
            raise EmgIoError(
                "no such recording in the store",
                file=str(self.folder),
                place="entry",
                expected=f"0 <= entry < {len(self._spans)}",
                found=str(entry),
            )
        return self._spans[entry]

    def _track(self, track: str | None) -> Maps:
        """Return the files of a track."""
        name = next(iter(self._tracks), "") if track is None else track
        if name not in self._tracks:
            raise EmgIoError(
                "no such track in the store",
                file=str(self.folder),
                place="track",
                expected=", ".join(self._tracks) or "none at all",
                found=str(track),
            )
        return self._tracks[name]

    def _outside(self, entry: int, start: int, length: int) -> EmgIoError:
        return EmgIoError(
            "window lies outside its recording",
            file=str(self.folder),
            place=f"entry {entry}",
            expected=f"0 <= start, start + length <= {self._spans[entry][2]}, length >= 0",
            found=f"start {start}, length {length}",
        )


def _table(rows: list[float | tuple[float, ...]], n_chans: int) -> NDArray[np.float32]:
    """Return numbers per calibration and channel, (calibrations, channels, 1) float32."""
    return np.array([np.broadcast_to(row, n_chans) for row in rows], np.float32).reshape(len(rows), n_chans, 1)


def _whole(values: ArrayLike) -> NDArray[np.int64]:
    """Return a row of numbers as int64."""
    try:
        return np.asarray(values, np.int64).reshape(-1)
    except (OverflowError, ValueError, TypeError) as error:
        raise EmgIoError("not a row of windows", place="entries, starts", found=str(error)) from None
