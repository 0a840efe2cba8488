"""Forging FORS-EMG: trials of eight channels, channels first, folders spelt now so and now so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._mat5_write import mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.fors import GESTURES, LABELS, LAYOUT, ORIENTATIONS, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_COUNTS = 1000.0


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    n_gestures: int = 12,
    n_trials: int = 1,
    segment_s: float = 0.25,
    variation: float = 1.0,
) -> list[Truth]:
    """Write a synthetic FORS-EMG.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, each in three orientations; folders of even subjects are spelt in small letters.
    seed
        Same seed, same bytes.
    n_gestures, n_trials
        Gestures, the last of the twelve first, and trials of each, 1 to 5.
    segment_s
        Length of a trial, seconds; trials differ by some samples.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(LAYOUT, SFREQ, len(LABELS) + 1, (seed, subject), variation=variation)
        for orientation in ORIENTATIONS:
            folder = out / f"Subject{subject}" / (orientation.title() if subject % 2 else orientation)
            folder.mkdir(parents=True)
            for label in range(len(GESTURES), len(GESTURES) - n_gestures, -1):
                for trial in range(1, n_trials + 1):
                    raw = (actor.trial(label, segment_s * actor.rng.uniform(0.9, 1.1)) * _COUNTS).round(1)
                    write_bytes(folder / f"{_spelt(label, subject)}-{trial}.mat", mat_bytes({"value": raw}))
                    truths.append(_truth(subject, orientation, label, trial, raw))
    return truths


def _spelt(label: int, subject: int) -> str:
    """Return a gesture as a file name has it: odd subjects' ulnar deviation is misspelt."""
    name = GESTURES[label - 1]
    return name.replace("Ulnar", "Ulner") if subject % 2 else name


def _truth(subject: int, orientation: str, label: int, trial: int, raw: NDArray[np.float64]) -> Truth:
    """Return what a reader must find in a file."""
    labels = np.full(raw.shape[1], label, np.int16)
    return Truth(str(subject), "1", f"{LABELS[label]}, {orientation}", trial, raw, labels)
