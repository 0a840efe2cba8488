"""What a store will be, told by headers and arguments alone: which recordings go in which shard, on which clock."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from emg_io._errors import EmgIoError

from ._assemble import TRAIN, clean, members, source_name
from ._clock import Clock, signal_of
from ._manifest import SHARD_NAME, TRACK_NAME, VERSION, Signal
from ._pool import run_all
from ._shard import Job, Task
from ._spans import PartSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from emg_io._recording import Recording
    from emg_io.splits import Split

SHARD_BYTES = 256 * 2**20
MOST_SHARDS = 256
_SCANNED_AT_ONCE = 16


@dataclass(frozen=True)
class Arguments:
    """What the caller of `prepare` asks for."""

    tracks: tuple[str, ...] | None
    clock: Clock
    shard_samples: int | None
    split: Split | None


@dataclass(frozen=True, eq=False)
class Plan:
    """All that decides the bytes of a store.

    ``recordings`` are those that the split uses, ``shards`` ranges of them; ``spans`` are the split's, by recording and
    in samples as recorded. ``body`` is what the plan file holds, ``sha256`` that of its JSON; ``stamps``
    change with the files, but differ between copies of a data set, so they are no part of the plan.
    """

    recordings: Sequence[Recording]
    spans: Sequence[tuple[PartSpan, ...]]
    signal: Signal
    tracks: tuple[str, ...]
    arguments: Arguments
    shards: tuple[tuple[int, int], ...]
    body: dict[str, Any]
    stamps: list[list[int]]

    @cached_property
    def sha256(self) -> str:
        """Hash of all that the plan says."""
        return hashlib.sha256(orjson.dumps(self.body)).hexdigest()

    def jobs(self, folder: str) -> Iterator[Job]:
        """Yield the jobs that write the store, one a shard."""
        split = self.arguments.split
        counted = TRAIN if split is not None and split.parts.get(TRAIN) else None
        task = Task(folder, self.signal, self.tracks, self.arguments.clock, self.sha256, counted)
        for number, (first, stop) in enumerate(self.shards):
            group, spans = tuple(self.recordings[first:stop]), tuple(self.spans[first:stop])
            yield Job(task, SHARD_NAME.format(number), group, spans)

    def groups(self) -> list[Sequence[Recording]]:
        """Return the recordings of every shard."""
        return [self.recordings[first:stop] for first, stop in self.shards]


def make_plan(dataset: Sequence[Recording], arguments: Arguments, executor: Executor | None) -> Plan:
    """Read the headers of all recordings that are used, and of the first what tells its dtype and tracks."""
    spans = _spans_by_recording(arguments.split, len(dataset))
    recordings = [dataset[index] for index in spans]
    if not recordings:
        raise EmgIoError("nothing to store", place="data set", expected="one or more recordings", found="0")
    first = arguments.clock.apply(recordings[0])
    signal, tracks = signal_of(first), chosen_tracks(first, arguments.tracks)
    chunks = [recordings[n : n + _SCANNED_AT_ONCE] for n in range(0, len(recordings), _SCANNED_AT_ONCE)]
    facts = [fact for chunk in run_all(_facts, chunks, executor) for fact in chunk]
    lengths = [fact["n_samples"] for fact in facts]
    for length, owned in zip(lengths, spans.values(), strict=True):
        for span in owned:
            if not 0 <= span.start < span.stop <= length:
                raise _stray(span.part, f"spans inside {length} samples", f"{span.start}..{span.stop}")
    limit = shard_limit(arguments.shard_samples, signal, sum(lengths))
    shards = tuple(grouped(lengths, limit))
    body = {
        "version": VERSION,
        "tracks": list(tracks),
        "clock": asdict(arguments.clock),
        "shard_samples": limit,
        "split": _split_body(arguments.split),
        "signal": asdict(signal),
        "shards": shards,
        "recordings": facts,
    }
    stamps = [[member.stamp for member in members(recording.reader)] for recording in recordings]
    return Plan(recordings, list(spans.values()), signal, tracks, arguments, shards, body, stamps)


def chosen_tracks(first: Recording, tracks: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the tracks to store: those named, else ``"label"`` if the first recording has it."""
    if tracks is None:
        return ("label",) if "label" in first.tracks else ()
    for name in tracks:
        if not TRACK_NAME.fullmatch(name) or name in {"samples", "json"} or tracks.count(name) > 1:
            raise EmgIoError(
                "track cannot name a file", place="tracks", expected="names of lower-case letters, once", found=name
            )
    return tracks


def shard_limit(shard_samples: int | None, signal: Signal, total: int) -> int:
    """Return after how many samples a shard begins: some 256 MiB, more where that would make too many files."""
    if shard_samples is not None:
        if shard_samples < 1:
            raise EmgIoError("not a shard", place="shard_samples", expected=">= 1", found=str(shard_samples))
        return shard_samples
    frame = signal.n_chans * np.dtype(signal.dtype).itemsize
    return max(1, SHARD_BYTES // frame, total // MOST_SHARDS)


def grouped(lengths: Iterable[int], limit: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of recordings, each of at least one and of up to ``limit`` samples where possible."""
    first = stop = size = 0
    for length in lengths:
        if stop > first and size + length > limit:
            yield first, stop
            first, size = stop, 0
        stop, size = stop + 1, size + length
    if stop > first:
        yield first, stop


def _facts(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """Return what tells recordings apart; runs wherever jobs do."""
    return [_fact(recording) for recording in recordings]


def _fact(recording: Recording) -> dict[str, Any]:
    """Describe one recording: its files by name and size or, where it has none, its content."""
    files = [[clean(member.name), member.size] for member in members(recording.reader)]
    return {
        "source": source_name(recording),
        "key": [clean(word) if isinstance(word, str) else word for word in recording.key],
        "n_samples": recording.n_samples,
        "sfreq": recording.sfreq,
        "scale": recording.scale,
        "offset": recording.offset,
        "files": files or _content(recording),
    }


def _content(recording: Recording) -> str:
    """Return the hash of samples and tracks."""
    digest = hashlib.sha256(recording.content_hash().encode())
    for name, track in sorted(recording.tracks.items()):
        digest.update(f"{name} {track.values.dtype.str}".encode() + np.ascontiguousarray(track.values).tobytes())
    return digest.hexdigest()


def _split_body(split: Split | None) -> dict[str, Any] | None:
    """Describe a split."""
    if split is None:
        return None
    parts = {part: [list(span) for span in split.parts[part]] for part in sorted(split.parts)}
    return {"unit": split.unit, "hash": split.hash, "parts": parts}


def _spans_by_recording(split: Split | None, n_recordings: int) -> dict[int, tuple[PartSpan, ...]]:
    """Return the recordings that a split uses, in order, each with its spans; without a split, all."""
    if split is None:
        return dict.fromkeys(range(n_recordings), ())
    found: dict[int, list[PartSpan]] = {}
    for part, spans in split.parts.items():
        for span in spans:
            if not 0 <= span.recording < n_recordings:
                raise _stray(part, f"one of {n_recordings} recordings", str(span.recording))
            found.setdefault(span.recording, []).append(PartSpan(part, span.start, span.stop))
    return {index: tuple(found[index]) for index in sorted(found)}


def _stray(part: str, expected: str, found: str) -> EmgIoError:
    """Say that a split does not belong to the data set."""
    return EmgIoError(
        "split does not fit the data set: make it from this one", place=f"part {part}", expected=expected, found=found
    )
