"""From recordings to a protocol's examples, in memory or through a store on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .parts import Prepared, assemble, joined_hash
from .plan import open_members, spans_of
from .prepare import prepare_recording
from .protocols import get_protocol
from .signals import MemorySignals
from .splits import Ask
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emg_distill._examples.protocol_data import ProtocolData

    from .plan import Member


def load_protocol(
    name: str,
    data_dir: str | Path,
    *,
    fold: str | None = None,
    lists: str | Path | None = None,
    partial: bool = False,
    store: str | Path | None = None,
    split_seed: int = 0,
    preprocessing: Mapping[str, Any] | None = None,
) -> ProtocolData:
    """Read a data set and cut it as a protocol says.

    Recordings are put on one clock, filtered whole, and only then cut into windows, so that no filter sees a splice
    (where a published protocol does otherwise, its note says so). Channel statistics come from the training part.

    Parameters
    ----------
    name
        One of `list_protocols`.
    data_dir
        The data set's folder, its archive as published, or a folder that holds the archive; for a pool of data sets
        a folder with one folder a set.
    fold
        Fold of the protocol, where it has folds.
    lists
        The authors' list file, where the protocol needs one.
    partial
        Accept a copy of the data set in which people, sessions or repetitions are missing.
    store
        Folder that `prepare_protocol` made with the same arguments: examples are read from there, recordings are not
        read again. None prepares them in memory.
    split_seed
        Which subjects go where, ``>= 0``, where the protocol draws them.
    preprocessing
        Signal path of a stored model: its filter and its channel statistics are used instead of new ones.

    Returns
    -------
    ProtocolData
        Parts that read examples of shape (channels, time), or (rows, cols), float32.

    Raises
    ------
    EmgDistillError
        When emg-io or emg-dsp is not installed, the seed is negative, the fold is unknown, there are too few people,
        a label is neither a class nor excluded, the stored path is not one of this protocol, or the store was made
        with other arguments.
    emg_io.EmgIoError
        When a file is damaged; the message names file and place.
    """
    protocol = get_protocol(name)
    ask = Ask(fold or None, None if lists is None else Path(lists), partial, split_seed)
    members = open_members(protocol, data_dir, ask, preprocessing)
    prepared = _in_memory(members, ask, data_dir) if store is None else open_store(Path(store), protocol, members, ask)
    return assemble(protocol, members, ask, prepared, preprocessing)


def _in_memory(members: Sequence[Member], ask: Ask, data_dir: str | Path) -> Prepared:
    """Prepare all recordings, one after another."""
    made, hashes = [], []
    for member in members:
        split = member.split(ask, f"{data_dir}, {member.protocol.name}")
        hashes.append(split.hash)
        for number, spans in spans_of(split).items():
            entry, frames = prepare_recording(member.rule, member.dataset[number], spans)
            if any(len(table) for table in entry.windows.values()):
                made.append((entry, frames))
    entries = [entry for entry, _ in made]
    return Prepared(entries, MemorySignals(tuple(frames for _, frames in made)), joined_hash(hashes))
