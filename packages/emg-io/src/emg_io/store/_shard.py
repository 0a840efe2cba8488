"""One shard, one job: recordings in, files out, a record of them back. Any process may run it, none has to be alone."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import orjson

from emg_io._atomic import replacing, write_bytes
from emg_io._errors import EmgIoError
from emg_io._source import RandomAccess

from ._clock import Clock, same_signal
from ._manifest import PLAN, Signal
from ._moments import Moments
from ._spans import PartSpan, merged, on_new_clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from emg_io._recording import Recording

LABEL_DTYPE = np.dtype("<i2")
BLOCK_BYTES = 4 * 2**20
TRIAL = "trial"


@dataclass(frozen=True)
class Task:
    """What all shards of a store have in common.

    ``plan`` is the sha256 of the plan that the folder must hold while shards are written, or None where there is none;
    ``counted`` is the part whose moments are wanted.
    """

    folder: str
    signal: Signal
    tracks: tuple[str, ...]
    clock: Clock
    plan: str | None = None
    counted: str | None = None


@dataclass(frozen=True)
class Job:
    """A shard to be written: its name, its recordings, and the spans of each in samples as recorded."""

    task: Task
    name: str
    recordings: tuple[Recording, ...]
    spans: tuple[tuple[PartSpan, ...], ...]


@dataclass(frozen=True)
class Piece:
    """One recording as it lies in a shard: samples, where trials begin, spans of the split."""

    length: int
    cuts: tuple[int, ...]
    spans: tuple[PartSpan, ...]


@dataclass(frozen=True)
class Record:
    """What a shard holds: sha256 by kind of file, its pieces, names of its tracks' values, moments in physical unit."""

    name: str
    sha256: Mapping[str, str]
    pieces: tuple[Piece, ...]
    names: Mapping[str, Mapping[int, str]]
    moments: Moments | None

    @property
    def n_samples(self) -> int:
        """Samples in the shard."""
        return sum(piece.length for piece in self.pieces)


def make_shard(job: Job) -> Record:
    """Return the record of a shard, which is written unless the record and files that it tells of are there."""
    return _kept(job) or _written_for_plan(job)


def write_shard(job: Job) -> Record:
    """Write the files of a shard, each recording streamed once."""
    task = job.task
    with ExitStack() as stack:
        sinks = {
            kind: _Sink(stack.enter_context(replacing(Path(task.folder) / f"{job.name}.{kind}")))
            for kind in ("samples", *task.tracks)
        }
        names: dict[str, dict[int, str]] = {track: {} for track in task.tracks}
        moments = Moments.none(task.signal.n_chans) if task.counted else None
        pieces = []
        for recording, spans in zip(job.recordings, job.spans, strict=True):
            piece, found = _stream(task, recording, spans, sinks, names)
            pieces.append(piece)
            moments = moments + found if moments is not None else None
        _refuse_stranger(job)
    digests = {kind: sink.digest.hexdigest() for kind, sink in sinks.items()}
    return Record(job.name, digests, tuple(pieces), names, moments)


class _Sink:
    """A file and the hash of what went into it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.digest = stream, hashlib.sha256()

    def write(self, values: NDArray[np.generic]) -> None:
        """Append an array's bytes."""
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        self.stream.write(data)
        self.digest.update(data)


def _stream(
    task: Task,
    recording: Recording,
    spans: tuple[PartSpan, ...],
    sinks: Mapping[str, _Sink],
    names: dict[str, dict[int, str]],
) -> tuple[Piece, Moments]:
    """Write one recording."""
    ready = task.clock.apply(recording)
    same_signal(ready, task.signal)
    for track in task.tracks:
        _require(ready, track)
        merge_names(names[track], ready.track(track).names, ready.source, track)
        sinks[track].write(_labels(ready, track))
    moved = merged(on_new_clock(spans, recording, ready))
    counted = [span for span in moved if span.part == task.counted]
    moments = Moments.none(task.signal.n_chans)
    for start, block in _blocks(ready, task.signal):
        sinks["samples"].write(block)
        for span in counted:
            if span.start < start + len(block) and start < span.stop:
                moments = moments + Moments.of(block[max(0, span.start - start) : span.stop - start])
    return Piece(ready.n_samples, _cuts(ready), moved), moments.calibrated(ready.scale, ready.offset)


def _blocks(recording: Recording, signal: Signal) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """Yield (first sample, (time, channels)) in blocks of a length that depends on the signal only.

    What must be read whole is read once and held; of the rest there is one block in memory at a time.
    """
    dtype = np.dtype(signal.dtype)
    step = max(1, BLOCK_BYTES // (signal.n_chans * dtype.itemsize))
    whole = None if isinstance(recording.reader, RandomAccess) else recording.raw()
    for start in range(0, recording.n_samples, step):
        stop = min(start + step, recording.n_samples)
        block = recording.raw(start, stop) if whole is None else whole[:, start:stop]
        yield start, np.ascontiguousarray(block.T, dtype)


def _require(recording: Recording, track: str) -> None:
    """Refuse a recording that lacks a track."""
    if track not in recording.tracks:
        raise EmgIoError(
            "recording lacks a track: store it apart, or name the tracks that all have",
            file=recording.source,
            place="tracks",
            expected=track,
            found=", ".join(recording.tracks) or "none at all",
        )


def _labels(recording: Recording, track: str) -> NDArray[np.int16]:
    """Return a track's values as they are stored."""
    values = recording.track(track).values
    wrong = values.size and (int(values.min()) < -(2**15) or int(values.max()) >= 2**15)
    if wrong:
        raise EmgIoError(
            "label does not fit 16 bits",
            file=recording.source,
            place=track,
            expected="-32768..32767",
            found=f"{values.min()}..{values.max()}",
        )
    return values.astype(LABEL_DTYPE)


def _cuts(recording: Recording) -> tuple[int, ...]:
    """Return the samples at which a new trial begins, where trials were laid end to end."""
    tracks = recording.tracks
    if TRIAL not in tracks:
        return ()
    values = tracks[TRIAL].values
    return tuple((np.flatnonzero(values[1:] != values[:-1]) + 1).tolist())


def merge_names(into: dict[int, str], names: Mapping[int, str], file: str, track: str) -> None:
    """Add the names of a track's values to those known; a value with two meanings raises `EmgIoError`."""
    for value, name in names.items():
        if into.setdefault(int(value), name) != name:
            raise EmgIoError(
                "recording does not fit the store: a value has other label names",
                file=file,
                place=f"track {track}, value {value}",
                expected=into[int(value)],
                found=name,
            )


def _written_for_plan(job: Job) -> Record:
    """Write a shard, then its record: from then on a resumed run keeps it."""
    record = write_shard(job)
    _refuse_stranger(job)
    moments = None if record.moments is None else {k: v.tolist() for k, v in vars(record.moments).items()}
    names = {track: {str(value): name for value, name in of.items()} for track, of in record.names.items()}
    pieces = [{"length": p.length, "cuts": p.cuts, "spans": [tuple(span) for span in p.spans]} for p in record.pieces]
    body = {"plan": job.task.plan, "name": record.name, "sha256": record.sha256, "pieces": pieces, "names": names}
    body["moments"] = moments
    held = {"sha256": hashlib.sha256(orjson.dumps(body)).hexdigest(), "record": body}
    write_bytes(Path(job.task.folder) / f"{job.name}.json", orjson.dumps(held))
    return record


def _refuse_stranger(job: Job) -> None:
    """Stop a worker that outlived its run before it puts a file where another plan, or none, is now at work."""
    if job.task.plan is not None and plan_hash(Path(job.task.folder)) != job.task.plan:
        raise EmgIoError("the plan changed while a shard was written", file=job.task.folder, place=PLAN)


def plan_hash(folder: Path) -> str | None:
    """Return the sha256 that a folder's plan gives for itself, or None where there is no plan."""
    try:
        found = orjson.loads((folder / PLAN).read_bytes())
    except (OSError, ValueError):
        return None
    return found.get("sha256") if isinstance(found, dict) else None


def _kept(job: Job) -> Record | None:
    """Return the record of a shard that an earlier run finished, if its files still are what it says."""
    folder = Path(job.task.folder)
    try:
        held = orjson.loads((folder / f"{job.name}.json").read_bytes())
        body: dict[str, Any] = held["record"]
        if hashlib.sha256(orjson.dumps(body)).hexdigest() != held["sha256"] or body["plan"] != job.task.plan:
            return None
        record = _parsed(body)
        kinds = {"samples", *job.task.tracks}
        sizes = {kind: (folder / f"{job.name}.{kind}").stat().st_size for kind in kinds}
        frame = job.task.signal.n_chans * np.dtype(job.task.signal.dtype).itemsize
        wanted = {kind: record.n_samples * (frame if kind == "samples" else LABEL_DTYPE.itemsize) for kind in kinds}
        whole = record.name == job.name and set(record.sha256) == kinds and sizes == wanted
        return record if whole and all(digest(folder / f"{job.name}.{k}") == record.sha256[k] for k in kinds) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parsed(body: dict[str, Any]) -> Record:
    """Make a record of JSON."""
    moments = body["moments"]
    if moments is not None:
        count = np.asarray(moments["count"], np.int64)
        moments = Moments(count, np.asarray(moments["mean"], float), np.asarray(moments["squares"], float))
    pieces = tuple(
        Piece(piece["length"], tuple(piece["cuts"]), tuple(PartSpan(*span) for span in piece["spans"]))
        for piece in body["pieces"]
    )
    names = {track: {int(value): name for value, name in of.items()} for track, of in body["names"].items()}
    return Record(body["name"], body["sha256"], pieces, names, moments)


def digest(path: Path) -> str:
    """Return a file's sha256; it is read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
