"""Forging the one-subject Myo set: sessions of short CSV trials, the file that names their classes, a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._myo import COUNT_MAX, COUNT_MIN, RING, SFREQ
from emg_io.formats.one_subject_myo import LABELS, STREAM

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNTS_PER_UNIT = 55.0
_NAMES = {label: name.title().replace(" ", "_") for label, name in LABELS.items()}
_GESTURES = {2: 0, 0: 1, 1: 2, 3: 3, 4: 4}  # the actor's gesture 0 is rest


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 3.0, variation: float = 1.0) -> list[Truth]:
    """Write a data set in the layout of the publisher's repository.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        Number of sessions, 1 or more: the set has one subject, who wears the armband anew each time.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial in seconds, > 0.1 (the real set: 3); trials differ by some samples.
    variation
        How far wearings differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for session in range(1, n_subjects + 1):
        actor = Actor.draw(RING, SFREQ, len(_GESTURES), (seed, session), variation=variation)
        folder, said = out / f"trial_{session}", dict[str, object]({"continuous": False, "gifs": False})
        folder.mkdir()
        for repetition in (0, 1):
            for label in LABELS:
                raw = counts(actor.trial(_GESTURES[label], segment_s + int(actor.rng.integers(-2, 11)) / SFREQ))
                name = f"R_{repetition}_C_{label}.csv"
                write_bytes(folder / name, table(raw))
                entry = {"rep_idx": repetition, "class_idx": label, "class_name": _NAMES[label], "file_type": "png"}
                said[f"data/subject1/sgt/{folder.name}/{name}"] = entry
                labels = np.full(raw.shape[1], label)
                truths.append(Truth("1", folder.name, f"class_{label}", repetition, raw, labels))
        write_bytes(folder / "metadata.json", orjson.dumps(said))
    raw = counts(actor.session(tuple(_GESTURES.values()), segment_s, segment_s)[0])
    (out / STREAM).mkdir()
    write_bytes(out / STREAM / "raw_emg.csv", table(raw))
    return [*truths, Truth("1", STREAM, STREAM, None, raw)]


def counts(emg: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return a signal as the armband sends it, (8, time)."""
    return np.clip(np.rint(emg * COUNTS_PER_UNIT), COUNT_MIN, COUNT_MAX).astype(np.int8)


def table(raw: NDArray[np.int8]) -> bytes:
    """Return a file: a row a sample, commas, CRLF."""
    return "".join(",".join(map(str, row)) + "\r\n" for row in raw.T.tolist()).encode()
