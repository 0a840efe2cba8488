"""Forging a Myo armband data set: 28 headerless int16 trials a session, lengths that differ, ragged sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._myo import COUNT_MAX, COUNT_MIN, RING, SFREQ
from emg_io.formats.myo_armband import LABELS, PARTS, SESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNTS_PER_UNIT = 55.0
_N_REPETITIONS = 4


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.0, variation: float = 1.0) -> list[Truth]:
    """Write a data set in the layout of the publisher's repository.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more: by turns of the first part (one session) and of the second (three).
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial in seconds, > 0.1 (the real set: about 5); trials differ by some samples.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for index in range(n_subjects):
        part, person = PARTS[index % 2], f"{('Female', 'Male')[index // 2 % 2]}{index // 4}"
        actor = Actor.draw(RING, SFREQ, len(LABELS), (seed, index), variation=variation)
        folder = out / part / person
        sessions = SESSIONS if part == PARTS[1] else SESSIONS[:1]
        for session in sessions:
            (folder / session).mkdir(parents=True)
            for number in range(len(LABELS) * _N_REPETITIONS):
                repetition, label = divmod(number, len(LABELS))
                raw = counts(actor, label, segment_s + int(actor.rng.integers(-3, 4)) / SFREQ)
                write_bytes(folder / session / f"classe_{number}.dat", raw.T.astype("<i2").tobytes())
                labels = np.full(raw.shape[1], label)
                truths.append(Truth(f"{part}/{person}", session, LABELS[label], repetition, raw, labels))
        write_bytes(folder / "experiment.csv", _sheet(person, actor))
    return truths


def counts(actor: Actor, gesture: int, seconds: float) -> NDArray[np.int16]:
    """Return one trial as the armband sends it, (8, time) in -128..127."""
    emg = actor.trial(gesture, seconds)
    return np.clip(np.rint(emg * COUNTS_PER_UNIT), COUNT_MIN, COUNT_MAX).astype(np.int16)


def _sheet(person: str, actor: Actor) -> bytes:
    """Return a sheet about the person as ragged as the set's are."""
    age, girth = actor.rng.integers(20, 60), actor.rng.integers(30, 60) / 2
    rows = [f"Sex,{person[0]},,", f"Age,{age},,", f"Circumference,,{girth},", ",,,", "FirstExperiement,Myo,"]
    return ("\n".join(rows) + "\n").encode()
