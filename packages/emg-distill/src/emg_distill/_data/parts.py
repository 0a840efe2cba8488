"""From prepared recordings to the parts of a protocol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._errors import EmgDistillError
from emg_distill._examples.protocol_data import PARTS, Part, ProtocolData

from .path import cells_of, describe
from .scaling import Scaling, stored_statistics, training_statistics
from .stored import Shape, StoredSet
from .windows import WindowTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import emg_dsp

    from .plan import Member
    from .prepare import Entry
    from .protocol import AnyProtocol, DataProtocol
    from .signals import Signals
    from .splits import Ask

_CHUNK = 4096  # windows that statistics are taken of at a time


@dataclass(frozen=True, eq=False)
class Prepared:
    """All prepared recordings of a protocol.

    Attributes
    ----------
    entries
        What is known of each.
    signals
        Their samples.
    split_hash
        Sha256 (hex) of the split.
    standard
        Means and deviations of the training windows where they were taken before; else None.
    """

    entries: Sequence[Entry]
    signals: Signals
    split_hash: str
    standard: Mapping[str, Any] | None = None


def assemble(
    protocol: AnyProtocol,
    members: Sequence[Member],
    ask: Ask,
    prepared: Prepared,
    preprocessing: Mapping[str, Any] | None,
) -> ProtocolData:
    """Return the parts of a protocol with everything that says what they are."""
    first = members[0]
    tables = {part: _table(prepared.entries, part) for part in PARTS}
    form = _form(first.protocol, prepared.entries, tables)
    scaling = Scaling(first.protocol.path.normalisation)
    parts = {part: _part(part, first, prepared, table, scaling, form) for part, table in tables.items() if len(table)}
    required: tuple[Part, ...] = ("train",) if protocol.kind == "unlabelled" else ("train", "test")
    for part in required:
        if part not in parts:
            raise EmgDistillError(
                f"part {part!r} of {protocol.name} has no window of {first.protocol.cut.length} samples"
            )
    standard = _standard(first.protocol, parts["train"], prepared, preprocessing)
    parts = {part: replace(examples, scaling=replace(scaling, standard=standard)) for part, examples in parts.items()}
    statistics = None if standard is None else {"mean": standard.mean.tolist(), "std": standard.std.tolist()}
    montage = _montage(prepared.entries)
    path = first.protocol.path
    return ProtocolData(
        name=protocol.name,
        train=parts["train"],
        val=parts.get("val"),
        test=parts.get("test"),
        labels=first.protocol.target.labels(first.dataset.label_names),
        sfreq=path.sfreq,
        preprocessing=describe(path, first.protocol.cut, montage, first.rule.cascade, statistics, form.n_times),
        split_hash=prepared.split_hash,
        split_seed=ask.seed,
        notes=_notes(protocol, members),
        kind=protocol.kind,
        fold=ask.fold or "",
        partial=ask.partial,
        rest=first.protocol.target.rest,
        vote=protocol.vote,
    )


def joined_hash(hashes: Sequence[str]) -> str:
    """Return the hash of one split as it is, and of several one sha256 (hex) over all."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _table(entries: Sequence[Entry], part: str) -> WindowTable:
    """Lay the windows of all recordings end to end, trials counted on."""
    found, trials = [np.zeros((0, 8), np.int64)], 0
    for number, entry in enumerate(entries):
        table = entry.windows.get(part)
        if table is not None and len(table):
            found.append(replace(table, recording=table.recording + number, trial=table.trial + trials).rows())
            trials += int(table.trial.max()) + 1
    return WindowTable.of(np.concatenate(found))


def _form(protocol: DataProtocol, entries: Sequence[Entry], tables: Mapping[Part, WindowTable]) -> Shape:
    """Return what all examples share; recordings that differ are refused."""
    path, cut = protocol.path, protocol.cut
    longest = max((int(table.valid.max()) for table in tables.values() if len(table)), default=1)
    n_times = cut.n_times or cut.past + longest + cut.future
    counts = {entry.montage["n_chans"]: entry.source for entry in entries}
    most = path.n_chans or max(counts, default=0)
    if (path.n_chans is None and len(counts) > 1) or max(counts, default=0) > most:
        raise EmgDistillError(
            f"{protocol.name}: recordings have {sorted(counts)} channels ({', '.join(counts.values())}); "
            f"{'as many as ' + str(most) if path.n_chans else 'one number'} is required"
        )
    cells = {cells_of(path, entry.montage) for entry in entries}
    if len(cells) > 1 or any(channel < 0 for row in next(iter(cells), ()) for channel in row):
        raise EmgDistillError(f"{protocol.name}: images need one electrode grid without holes, the same for everybody")
    return Shape(most, n_times, next(iter(cells), ()))


def _part(
    part: Part, member: Member, prepared: Prepared, table: WindowTable, scaling: Scaling, form: Shape
) -> StoredSet:
    entries, rule = prepared.entries, member.rule
    return StoredSet(
        signals=prepared.signals,
        digests=tuple(entry.digest for entry in entries),
        chans=np.array([entry.montage["n_chans"] for entry in entries], np.int64),
        windows=table,
        cut=rule.test_cut if part == "test" else rule.cut,
        scaling=scaling,
        targets=rule.target.table([entry.plan for entry in entries], table),
        subject=np.array([entry.subject for entry in entries])[table.recording],
        form=form,
    )


def _standard(
    protocol: DataProtocol, train: StoredSet, prepared: Prepared, preprocessing: Mapping[str, Any] | None
) -> emg_dsp.Standardizer | None:
    """Return the channel statistics of a stored model, of a store, or of the training windows."""
    if protocol.path.normalisation is None or protocol.path.normalisation.kind != "zscore":
        return None
    stored = prepared.standard if preprocessing is None else preprocessing["normalisation"]
    if stored is not None:
        return stored_statistics(stored)
    return training_statistics(lambda: train.raw_chunks(_CHUNK))


def _montage(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the montage of the first recording; a unit that is not everybody's is unknown."""
    units = {entry.montage["unit"] for entry in entries}
    return {**entries[0].montage, "unit": units.pop() if len(units) == 1 else "unknown"}


def _notes(protocol: AnyProtocol, members: Sequence[Member]) -> tuple[str, ...]:
    """Say what was left out, and in what the protocol flatters."""
    notes = []
    for member in members:
        names = member.dataset.label_names
        excluded = getattr(member.protocol.target, "excluded", ())
        notes += [f"label {value} ({names.get(value, 'no name')}) left out" for value in excluded]
        notes += [f"recordings {pattern} left out" for pattern in member.protocol.left_out]
    if protocol.flaw:
        notes.append(protocol.flaw)
    if protocol.strict:
        notes.append(f"the strict form of this protocol is {protocol.strict}")
    return tuple(notes)
