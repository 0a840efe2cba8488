"""The window store: recordings as memory-mapped shards, for training loops that fetch windows at random."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._atomic import new_folder, write_bytes
from emg_io._errors import EmgIoError

from ._manifest import Entry, Manifest, Shard, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from emg_io._recording import Recording

SHARD_SAMPLES = 2**24
_LABEL_DTYPE = np.dtype("<i2")


class WindowStore:
    """Recordings of one rate, unit and channel count on disk, time-major, mapped into memory.

    Make one with `create`, reach one with `open`. It pickles as its path: each process maps the files anew.

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
        self._samples = [self._map(shard, "samples") for shard in manifest.shards]
        self._labels: list[NDArray[np.int16]] = [self._map(shard, "labels") for shard in manifest.shards]
        self._spans = [(entry.shard, entry.offset, entry.length) for entry in manifest.entries]

    def __reduce__(self) -> tuple[object, ...]:
        return WindowStore.open, (self.folder,)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        recordings: Iterable[Recording],
        *,
        track: str = "label",
        shard_samples: int = SHARD_SAMPLES,
    ) -> WindowStore:
        """Write a new store.

        Parameters
        ----------
        folder
            Must not exist or be empty; it appears whole or not at all.
        recordings
            One or more, uniform, alike in channels, dtype, rate, unit, scale and offset.
        track
            Annotation that becomes the labels; recordings without it get label 0 throughout.
        shard_samples
            Samples after which a new shard begins; recordings are not cut.

        Returns
        -------
        WindowStore
        """
        where = Path(folder)
        with new_folder(where) as made:
            source = iter(recordings)
            first = next(source, None)
            if first is None:
                raise EmgIoError(
                    "nothing to store", file=str(where), place="recordings", expected="one or more", found="0"
                )
            names = first.tracks[track].names if track in first.tracks else {}
            empty = cls(made, Manifest(_signal(first), dict(names)))
            empty.append(_chain(first, source), track=track, shard_samples=shard_samples)
        return cls.open(where)

    @classmethod
    def open(cls, folder: str | Path) -> WindowStore:
        """Open a store: reads the manifest, maps the shards, and refuses files whose size disagrees."""
        where = Path(folder)
        return cls(where, Manifest.read(where))

    def append(
        self, recordings: Iterable[Recording], *, track: str = "label", shard_samples: int = SHARD_SAMPLES
    ) -> WindowStore:
        """Add recordings in new shards and return the longer store; a crash leaves the old one whole."""
        shards, entries = list(self.manifest.shards), list(self.manifest.entries)
        for group in _groups(recordings, shard_samples):
            offset = 0
            for recording in group:
                self._refuse_other(recording, track)
                where = (len(shards), offset, recording.n_samples)
                entries.append(
                    Entry(*where, recording.subject, recording.session, recording.repetition, recording.source)
                )
                offset += recording.n_samples
            shards.append(self._write(f"shard-{len(shards):05d}", group, track, offset))
        manifest = replace(self.manifest, shards=tuple(shards), entries=tuple(entries))
        manifest.write(self.folder)
        return WindowStore(self.folder, manifest)

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The recordings in the store."""
        return self.manifest.entries

    @property
    def signal(self) -> Signal:
        """Channels, dtype, rate, unit, scale and offset, the same for all recordings."""
        return self.manifest.signal

    def raw(self, entry: int, start: int, length: int) -> NDArray[np.generic]:
        """Return a window as stored: a read-only (channels, length) view of the map, nothing copied."""
        shard, offset, size = self._spans[entry]
        if not 0 <= start <= start + length <= size:
            raise self._outside(entry, start, length)
        return self._samples[shard][offset + start : offset + start + length].T

    def window(self, entry: int, start: int, length: int) -> NDArray[np.float32]:
        """Return a window in `signal.unit`, (channels, length) float32, a copy."""
        values = self.raw(entry, start, length).astype(np.float32, order="C")
        values *= np.float32(self.signal.scale)
        values += np.float32(self.signal.offset)
        return values

    def labels(self, entry: int, start: int, length: int) -> NDArray[np.int16]:
        """Return the labels of a window, (length,) int16, a read-only view."""
        shard, offset, size = self._spans[entry]
        if not 0 <= start <= start + length <= size:
            raise self._outside(entry, start, length)
        return self._labels[shard][offset + start : offset + start + length]

    def windows(self, entries: Sequence[int], starts: Sequence[int], length: int) -> NDArray[np.float32]:
        """Return many windows, (n, channels, length) float32, in `signal.unit`."""
        out = np.empty((len(entries), self.signal.n_chans, length), np.float32)
        for row, (entry, start) in enumerate(zip(entries, starts, strict=True)):
            out[row] = self.raw(entry, start, length)
        out *= np.float32(self.signal.scale)
        out += np.float32(self.signal.offset)
        return out

    def draw(self, n: int, length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw ``n`` windows of ``length`` > 0 samples, every possible window equally likely: (entry, start) pairs."""
        if n < 0 or length < 1:
            raise EmgIoError("cannot draw that", place="n, length", expected=">= 0 and >= 1", found=f"{n}, {length}")
        room = np.array([max(0, size - length + 1) for _, _, size in self._spans], np.int64)
        ends = np.cumsum(room)
        if not len(ends) or ends[-1] == 0:
            raise EmgIoError("no recording is long enough", file=str(self.folder), place="length", found=str(length))
        picks = rng.integers(0, ends[-1], n)
        entries = np.searchsorted(ends, picks, side="right")
        starts = picks - (ends - room)[entries]
        return list(zip(entries.tolist(), starts.tolist(), strict=True))

    def verify(self) -> None:
        """Read every shard and compare its sha256 with the manifest; raise `EmgIoError` at the first that differs."""
        for shard in self.manifest.shards:
            for kind, want in (("samples", shard.sha256), ("labels", shard.labels_sha256)):
                found = _digest(self._path(shard, kind))
                if found != want:
                    raise EmgIoError(
                        "shard is damaged",
                        file=str(self._path(shard, kind)),
                        place="sha256",
                        expected=want,
                        found=found,
                    )

    def _write(self, name: str, group: list[Recording], track: str, n_samples: int) -> Shard:
        """Write the two files of a shard."""
        digests = {}
        for kind, blocks in (("samples", self._sample_blocks(group)), ("labels", _label_blocks(group, track))):
            digest = hashlib.sha256()
            write_bytes(self.folder / f"{name}.{kind}", _hashed(blocks, digest))
            digests[kind] = digest.hexdigest()
        return Shard(name, n_samples, digests["samples"], digests["labels"])

    def _sample_blocks(self, group: list[Recording]) -> Iterator[memoryview]:
        """Yield recordings time-major."""
        for recording in group:
            yield np.ascontiguousarray(recording.raw().T, np.dtype(self.signal.dtype)).reshape(-1).view(np.uint8).data

    def _refuse_other(self, recording: Recording, track: str) -> None:
        """Refuse a recording that does not fit the store."""
        found = _signal(recording)
        names = dict(recording.tracks[track].names) if track in recording.tracks else dict(self.manifest.label_names)
        if found != self.signal or names != dict(self.manifest.label_names):
            raise EmgIoError(
                "recording does not fit the store",
                file=recording.source,
                place="signal, label names",
                expected=str(self.signal),
                found=str(found) if found != self.signal else f"other label names: {names}",
            )

    def _map(self, shard: Shard, kind: str) -> NDArray[Any]:
        """Map one file, read-only."""
        path = self._path(shard, kind)
        dtype = np.dtype(self.signal.dtype) if kind == "samples" else _LABEL_DTYPE
        shape = (shard.n_samples, self.signal.n_chans) if kind == "samples" else (shard.n_samples,)
        want = int(np.prod(shape)) * dtype.itemsize
        found = path.stat().st_size if path.is_file() else None
        if found != want:
            raise EmgIoError(
                "shard is damaged", file=str(path), place="size", expected=f"{want} bytes", found=str(found)
            )
        return np.asarray(np.memmap(path, dtype, "r", shape=shape)) if want else np.zeros(shape, dtype)

    def _path(self, shard: Shard, kind: str) -> Path:
        return self.folder / f"{shard.name}.{kind}"

    def _outside(self, entry: int, start: int, length: int) -> EmgIoError:
        return EmgIoError(
            "window lies outside its recording",
            file=str(self.folder),
            place=f"entry {entry}",
            expected=f"0 <= start, start + length <= {self._spans[entry][2]}, length >= 0",
            found=f"start {start}, length {length}",
        )


def _signal(recording: Recording) -> Signal:
    """Describe what a store must agree on."""
    if not recording.uniform:
        raise EmgIoError(
            "clock is not uniform: resample first",
            file=recording.source,
            place="timestamps",
            expected="a uniform clock",
        )
    if isinstance(recording.scale, tuple) or isinstance(recording.offset, tuple):
        raise EmgIoError("channels are calibrated one by one", file=recording.source, place="scale, offset")
    dtype = recording.raw(0, 0).dtype.newbyteorder("<").str
    return Signal(recording.n_chans, dtype, recording.sfreq, recording.unit, recording.scale, recording.offset)


def _chain(first: Recording, rest: Iterator[Recording]) -> Iterator[Recording]:
    """Put a recording back in front."""
    yield first
    yield from rest


def _groups(recordings: Iterable[Recording], limit: int) -> Iterator[list[Recording]]:
    """Gather recordings into shards of at least one, of up to ``limit`` samples where possible."""
    group: list[Recording] = []
    size = 0
    for recording in recordings:
        if group and size + recording.n_samples > limit:
            yield group
            group, size = [], 0
        group.append(recording)
        size += recording.n_samples
    if group:
        yield group


def _label_blocks(group: list[Recording], track: str) -> Iterator[memoryview]:
    """Yield the labels of recordings as int16."""
    for recording in group:
        labels = recording.labels(track) if track in recording.tracks else np.zeros(recording.n_samples, np.int64)
        if labels.size and (labels.min() < -(2**15) or labels.max() >= 2**15):
            raise EmgIoError("label does not fit 16 bits", file=recording.source, place=track, found=str(labels.max()))
        yield labels.astype(_LABEL_DTYPE).view(np.uint8).data


def _hashed(blocks: Iterator[memoryview], digest: hashlib._Hash) -> Iterator[memoryview]:
    """Pass blocks on and hash them on the way."""
    for block in blocks:
        digest.update(block)
        yield block


def _digest(path: Path) -> str:
    """Hash a file in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
