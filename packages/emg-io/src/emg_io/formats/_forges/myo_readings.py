"""Forging a Myo readings data set: eight files a recording, label 0 and the gesture by turns, CRLF for one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._forges.threedc import rows
from emg_io.formats._myo import COUNT_MAX, COUNT_MIN, RING, SFREQ
from emg_io.formats.myo_readings import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNTS_PER_UNIT = 55.0
FIRST_SUBJECT = 10_000


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.5, n_blocks: int = 4, variation: float = 1.0
) -> list[Truth]:
    """Write a data set in the publisher's layout.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more; one recording each. The first one's lines end with CRLF, as in the real set.
    seed
        Same seed, same bytes.
    segment_s
        Length of a block in seconds, > 0.1 (the real set: about 5).
    n_blocks
        Blocks a file (the real set: 12).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for index in range(n_subjects):
        subject = str(FIRST_SUBJECT + index)
        actor = Actor.draw(RING, SFREQ, len(LABELS), (seed, index), variation=variation)
        folder = out / f"{subject}-1"
        folder.mkdir()
        for gesture, task in LABELS.items():
            raw, labels = _minute(actor, gesture, segment_s, n_blocks)
            table = np.vstack([raw, labels]).T.tolist()
            write_bytes(folder / f"{gesture}.txt", rows(table, "\n" if index else "\r\n"))
            truths.append(Truth(subject, "1", task, None, raw, labels))
    return truths


def _minute(actor: Actor, gesture: int, segment_s: float, n_blocks: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Act 0 and the gesture by turns; blocks differ in length."""
    blocks, labels = [], []
    for number in range(n_blocks):
        label = gesture * (number % 2)
        emg = actor.trial(label, segment_s * actor.rng.uniform(0.8, 1.2))
        blocks.append(np.clip(np.rint(emg * COUNTS_PER_UNIT), COUNT_MIN, COUNT_MAX).astype(np.int8))
        labels.append(np.full(blocks[-1].shape[1], label, np.int8))
    return np.hstack(blocks), np.concatenate(labels)
