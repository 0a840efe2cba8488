"""Forging a UCI data set: synthetic EMG through the set's sample-and-hold clock into its very text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._uci_text import HEADER, spell
from emg_io.forging import Truth
from emg_io.forging._arm import SIM_HZ, Person, cue_track, ring_angles, series, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


FOLDER = "EMG_data_for_gestures-master"
COUNTS_PER_UNIT = 55.0
_ORDER = (1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6)
_READING_STEPS_MS, _READING_ODDS = (1, 8, 15, 22), (0.30, 0.30, 0.28, 0.12)
_ROW_STEPS_MS, _ROW_ODDS = (1, 2, 3, 9), (0.968, 0.027, 0.0047, 0.0003)

# rows: gesture 0 (none), rest, fist, flexion, extension, radial, ulnar; columns: the muscles of the arm model
_PATTERNS = np.array(
    [
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.16, 0.42, 0.20, 0.14, 0.26, 0.18],
        [0.34, 0.26, 0.36, 0.05, 0.04, 0.04],
        [0.05, 0.05, 0.06, 0.30, 0.44, 0.34],
        [0.24, 0.05, 0.04, 0.06, 0.16, 0.44],
        [0.05, 0.07, 0.36, 0.40, 0.10, 0.04],
    ]
)


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.8, gap_s: float = 1.3, variation: float = 1.0
) -> list[Truth]:
    """Write a data set in the layout of the UCI archive.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more; each has two series of the gestures 1..6, twice.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a gesture and of a pause, seconds, > 0 (the real set: 1.75 and 3).
    variation
        How far subjects differ, 0 or more; 1 leaves a nearest-centroid rule on channel RMS short of perfect.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        rng = np.random.default_rng((seed, subject))
        person = Person.draw(rng, len(_PATTERNS), variation=variation)
        for number in (1, 2):
            script = series(_ORDER, segment_s, gap_s, rng)
            emg = simulate(person.rewear(rng, variation), script, _PATTERNS, ring_angles(8), rng)
            stamps, counts = log(np.clip(np.rint(emg * COUNTS_PER_UNIT), -128, 127).astype(np.int8), rng)
            labels = cue_track(script, stamps / 1e3)
            name = f"{number}_raw_data_{8 + subject % 12:02d}-{10 + number:02d}_{1 + subject % 28:02d}.03.16.txt"
            file = out / FOLDER / f"{subject:02d}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, text(stamps, counts, labels))
            truths.append(Truth(f"{subject:02d}", str(number), "", None, counts, labels))
    return truths


def log(counts: NDArray[np.int8], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Log a signal the way the set was logged.

    Parameters
    ----------
    counts
        (channels, time) at 1 kHz.
    rng
        Source of randomness.

    Returns
    -------
    stamps : ndarray
        (rows,) int64 ms, strictly increasing, about 950 rows a second.
    held : ndarray
        (channels, rows): the last reading at each row; readings arrive about 104 times a second.
    """
    n_ms = round(counts.shape[1] * 1e3 / SIM_HZ)
    readings = np.cumsum(rng.choice(_READING_STEPS_MS, n_ms, p=_READING_ODDS))
    readings = np.concatenate([[0], readings[readings < n_ms]])
    stamps = np.cumsum(rng.choice(_ROW_STEPS_MS, n_ms, p=_ROW_ODDS))
    stamps = stamps[stamps < n_ms].astype(np.int64)
    last = readings[np.searchsorted(readings, stamps, side="right") - 1]
    return stamps, counts[:, last]


def text(
    stamps: NDArray[np.int64], counts: NDArray[np.int8], labels: NDArray[np.integer], ending: str = "\r\n"
) -> bytes:
    """Return the file's text: header, then stamp in ms, eight values in the set's spelling and the class."""
    words = [spell(count) for count in range(-128, 128)]
    changed = np.concatenate([[0], np.flatnonzero(np.any(counts[:, 1:] != counts[:, :-1], axis=0)) + 1, [len(stamps)]])
    lines = [HEADER.decode()]
    for start, stop in zip(changed[:-1].tolist(), changed[1:].tolist(), strict=True):
        middle = "\t".join(words[count + 128] for count in counts[:, start].tolist())
        rows = zip(stamps[start:stop].tolist(), labels[start:stop].tolist(), strict=True)
        lines.extend(f"{stamp}\t{middle}\t{label}" for stamp, label in rows)
    return (ending.join(lines) + ending).encode()
