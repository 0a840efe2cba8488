"""Forging generic-neuromotor-interface: one file a user, its stages and prompts as frames, and the corpus table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.neuromotor import BAND, GESTURES

from ._frames import add_appendable, add_fixed
from ._hdf5_files import add_table, compound, unix_clock, write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emg_io.formats.neuromotor import Task

_EPOCH, _SCALE_V = 1_620_000_000.0, 2e-5
_SENTENCES = ("hello world", "the quick brown fox", "a generic interface")
_SPLITS = ("train", "val", "test")


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    task: Task,
    segment_s: float = 0.4,
    gap_s: float = 0.3,
    variation: float = 1.0,
) -> list[Truth]:
    """Write one task; pandas' layout ``fixed`` for every second user, ``table`` for the others.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        Users, 1 or more, one recording each.
    seed
        Same seed, same bytes.
    task
        Which of the three.
    segment_s, gap_s
        Mean length of a movement and of the pause behind it, seconds, > 0.
    variation
        How far users differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths, lines = [], ["dataset,start,end,split"]
    for user in range(n_subjects):
        actor = Actor.draw(BAND, 2000.0, 5, (seed, user), variation=variation)
        emg, labels, _ = actor.session([1, 2, 3, 4], segment_s, gap_s)
        raw = (emg * _SCALE_V).astype(np.float32)
        stamps = unix_clock(raw.shape[1], 2000.0, _EPOCH + 86_400.0 * user, actor.rng)
        name = f"{task.files}_user_{user:03d}_dataset_{user:03d}"
        _write(out / f"{name}.hdf5", task, raw, stamps, labels, user)
        middle = float(stamps[len(stamps) // 2])
        lines.append(f"{name},{stamps[0]:.6f},{middle:.6f},{_SPLITS[user % 3]}")
        lines.append(f"{name},{middle:.6f},{stamps[-1]:.6f},{_SPLITS[user % 3]}")
        truths.append(Truth(f"{user:03d}", f"{user:03d}", task.files, None, raw))
    write_bytes(out / f"{task.files}_corpus.csv", ("\n".join(lines) + "\n").encode())
    return truths


def _write(
    file: Path,
    task: Task,
    raw: NDArray[np.float32],
    stamps: NDArray[np.float64],
    labels: NDArray[np.integer],
    user: int,
) -> None:
    """Write one recording."""
    members: dict[str, NDArray[np.generic]] = {"time": stamps, "emg": raw.T}
    if not task.prompts:
        phase = np.arange(raw.shape[1]) / 2000.0
        members["wrist_angles"] = np.stack([np.sin(phase), 0.1 * np.cos(phase)], axis=1).astype(np.float32)
    add = add_appendable if user % 2 else add_fixed

    def fill(made: Any) -> None:  # noqa: ANN401  h5py
        """Put the table and the frames in."""
        data = add_table(made, "data", compound(**members), compressed=user % 2 == 1)
        data.attrs["task"] = task.files
        edges = np.linspace(stamps[0], stamps[-1], 4)
        stages = (
            (("name",), _words([f"stage_{n}" for n in range(3)])),
            (("start", "end"), np.stack([edges[:-1], edges[1:]], 1)),
        )
        add(made, "stages", np.arange(3), stages)
        if task.prompts:
            starts = stamps[np.flatnonzero((labels[1:] != labels[:-1]) & (labels[1:] > 0)) + 1]
            add(made, "prompts", np.arange(len(starts)), _prompts(task, starts))

    write_hdf5(file, fill)


def _prompts(task: Task, starts: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return the blocks of a frame of prompts."""
    if task.prompts == "gesture":
        names = [GESTURES[number % len(GESTURES)] for number in range(len(starts))]
        return (("name",), _words(names)), (("time",), starts[:, None])
    said = [_SENTENCES[number % len(_SENTENCES)] for number in range(len(starts))]
    return (("prompt",), _words(said)), (("start", "end"), np.stack([starts, starts + 0.25], axis=1))


def _words(items: list[str]) -> NDArray[np.bytes_]:
    """Return a column of texts, (rows, 1)."""
    return np.array([item.encode() for item in items])[:, None]
