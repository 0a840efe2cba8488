"""Forging a long-term data set: clips of eight decimals with five significant digits, some of them with exponents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.longterm import LABELS, RING, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

_AMPLITUDE = 0.4


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    segment_s: float = 0.5,
    n_days: int = 2,
    n_motions: int = 4,
    n_trials: int = 2,
    variation: float = 1.0,
) -> list[Truth]:
    """Write a data set in the publisher's layout.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s
        Length of a clip in seconds, > 0 (the real set: 1.5).
    n_days, n_motions, n_trials
        How many of the real set's 30 days, 22 motions and 4 trials.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(RING, SFREQ, len(LABELS), (seed, subject), variation=variation)
        for day in range(1, n_days + 1):
            folder = out / "data" / f"sub{subject}" / f"day{day}"
            folder.mkdir(parents=True)
            for motion in range(1, n_motions + 1):
                for trial in range(1, n_trials + 1):
                    cells = [[f"{x:.5g}" for x in row] for row in (actor.trial(motion - 1, segment_s) * _AMPLITUDE).T]
                    text = "".join(",".join(row) + "\n" for row in cells)
                    write_bytes(folder / f"D{day}M{motion}T{trial}.csv", text.encode())
                    raw = np.array([[float(cell) for cell in row] for row in cells]).T
                    labels = np.full(raw.shape[1], motion)
                    truths.append(Truth(str(subject), f"day{day}", LABELS[motion], trial, raw, labels))
    return truths
