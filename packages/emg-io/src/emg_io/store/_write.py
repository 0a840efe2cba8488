"""Stores from recordings at hand: made whole or not at all, and made longer, one writer at a time."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from emg_io._atomic import new_folder
from emg_io._errors import EmgIoError

from ._assemble import extended
from ._clock import Clock, signal_of
from ._folder import locked, sweep
from ._manifest import SHARD_NAME, Manifest
from ._plan import chosen_tracks, shard_limit
from ._read import read_manifest
from ._shard import Job, Record, Task, write_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from emg_io._recording import Recording


def create(
    folder: Path, recordings: Iterable[Recording], tracks: Iterable[str] | None, shard_samples: int | None
) -> None:
    """Write a new store."""
    names = (tracks,) if isinstance(tracks, str) else tracks
    with new_folder(folder) as made:
        source = iter(recordings)
        first = next(source, None)
        if first is None:
            raise EmgIoError(
                "nothing to store", file=str(folder), place="recordings", expected="one or more", found="0"
            )
        ready = Clock().apply(first)
        chosen = chosen_tracks(ready, None if names is None else tuple(names))
        empty = Manifest(signal_of(ready), {track: {} for track in chosen})
        _longer(made, empty, chain([first], source), shard_samples).write(made)


def append(folder: Path, recordings: Iterable[Recording], shard_samples: int | None) -> None:
    """Add recordings in new shards to the store that the folder holds now; a crash leaves the old one whole."""
    with locked(folder):
        old = read_manifest(folder)
        keep = {f"{shard.name}.{kind}" for shard in old.shards for kind in shard.sha256}
        sweep(folder, keep)
        _longer(folder, old, recordings, shard_samples).write(folder)


def _longer(folder: Path, old: Manifest, recordings: Iterable[Recording], shard_samples: int | None) -> Manifest:
    """Write shards and return the manifest that has them; it is of no plan any more."""
    limit = shard_limit(shard_samples, old.signal, 0)
    task = Task(str(folder), old.signal, tuple(old.tracks), Clock())
    groups: list[tuple[Sequence[Recording], Record]] = []
    for number, group in enumerate(_groups(recordings, limit), len(old.shards)):
        job = Job(task, SHARD_NAME.format(number), tuple(group), ((),) * len(group))
        groups.append((group, write_shard(job)))
    return extended(Manifest(**(vars(old) | {"plan": None})), groups)


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
