"""What a protocol asks of a data folder: which recordings, whose samples are in which part, and what is done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emg_distill._errors import EmgDistillError

from ._siblings import siblings
from .clock import PartSpan
from .prepare import Rule
from .protocol import DataProtocol, PoolProtocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import emg_dsp
    import emg_io

    from .protocol import AnyProtocol
    from .splits import Ask


@dataclass(frozen=True, eq=False)
class Member:
    """One data set of a protocol, opened.

    Attributes
    ----------
    protocol, dataset
        The rule and the recordings that may take part.
    rule
        What is done to each recording.
    """

    protocol: DataProtocol
    dataset: emg_io.Dataset
    rule: Rule

    def split(self, ask: Ask, place: str) -> emg_io.Split:
        """Split the data set; every sample that takes part is read once, to hash it."""
        return self.protocol.split.split(self.dataset, ask, place)


def open_members(
    protocol: AnyProtocol, data_dir: str | Path, ask: Ask, preprocessing: Mapping[str, Any] | None
) -> list[Member]:
    """Open the data sets of a protocol: names are read, samples are not.

    Raises
    ------
    EmgDistillError
        When the split seed is negative, the fold is none of the protocol's, a folder of a pool is missing, or the
        stored path is not one of the protocol.
    """
    if ask.seed < 0:
        raise EmgDistillError(f"split_seed={ask.seed}: it must be >= 0")
    if isinstance(protocol, PoolProtocol):
        pairs = [(member, _below(data_dir, folder, protocol)) for folder, member in protocol.members]
    else:
        pairs = [(protocol, Path(data_dir))]
    return [_open(member, folder, ask, preprocessing) for member, folder in pairs]


def _below(data_dir: str | Path, folder: str, pool: PoolProtocol) -> Path:
    path = Path(data_dir) / folder
    if not path.exists():
        names = ", ".join(name for name, _ in pool.members)
        raise EmgDistillError(f"{path} does not exist: {pool.name} needs one folder a data set in {data_dir}: {names}")
    return path


def _open(protocol: DataProtocol, folder: Path, ask: Ask, preprocessing: Mapping[str, Any] | None) -> Member:
    io, _ = siblings()
    dataset = io.open_dataset(folder, format=protocol.format)
    kept = tuple(recording for recording in dataset if not _left_out(recording, protocol.left_out))
    if len(kept) < len(dataset):
        dataset = replace(dataset, recordings=kept)
    folds = protocol.split.folds(dataset)
    if (ask.fold is None) == bool(folds) or (folds and ask.fold not in folds):
        raise EmgDistillError(
            f"{folder}: fold={ask.fold!r} of {protocol.name}: {'one of ' + _listed(folds) if folds else 'it has none'}"
        )
    cascade = cascade_of(protocol, preprocessing)
    rule = Rule(protocol.path, protocol.cut, protocol.test_cut or protocol.cut, protocol.target, cascade)
    return Member(protocol, dataset, rule)


def _listed(folds: list[str]) -> str:
    return ", ".join(folds[:20]) + (f", ... ({len(folds)} in all)" if len(folds) > 20 else "")


def _left_out(recording: emg_io.Recording, patterns: tuple[str, ...]) -> bool:
    name = f"{recording.subject}/{recording.session}/{recording.task}"
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def cascade_of(protocol: DataProtocol, preprocessing: Mapping[str, Any] | None) -> emg_dsp.Filter | None:
    """Return the filter of a stored model's path, or the protocol's own."""
    if preprocessing is None:
        return protocol.path.design()
    _, dsp = siblings()
    path, stored, scaled = protocol.path, preprocessing["filter"], preprocessing["normalisation"]
    wanted = {
        "sfreq": path.sfreq,
        "window": protocol.cut.n_times or preprocessing["window"]["length"],
        "hop": protocol.cut.hop,
        "causal filter": None if path.filters is None else path.filters.causal,
        "normalisation": None if path.normalisation is None else path.normalisation.kind,
    }
    given = {
        "sfreq": preprocessing["sfreq"],
        "window": preprocessing["window"]["length"],
        "hop": preprocessing["window"]["hop"],
        "causal filter": None if stored is None else stored["causal"],
        "normalisation": None if scaled is None else scaled["kind"],
    }
    if given != wanted:
        raise EmgDistillError(f"stored preprocessing is not one of {protocol.name}: it has {given}, required {wanted}")
    return None if stored is None else dsp.Filter(stored["sos"], path.sfreq)


def spans_of(split: emg_io.Split) -> dict[int, tuple[PartSpan, ...]]:
    """Return the recordings that a split uses, in order, each with its spans."""
    found: dict[int, list[PartSpan]] = {}
    for part, spans in split.parts.items():
        for recording, start, stop in spans:
            found.setdefault(recording, []).append(PartSpan(part, start, stop))
    return {number: tuple(found[number]) for number in sorted(found)}


def key_of(protocol: AnyProtocol, members: Sequence[Member], ask: Ask) -> dict[str, Any]:
    """Return what a store is made from, as JSON: rule, filters, fold, lists, seed and the names of the recordings."""
    recordings = [[list(recording.key) for recording in member.dataset] for member in members]
    filters = [None if member.rule.cascade is None else member.rule.cascade.sos.tolist() for member in members]
    lists = None if ask.lists is None else hashlib.sha256(Path(ask.lists).read_bytes()).hexdigest()
    return {
        "protocol": protocol.name,
        "rule": protocol.fingerprint,
        "filters": _sha256(filters),
        "fold": ask.fold,
        "lists": lists,
        "partial": ask.partial,
        "split_seed": ask.seed,
        "recordings": _sha256(recordings),
    }


def _sha256(content: Any) -> str:  # noqa: ANN401  any JSON value
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
