"""Forging CapgMyo: preprocessed trials of 128 channels, a folder a subject number, maximum-force trials among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._mat5_write import mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.capgmyo import LAYOUT, MVC, PARTS, SFREQ

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from emg_io.formats.capgmyo import Part

_FULL_SCALE = 0.25


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    letter: str,
    n_gestures: int = 2,
    n_trials: int = 2,
    segment_s: float = 0.2,
    variation: float = 1.0,
) -> list[Truth]:
    """Write a synthetic part of CapgMyo.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more people; DB-b writes two subject numbers for each.
    seed
        Same seed, same bytes.
    letter
        ``"a"``, ``"b"`` or ``"c"``.
    n_gestures, n_trials
        Gestures and trials of each, from 1; the first subject number has maximum-force trials as well.
    segment_s
        Length of a trial, seconds (the real set: usually 1).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    part = next(part for part in PARTS if part.letter == letter)
    truths = []
    for number in range(1, n_subjects * part.sessions + 1):
        person, session = divmod(number - 1, part.sessions)
        actor = Actor.draw(LAYOUT, SFREQ, 1 + len(part.names), (seed, person, session), variation=variation)
        for gesture, trial in _trials(number, n_gestures, n_trials):
            acted = gesture if gesture in part.names else 1
            raw = (actor.trial(acted, segment_s) * _FULL_SCALE).astype(np.float32)
            folder = out / f"db{letter}-preprocessed-{number:03d}"
            folder.mkdir(exist_ok=True)
            ids = {"gesture": gesture, "subject": number, "trial": trial}
            fields = {"data": raw.T} | {name: np.array([[value]], np.uint8) for name, value in ids.items()}
            write_bytes(folder / f"{number:03d}-{gesture:03d}-{trial:03d}.mat", mat_bytes(fields))
            truths.append(_truth(part, (person, session), gesture, trial, raw))
    return truths


def _trials(number: int, n_gestures: int, n_trials: int) -> Iterator[tuple[int, int]]:
    """Yield gesture and trial of a subject number's files."""
    for gesture in range(1, n_gestures + 1):
        for trial in range(1, n_trials + 1):
            yield gesture, trial
    if number == 1:
        yield from ((gesture, 1) for gesture in MVC)


def _truth(part: Part, who: tuple[int, int], gesture: int, trial: int, raw: NDArray[np.float32]) -> Truth:
    """Return what a reader must find in a file."""
    labels = None if gesture in MVC else np.full(raw.shape[1], gesture, np.int16)
    task = part.names.get(gesture, f"mvc {gesture}")
    return Truth(str(who[0] + 1), str(who[1] + 1), task, trial, raw, labels)
