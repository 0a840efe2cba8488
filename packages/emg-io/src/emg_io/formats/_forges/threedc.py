"""Forging a 3DC data set: trials of ten integer columns without a header or a last line ending, some far too short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.threedc import LABELS, RING, SESSIONS, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

COUNTS_PER_UNIT = 2500.0
_SHORT = 7  # every so many trials, one is cut to half


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    segment_s: float = 0.3,
    n_repetitions: int = 2,
    variation: float = 1.0,
) -> list[Truth]:
    """Write a data set in the publisher's layout.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, each with both parts.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial in seconds, > 0.05 (the real set: about 5).
    n_repetitions
        Trials per gesture and part (the real set: 4).
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
        for session in SESSIONS:
            folder = out / f"Participant{subject}" / session / "EMG"
            folder.mkdir(parents=True)
            for number in range(n_repetitions * len(LABELS)):
                repetition, label = divmod(number, len(LABELS))
                seconds = segment_s * (0.5 if number % _SHORT == _SHORT - 1 else 1.0)
                emg = actor.trial(label, seconds) * COUNTS_PER_UNIT
                raw = np.clip(np.rint(emg), -32768, 32767).astype(np.int16)
                write_bytes(folder / f"3dc_EMG_gesture_{repetition}_{label}.txt", rows(raw.T.tolist()))
                labels = np.full(raw.shape[1], label)
                truths.append(Truth(str(subject), session, LABELS[label], repetition, raw, labels))
    return truths


def rows(values: list[list[int]], ending: str = "\n") -> bytes:
    """Return integers as comma-separated rows, the last one without an ending."""
    return ending.join(",".join(map(str, row)) for row in values).encode()
