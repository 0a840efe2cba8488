"""Forging CSL-HDEMG: cells of 192 rows, every eighth of them without meaning, trials of unequal length, one missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.engines._mat5_write import Cell, mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.csl import LABELS, N_CHANS, N_COLUMNS, N_ROWS, N_STORED, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# the same electrodes as the reader's layout, turned so that columns lie round the limb
_ARM = Layout.grid(np.arange(N_CHANS).reshape(N_COLUMNS, N_ROWS).T)
_STEP = 2.0**-19
_GESTURES = (0, 1, 2)
_N_TRIALS = 3


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.08, variation: float = 1.0) -> list[Truth]:
    """Write three gestures of one session a subject, three trials each; the last subject lacks the last trial.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial in seconds, > 0.01 (the real set: about 3); trials differ by some samples.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(_ARM, SFREQ, len(LABELS), (seed, subject), variation=variation)
        folder = out / f"subject{subject}" / "session1"
        folder.mkdir(parents=True)
        for gesture in _GESTURES:
            short = subject == n_subjects and gesture == _GESTURES[-1]
            cells = [_trial(actor, gesture, segment_s) for _ in range(_N_TRIALS - short)]
            write_bytes(folder / f"gest{gesture}.mat", mat_bytes({"gestures": Cell(cells)}))
            for number, cell in enumerate(cells, 1):
                raw = np.delete(cell, np.s_[N_ROWS :: N_ROWS + 1], axis=0)
                labels = np.full(raw.shape[1], gesture)
                truths.append(Truth(str(subject), "1", LABELS[gesture], number, raw, labels))
    return truths


def _trial(actor: Actor, gesture: int, seconds: float) -> NDArray[np.float64]:
    """Return one cell, (192, time): whole steps of the converter, the wrapped differences in between."""
    emg = actor.trial(gesture, seconds + int(actor.rng.integers(-8, 9)) / SFREQ)
    cell = np.zeros((N_STORED, emg.shape[1]))
    cell.reshape(N_COLUMNS, N_ROWS + 1, -1)[:, :N_ROWS] = np.rint(emg * 1000).reshape(N_COLUMNS, N_ROWS, -1)
    cell[N_ROWS :: N_ROWS + 1] = -cell.reshape(N_COLUMNS, N_ROWS + 1, -1)[:, :N_ROWS].sum(axis=1)
    return cell * _STEP
