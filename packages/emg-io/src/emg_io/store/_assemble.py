"""From recordings and the records of their shards to the manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from emg_io._container import Member
from emg_io._errors import EmgIoError
from emg_io._source import Source

from ._manifest import Calibration, Entry, Manifest, Montage, Normalisation, Parts, Shard
from ._moments import Moments
from ._shard import merge_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emg_io._recording import Recording
    from emg_io.splits import Split

    from ._shard import Piece, Record

TRAIN = "train"


def extended(manifest: Manifest, groups: Iterable[tuple[Sequence[Recording], Record]]) -> Manifest:
    """Return a manifest with more shards, each given as its recordings and its record."""
    shards, entries = list(manifest.shards), list(manifest.entries)
    calibrations = {calibration: index for index, calibration in enumerate(manifest.calibrations)}
    montages = {montage: index for index, montage in enumerate(manifest.montages)}
    names = {track: dict(known) for track, known in manifest.tracks.items()}
    for recordings, record in groups:
        offset = 0
        for recording, piece in zip(recordings, record.pieces, strict=True):
            calibration = calibrations.setdefault(Calibration(recording.scale, recording.offset), len(calibrations))
            montage = montages.setdefault(Montage(recording.channels, recording.layout), len(montages))
            entries.append(_entry(recording, piece, (len(shards), offset), (calibration, montage)))
            offset += piece.length
        for track, known in record.names.items():
            merge_names(names[track], known, record.name, track)
        shards.append(Shard(record.name, record.n_samples, record.sha256))
    return replace(
        manifest,
        tracks=names,
        calibrations=tuple(calibrations),
        montages=tuple(montages),
        shards=tuple(shards),
        entries=tuple(entries),
    )


def with_split(manifest: Manifest, split: Split, records: Sequence[Record]) -> Manifest:
    """Return a manifest with a split in its own coordinates, and with the statistics of the training part."""
    parts: dict[str, list[tuple[int, int, int]]] = {part: [] for part in sorted(split.parts)}
    pieces = (piece for record in records for piece in record.pieces)
    for entry, piece in enumerate(pieces):
        for span in piece.spans:
            parts[span.part].append((entry, span.start, span.stop))
    for part, spans in parts.items():
        if split.parts[part] and not spans:
            raise EmgIoError(
                "nothing of a part is left on the new clock: its spans are too short", place=f"part {part}"
            )
    made = Parts(split.unit, split.hash, {part: tuple(spans) for part, spans in parts.items()})
    return replace(manifest, split=made, normalisation=_normalisation(made, records))


def _normalisation(split: Parts, records: Sequence[Record]) -> Normalisation | None:
    """Combine the moments of all shards, in their order; None where the split has no training part."""
    spans = split.parts.get(TRAIN)
    found = [record.moments for record in records if record.moments is not None]
    if not spans or not found:
        return None
    total = sum(found, Moments.none(len(found[0].mean)))
    n_samples = sum(stop - start for _, start, stop in spans)
    return Normalisation(TRAIN, split.hash, n_samples, tuple(total.mean.tolist()), tuple(total.std.tolist()))


def _entry(recording: Recording, piece: Piece, place: tuple[int, int], rows: tuple[int, int]) -> Entry:
    """Return the entry of a recording."""
    return Entry(
        *place,
        piece.length,
        *rows,
        subject=clean(recording.subject),
        session=clean(recording.session),
        task=clean(recording.task),
        repetition=recording.repetition,
        source=source_name(recording),
        cuts=piece.cuts,
    )


def source_name(recording: Recording) -> str:
    """Return a recording's file relative to its data set, the same on every machine."""
    first = next(members(recording.reader), None)
    return clean(PurePath(recording.source.rpartition("::")[2]).name if first is None else first.name)


def members(reader: object) -> Iterator[Member]:
    """Yield the files that a source reads, whatever other sources it is made of."""
    if isinstance(reader, Member):
        yield reader
    elif isinstance(reader, tuple):
        for item in reader:
            yield from members(item)
    elif isinstance(reader, Source):
        for field in getattr(reader, "__dataclass_fields__", ()):
            yield from members(getattr(reader, field))


def clean(text: str) -> str:
    """Return text with escapes for what is not text: file names may hold any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()
