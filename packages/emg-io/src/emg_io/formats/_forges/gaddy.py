"""Forging the silent speech set: days of utterances in three folders, each an array and what was read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import orjson

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.gaddy import KINDS, LAYOUT, REFERENCE, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog")
_UNIT = 40.0
_N_SOUNDS = 6


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.0, utterances: float = 3, variation: float = 1.0
) -> list[Truth]:
    """Write a data set in the layout of the publisher's archive.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        Number of days, 1 or more: the set has one subject.
    seed
        Same seed, same bytes.
    segment_s
        Length of a sound in seconds, > 0; utterances have three to six of them.
    utterances
        Utterances of each kind and day, a whole number > 1; the first is a reference clip.
    variation
        How far days differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for day in range(1, n_subjects + 1):
        actor = Actor.draw(LAYOUT, SFREQ, _N_SOUNDS, (seed, day), variation=variation)
        for kind in KINDS:
            name = f"5-{day}_silent" if kind == KINDS[0] else f"5-{day}"
            folder = out / f"{kind}_data" / name
            folder.mkdir(parents=True)
            for number in range(int(utterances)):
                sounds = actor.rng.integers(1, _N_SOUNDS, int(actor.rng.integers(3, 7))) if number else [0]
                raw = _UNIT * np.concatenate([actor.trial(int(sound), segment_s) for sound in sounds], axis=1)
                text = " ".join(_WORDS[(day * number + k) % len(_WORDS)] for k in range(len(sounds))) if number else ""
                said: dict[str, object] = {
                    "text": text,
                    "book": "a book.txt" if number else "",
                    "chunks": [[raw.shape[1], 16, 1]],
                }
                said["sentence_index"] = 100 * day + number if number else REFERENCE
                stream = io.BytesIO()
                np.save(stream, raw.T, allow_pickle=False)
                write_bytes(folder / f"{number}_emg.npy", stream.getvalue())
                write_bytes(folder / f"{number}_info.json", orjson.dumps(said))
                truths.append(Truth("1", name, f"{kind}/{number}", None, raw))
    return truths
