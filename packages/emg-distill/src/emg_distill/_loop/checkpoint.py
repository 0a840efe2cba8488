"""Checkpoints: tensors as safetensors, the rest as JSON, each file hashed, the newest sound one found again."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from emg_distill._distributed.pieces import Layout, join_pieces, write_pieces
from emg_distill._errors import EmgDistillError
from emg_distill._files import publish_folder, remove_leftovers, staging_folder, write_file
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
        Tables of tensors by name, e.g. ``{"model": ..., "optimizer": ...}``. When saved they may be DTensors; when
        loaded they are whole.
    score
        What the weights are worth, lower is better; None where they were not validated.
    """

    step: int
    run_hash: str
    state: dict[str, Any]
    tensors: dict[str, dict[str, torch.Tensor]]
    score: float | None = field(default=None)


def save_checkpoint(
    folder: Path, snapshot: Snapshot, keep: int, *, keep_best: int = 0, fabric: Fabric | None = None
) -> Path:
    """Write a snapshot as a folder of its own and delete all but the newest and the best.

    Parameters
    ----------
    folder
        Folder of all checkpoints of a run; with several machines, on a file system that all of them share.
    snapshot
        What to write. Tensors that are cut among processes are written by all of them, each its own rows, in files
        like ``model-00000-of-00002.safetensors``; everything else by the first.
    keep
        How many of the newest to keep, ``>= 1``.
    keep_best
        How many of those with the lowest score to keep besides.
    fabric
        Must be given where several processes run; the call is then collective.

    Returns
    -------
    Path
        The folder of this checkpoint; it exists complete or not at all.

    Raises
    ------
    EmgDistillError
        When tensors are cut and `fabric` is absent.
    """
    path = folder / f"step-{snapshot.step:09d}"
    staging = staging_folder(path)
    first = fabric is None or fabric.is_global_zero
    if first:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    try:
        layout = write_pieces(staging, snapshot.tensors, fabric)
        if first:
            _publish(path, staging, snapshot, layout)
            _prune(folder, keep, keep_best)
    finally:
        if first:
            shutil.rmtree(staging, ignore_errors=True)
    if fabric is not None:
        fabric.barrier()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    return sorted(folder.glob("step-*"))


def load_checkpoint(path: Path) -> Snapshot:
    """Read one checkpoint, written by however many processes, and check every hash.

    Raises
    ------
    EmgDistillError
        When a file is absent, damaged or not what was written; the message names it.
    """
    body = _state_body(path / _STATE)
    tensors = join_pieces(path, Layout(body["files"], body["shapes"]))
    return Snapshot(body["step"], body["run_hash"], body["state"], tensors, body["score"])


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
                f"this one is {run_hash[:12]}); choose another folder, or start again (resume=False, --fresh)"
            )
        return snapshot, problems
    if problems:
        raise EmgDistillError(
            f"no checkpoint in {folder} can be read ({'; '.join(problems)}); start again with resume=False (--fresh)"
        )
    return None, problems


def _publish(path: Path, staging: Path, snapshot: Snapshot, layout: Layout) -> None:
    body = {
        "step": snapshot.step,
        "run_hash": snapshot.run_hash,
        "score": snapshot.score,
        "state": snapshot.state,
        "files": layout.files,
        "shapes": layout.shapes,
    }
    write_file(staging / _STATE, json.dumps({"sha256": canonical_hash(body), "body": body}, allow_nan=False).encode())
    publish_folder(staging, path)


def _prune(folder: Path, keep: int, keep_best: int) -> None:
    """Delete what is neither among the newest nor among the best, and what interrupted writers left."""
    paths = list_checkpoints(folder)
    scored = sorted((score, path) for path in paths if (score := _score(path)) is not None)
    kept = {*paths[-keep:], *(path for _, path in scored[:keep_best])}
    for path in paths:
        if path not in kept:
            shutil.rmtree(path)
    remove_leftovers(folder)


def _score(path: Path) -> float | None:
    try:
        score = _state_body(path / _STATE)["score"]
    except EmgDistillError:
        return None
    return None if score is None else float(score)


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
