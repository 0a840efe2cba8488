"""Checkpoints: tensors as safetensors, the rest as JSON, each file hashed, the newest sound one found again."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from emg_distill._errors import EmgDistillError
from emg_distill._files import remove_leftovers, write_folder
from emg_distill._recipe.schema import canonical_hash

_STATE = "state.json"


@dataclass(frozen=True)
class Snapshot:
    """A run after some step.

    Attributes
    ----------
    step
        Optimiser steps done.
    run_hash
        Hash of everything that decides the run; a snapshot continues no other run.
    state
        JSON-able counters and history.
    tensors
        Tables of tensors by name, e.g. ``{"model": ..., "optimizer": ...}``.
    """

    step: int
    run_hash: str
    state: dict[str, Any]
    tensors: dict[str, dict[str, torch.Tensor]]


def save_checkpoint(folder: Path, snapshot: Snapshot, keep: int) -> Path:
    """Write a snapshot as a folder of its own and delete all but the `keep` newest.

    Parameters
    ----------
    folder
        Folder of all checkpoints of a run.
    snapshot
        What to write.
    keep
        How many to keep, ``>= 1``.

    Returns
    -------
    Path
        The folder of this checkpoint; it exists complete or not at all.
    """
    files = {f"{table}.safetensors": save(_portable(tensors)) for table, tensors in snapshot.tensors.items()}
    body = {
        "step": snapshot.step,
        "run_hash": snapshot.run_hash,
        "state": snapshot.state,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files[_STATE] = json.dumps({"sha256": canonical_hash(body), "body": body}, allow_nan=False).encode()
    path = folder / f"step-{snapshot.step:09d}"
    write_folder(path, files)
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    remove_leftovers(folder)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    return sorted(folder.glob("step-*"))


def load_checkpoint(path: Path) -> Snapshot:
    """Read one checkpoint and check every hash.

    Raises
    ------
    EmgDistillError
        When a file is absent, damaged or not what was written; the message names it.
    """
    body = _state_body(path / _STATE)
    tensors = {}
    for name, expected in body["files"].items():
        content = _content(path / name)
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise EmgDistillError(f"{path / name} is damaged: sha256 {found}, written was {expected}")
        try:
            tensors[name.removesuffix(".safetensors")] = load(content)
        except SafetensorError as error:
            raise EmgDistillError(f"{path / name} is not a safetensors file: {error}") from None
    return Snapshot(body["step"], body["run_hash"], body["state"], tensors)


def load_newest(folder: Path, run_hash: str) -> tuple[Snapshot | None, list[str]]:
    """Return the newest sound checkpoint and what was wrong with newer ones.

    Parameters
    ----------
    folder
        Folder of all checkpoints of a run; it may be absent.
    run_hash
        Hash of the run that wants to continue.

    Returns
    -------
    tuple of Snapshot or None, list of str
        None when there is no checkpoint at all.

    Raises
    ------
    EmgDistillError
        When checkpoints exist but none is sound, or they belong to another run.
    """
    problems: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            snapshot = load_checkpoint(path)
        except EmgDistillError as error:
            problems.append(f"skipped checkpoint {path.name}: {error}")
            continue
        if snapshot.run_hash != run_hash:
            raise EmgDistillError(
                f"{path} belongs to another run (recipe, data or initial weights differ: {snapshot.run_hash[:12]}, "
                f"this one is {run_hash[:12]}); choose another folder, or pass resume=False to start again"
            )
        return snapshot, problems
    if problems:
        raise EmgDistillError(
            f"no checkpoint in {folder} can be read ({'; '.join(problems)}); pass resume=False to start again"
        )
    return None, problems


def _portable(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmgDistillError(f"{path} cannot be read: {error.strerror}") from None


def _state_body(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(_content(path))
        body: dict[str, Any] = stored["body"]
        sound = canonical_hash(body) == stored["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, EmgDistillError):
            raise
        raise EmgDistillError(f"{path} is damaged: {error!r}") from None
    if not sound:
        raise EmgDistillError(f"{path} is damaged: its sha256 does not match its content")
    return body
