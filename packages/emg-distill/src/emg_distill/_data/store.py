"""Prepared recordings on disk: made by jobs on any executor, resumed after whatever stopped them, then checked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emg_distill._errors import EmgDistillError
from emg_distill._files import remove_leftovers, write_json

from .jobs import Job, is_done, read_job, run_job
from .parts import Prepared, assemble, joined_hash
from .plan import key_of, open_members, spans_of
from .protocols import get_protocol
from .signals import StoreSignals
from .splits import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    import emg_io
    from emg_distill._examples.protocol_data import ProtocolData

    from .plan import Member
    from .protocol import AnyProtocol

_VERSION = 2
_INDEX, _PLAN = "store.json", "plan.json"
_JOB_VALUES = 2**26  # stored numbers after which a new job begins: some 256 MiB


def prepare_protocol(
    name: str,
    data_dir: str | Path,
    store: str | Path,
    *,
    fold: str | None = None,
    lists: str | Path | None = None,
    partial: bool = False,
    split_seed: int = 0,
    executor: Executor | None = None,
    on_job: Callable[[int, int], None] | None = None,
) -> ProtocolData:
    """Prepare a protocol's recordings once, on disk, for training runs that read windows from there.

    A call that was stopped goes on where it was when it is repeated with the same arguments. One call at a time.

    Parameters
    ----------
    name, data_dir, fold, lists, partial, split_seed
        As for `load_protocol`.
    store
        Folder to make, to resume, or to open where it is finished.
    executor
        Any `concurrent.futures.Executor`, such as that of `emg_io.dask_executor`; its workers must reach data and
        store by the same paths. None works in this process. The bytes do not depend on it.
    on_job
        Called with the number of jobs that are done, and with that of all.

    Returns
    -------
    ProtocolData
        As ``load_protocol(..., store=store)`` returns it.

    Raises
    ------
    EmgDistillError
        As `load_protocol`; and when the folder holds anything else, or a store made with other arguments.
    """
    protocol = get_protocol(name)
    folder, ask = Path(store), Ask(fold or None, None if lists is None else Path(lists), partial, split_seed)
    members = open_members(protocol, data_dir, ask, None)
    if not (folder / _INDEX).is_file():
        splits = [member.split(ask, f"{data_dir}, {member.protocol.name}") for member in members]
        jobs = list(_jobs(folder, members, splits))
        _begin(folder, key_of(protocol, members, ask), joined_hash([split.hash for split in splits]), jobs)
        _run(jobs, executor, on_job)
        _finish(folder, protocol, members, ask)
    return assemble(protocol, members, ask, open_store(folder, protocol, members, ask), None)


def open_store(folder: Path, protocol: AnyProtocol, members: Sequence[Member], ask: Ask) -> Prepared:
    """Open a finished store.

    Raises
    ------
    EmgDistillError
        When there is none, when it is not finished or damaged, or when it was made with other arguments.
    """
    index = _read(folder / _INDEX) if (folder / _INDEX).is_file() else {}
    if index.get("version") != _VERSION:
        state = "an unfinished store" if (folder / _PLAN).is_file() else "no store of this version"
        raise EmgDistillError(
            f"{folder} holds {state} of {protocol.name}: "
            "run prepare_protocol (emg-distill prepare) with the same arguments"
        )
    _refuse_other(folder, index["key"], key_of(protocol, members, ask))
    return _prepared(folder, index)


def _prepared(folder: Path, index: dict[str, Any]) -> Prepared:
    entries, places = [], []
    for number, (name, digest) in enumerate(index["jobs"].items()):
        found = read_job(folder, name, digest)
        entries += found
        places += [(number, entry) for entry in range(len(found))]
    signals = StoreSignals([(folder / name).resolve() for name in index["jobs"]], places)
    return Prepared(entries, signals, index["split_hash"], index["standard"])


def _jobs(folder: Path, members: Sequence[Member], splits: Sequence[emg_io.Split]) -> Iterator[Job]:
    """Divide the recordings that take part into jobs of one set and one number of channels."""
    number = 0
    for member, split in zip(members, splits, strict=True):
        group: list[int] = []
        spans, size = spans_of(split), 0
        for index in spans:
            recording = member.dataset[index]
            values = split.recordings[index].n_samples * recording.n_chans
            other = bool(group) and member.dataset[group[0]].n_chans != recording.n_chans
            if group and (other or size + values > _JOB_VALUES):
                yield _job(folder, number, member, group, spans)
                group, size, number = [], 0, number + 1
            group.append(index)
            size += values
        yield _job(folder, number, member, group, spans)
        number += 1


def _job(folder: Path, number: int, member: Member, group: Sequence[int], spans: dict[int, Any]) -> Job:
    recordings = tuple(member.dataset[index] for index in group)
    return Job(
        str(folder.resolve()), f"job-{number:05d}", member.rule, recordings, tuple(spans[index] for index in group)
    )


def _begin(folder: Path, key: dict[str, Any], split_hash: str, jobs: Sequence[Job]) -> None:
    """Write the plan of a new store, or find the same one there from an earlier call."""
    plan: dict[str, Any] = {"version": _VERSION, "key": {**key, "split_hash": split_hash}, "jobs": len(jobs)}
    if (folder / _PLAN).is_file():
        _refuse_other(folder, _read(folder / _PLAN)["key"], plan["key"])
        remove_leftovers(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise EmgDistillError(f"{folder} holds other files and no store: name a new folder, or empty this one")
    else:
        write_json(folder / _PLAN, plan)


def _run(jobs: Sequence[Job], executor: Executor | None, on_job: Callable[[int, int], None] | None) -> None:
    """Run the jobs that are not done yet."""
    waiting = [job for job in jobs if not is_done(job)]
    done = len(jobs) - len(waiting)
    futures = [None if executor is None else executor.submit(run_job, job) for job in waiting]
    try:
        for job, future in zip(waiting, futures, strict=True):
            run_job(job) if future is None else future.result()
            done += 1
            if on_job is not None:
                on_job(done, len(jobs))
    finally:
        for future in futures:
            if future is not None:
                future.cancel()


def _finish(folder: Path, protocol: AnyProtocol, members: Sequence[Member], ask: Ask) -> None:
    """Take the statistics of the training part and write the index, which makes the folder a store."""
    plan = _read(folder / _PLAN)
    names = [f"job-{number:05d}" for number in range(plan["jobs"])]
    key = {name: value for name, value in plan["key"].items() if name != "split_hash"}
    index: dict[str, Any] = {
        "version": _VERSION,
        "key": key,
        "split_hash": plan["key"]["split_hash"],
        "standard": None,
        "jobs": {name: hashlib.sha256((folder / f"{name}.json").read_bytes()).hexdigest() for name in names},
    }
    scaled = assemble(protocol, members, ask, _prepared(folder, index), None).preprocessing["normalisation"]
    if scaled is not None and scaled["kind"] == "zscore":
        index["standard"] = scaled
    write_json(folder / _INDEX, index)


def _refuse_other(folder: Path, stored: dict[str, Any], asked: dict[str, Any]) -> None:
    """Refuse a store that was made otherwise, and say in what."""
    differences = [
        f"{name}: stored {stored.get(name)}, asked {asked.get(name)}"
        for name in {**stored, **asked}
        if stored.get(name) != asked.get(name)
    ]
    if differences:
        raise EmgDistillError(
            f"{folder} was prepared with other arguments ({'; '.join(differences)}): repeat those, or name a new folder"
        )


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object that a store holds."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise EmgDistillError(f"{path} is damaged: {error}; prepare the protocol again in a new folder") from None
    if not isinstance(content, dict) or not isinstance(content.get("key"), dict):
        raise EmgDistillError(f"{path} is damaged: it has no key; prepare the protocol again in a new folder")
    return content
