"""One job of preparing a store: some recordings into a window store of emg-io, and their windows beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_file, write_json

from ._siblings import siblings
from .prepare import Entry, Rule, prepare_recording
from .tables import StoredPlan, Tables
from .windows import WindowTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    import emg_io

    from .clock import PartSpan


@dataclass(frozen=True, eq=False)
class Job:
    """Some recordings of one set with one number of channels; it pickles.

    Attributes
    ----------
    folder, name
        The store's folder, and the job's name in it.
    rule
        What is done.
    recordings, spans
        Recordings, and whose their samples are.
    """

    folder: str
    name: str
    rule: Rule
    recordings: tuple[emg_io.Recording, ...]
    spans: tuple[tuple[PartSpan, ...], ...]


def run_job(job: Job) -> str:
    """Prepare the recordings of a job, over what a killed one left; its record is written last. Returns its name."""
    folder = Path(job.folder)
    for leftover in (folder / job.name, *folder.glob(f".{job.name}.*")):
        shutil.rmtree(leftover, ignore_errors=True)
    entries: list[Entry] = []
    source = _signals(job, entries)
    first = next(source, None)
    if first is not None:
        io, _ = siblings()
        io.WindowStore.create(folder / job.name, _chain(first, source), tracks=())
    tables = _packed(entries)
    write_file(folder / f"{job.name}.tables", tables)
    record = {"tables": hashlib.sha256(tables).hexdigest(), "manifest": _manifest(folder / job.name)}
    write_json(folder / f"{job.name}.json", {**record, "entries": [_facts(entry) for entry in entries]})
    return job.name


def is_done(job: Job) -> bool:
    """Tell whether an earlier call finished a job, and its files are still whole."""
    folder = Path(job.folder)
    try:
        read_job(folder, job.name, hashlib.sha256((folder / f"{job.name}.json").read_bytes()).hexdigest())
    except (OSError, ValueError):
        return False
    return True


def read_job(folder: Path, name: str, digest: str) -> list[Entry]:
    """Return what a finished job knows of its recordings.

    Raises
    ------
    EmgDistillError
        When one of its files is missing or is not what was written.
    emg_io.EmgIoError
        When a file of samples is missing or cut short.
    """
    tables = Tables((folder / f"{name}.tables").resolve())
    data = _bytes(folder / f"{name}.json")
    record = json.loads(data) if hashlib.sha256(data).hexdigest() == digest else {}
    found = (_digest(tables.path), _manifest(folder / name))
    if found != (record.get("tables"), record.get("manifest", "")):
        raise EmgDistillError(f"{folder}, {name} is damaged: its files changed; prepare the protocol in a new folder")
    if record["entries"]:
        io, _ = siblings()
        io.WindowStore.open(folder / name)
    return [_entry(facts, number, tables) for number, facts in enumerate(record["entries"])]


def _signals(job: Job, entries: list[Entry]) -> Iterator[emg_io.Recording]:
    """Prepare one recording after another; those without any window are left out."""
    io, _ = siblings()
    for recording, spans in zip(job.recordings, job.spans, strict=True):
        entry, frames = prepare_recording(job.rule, recording, spans)
        if any(len(table) for table in entry.windows.values()):
            entries.append(entry)
            yield io.Recording.from_array(frames.T, job.rule.path.sfreq, subject=recording.subject)


def _chain(first: emg_io.Recording, rest: Iterator[emg_io.Recording]) -> Iterator[emg_io.Recording]:
    yield first
    yield from rest


def _packed(entries: list[Entry]) -> bytes:
    """Return windows and plans of all recordings as safetensors."""
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {}
    for number, entry in enumerate(entries):
        for part, table in entry.windows.items():
            arrays[f"{number}.windows.{part}"] = table.rows()
        for name, values in entry.plan.items():
            arrays[f"{number}.plan.{name}"] = np.ascontiguousarray(values)
    return save(arrays)


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "subject": entry.subject,
        "source": PurePath(entry.source).name,
        "montage": dict(entry.montage),
        "n_times": entry.n_times,
        "digest": entry.digest,
        "windows": list(entry.windows),
        "plan": list(entry.plan),
    }


def _entry(facts: dict[str, Any], number: int, tables: Tables) -> Entry:
    """Make an entry of JSON and tables."""
    windows = {part: WindowTable.of(tables[f"{number}.windows.{part}"]) for part in facts["windows"]}
    plan = StoredPlan(tables, number, tuple(facts["plan"]))
    return Entry(**{**facts, "windows": windows, "plan": plan})


def _manifest(folder: Path) -> str:
    """Return the sha256 (hex) of a window store's manifest, which holds those of its shards; empty without a store."""
    path = folder / "manifest.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _digest(path: Path) -> str:
    """Return the sha256 (hex) of a file of any size."""
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(path: Path) -> bytes:
    with _readable(path):
        return path.read_bytes()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmgDistillError(f"{path} cannot be read: {error.strerror}; prepare the protocol again") from None
