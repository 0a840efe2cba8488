"""Forging flexemg: uint16 counts in 96 columns, 32 of them empty, a level for each channel, and the struct ``p``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._mat5_write import Cell, Small, mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._flexemg_script import LABELS, Script
from emg_io.formats.flexemg import LAYOUT, MV_PER_COUNT, N_CHANS, N_STORED, SFREQ, array_map

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_COUNTS_PER_UNIT = 60.0
_LEVELS = (6900.0, 17100.0)
_FOLDERS = ("Session1Test", "Session1Train")


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.4, variation: float = 1.0
) -> list[Truth]:
    """Write one trial of training and one of test a subject, and the electrode map.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Length of a gesture and of the rest before the first, seconds, > 0 (the real set: 5 and 5).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    write_bytes(out / "arraymap.mat", mat_bytes({"arraymap": array_map()}))
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(LAYOUT, SFREQ, len(LABELS), (seed, subject), variation=variation)
        level = actor.rng.uniform(*_LEVELS, N_CHANS)
        for part in _FOLDERS:
            order = tuple(int(value) for value in actor.rng.permutation(4) + 1)
            script = Script(order, 1, round(segment_s * SFREQ), round(gap_s * SFREQ))
            raw = _counts(actor, script, level)
            folder = out / "data" / f"{subject:03}-{part}"
            folder.mkdir(parents=True)
            write_bytes(folder / f"{subject:03}-001.mat", mat_bytes({"p": _struct(script), "raw": Small(raw)}))
            task = part.removeprefix("Session1")
            labels = script.tracks(len(raw))[0]
            truths.append(Truth(f"{subject:03}", "1", task, 1, np.ascontiguousarray(raw[:, :N_CHANS].T), labels))
    return truths


def _counts(actor: Actor, script: Script, level: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return one trial as stored, (time, 96), with three fifths of a gesture's time at rest in the end."""
    gestures = [0, *script.sequence, 0]
    seconds = [script.timerest, *[script.timegest] * len(script.sequence), 3 * script.timegest // 5]
    emg = np.concatenate([actor.trial(g, n / SFREQ) for g, n in zip(gestures, seconds, strict=True)], axis=1)
    raw = np.zeros((emg.shape[1], N_STORED), np.uint16)
    raw[:, :N_CHANS] = np.clip(np.rint(emg * _COUNTS_PER_UNIT + level[:, None]), 0, 65535).T
    return raw


def _struct(script: Script) -> dict[str, object]:
    """Return the struct ``p``, numbers stored as MATLAB stores them."""
    names = [name for value, name in LABELS.items() if value]
    return {
        "lsbmV": np.array([[MV_PER_COUNT]]),
        "labelnames": Cell(names, (1, len(names))),
        "numlabels": Small(np.array([[len(names)]], np.uint8)),
        "sequence": Small(np.array([script.sequence], np.uint8)),
        "reps": Small(np.array([[script.reps]], np.uint8)),
        "timegest": Small(np.array([[script.timegest]], np.uint16)),
        "timerest": Small(np.array([[script.timerest]], np.uint16)),
    }
