"""Forging NinaPro DB1: synthetic EMG through a rectifying electrode into MAT v5 files of exercise 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._mat5_write import mat_bytes
from emg_io.forging import Truth
from emg_io.forging._arm import SIM_HZ, Person, Script, cue_track, ring_angles, series, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emg_io.forging._motor import Floats

SFREQ = 100.0
STEP_V = 10.0 / 4096
_SMOOTH_S = 0.08
_VOLTS_PER_UNIT = 3.0
_REACTION_S = 0.2
_N_MOVEMENTS, _N_REPETITIONS = 12, 10

# compartments of flexors and extensors of index, middle, ring and little finger, then three thumb muscles: degrees
_FLEXORS_DEG, _EXTENSORS_DEG, _THUMB_DEG = (40.0, 72.0, 104.0, 136.0), (285.0, 258.0, 231.0, 204.0), (8.0, 320.0, 345.0)
_ANGLES_DEG = (*_FLEXORS_DEG, *_EXTENSORS_DEG, *_THUMB_DEG)
_POINTS_DEG = (85.0, 245.0)


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.2, gap_s: float = 0.8, variation: float = 1.0
) -> list[Truth]:
    """Write exercise 1 of a synthetic DB1.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, one file each: 12 movements, 10 repetitions.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a movement and of the rest after it, seconds, > 0 (the real set: about 4 and 4).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        rng = np.random.default_rng((seed, subject))
        person = Person.draw(rng, _N_MOVEMENTS + 1, angles_deg=_ANGLES_DEG, variation=variation)
        order = [movement for movement in range(1, _N_MOVEMENTS + 1) for _ in range(_N_REPETITIONS)]
        script = series(order, segment_s, gap_s, rng)
        angles = np.concatenate([ring_angles(8), np.deg2rad(_POINTS_DEG)])
        emg = envelope(simulate(person, script, patterns(), angles, rng))
        fields = _fields(subject, emg, script, rng)
        write_bytes(out / f"S{subject}_A1_E1.mat", mat_bytes(fields))
        truths.append(Truth(str(subject), "1", "E1", None, emg, fields["restimulus"].astype(np.int16)))
    return truths


def patterns() -> Floats:
    """Return activations (movements, muscles) in 0..1: a finger moves its own compartment and a bit of others."""
    table = np.zeros((_N_MOVEMENTS + 1, len(_ANGLES_DEG)))
    for finger in range(4):
        for move, other in ((0, 1), (1, 0)):
            row = table[1 + 2 * finger + move]
            apart = np.abs(np.arange(4) - finger)
            row[4 * move : 4 * move + 4] = 0.5 * 0.25**apart
            row[4 * other : 4 * other + 4] = 0.04
    table[9, 8:] = (0.45, 0.05, 0.10)
    table[10, 8:] = (0.05, 0.45, 0.10)
    table[11, 8:], table[11, 0] = (0.15, 0.05, 0.50), 0.15
    table[12, 8:], table[12, 4] = (0.05, 0.25, 0.10), 0.25
    return table


def envelope(emg: Floats) -> Floats:
    """Return what the electrodes put out: rectified, smoothed, in steps: (channels, time), V at 100 Hz."""
    width = round(_SMOOTH_S * SIM_HZ)
    sums = np.cumsum(np.abs(emg), axis=1)
    sums[:, width:] -= sums[:, :-width].copy()
    smooth = sums[:, :: round(SIM_HZ / SFREQ)] / width * _VOLTS_PER_UNIT
    rest = np.quantile(smooth, 0.1, axis=1, keepdims=True)
    steps = np.clip(np.rint((smooth - 0.9 * rest) / STEP_V), 0, 2000)
    volts: Floats = np.round(steps * STEP_V, 4)
    return volts


def _fields(subject: int, emg: Floats, script: Script, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Return the variables of one file."""
    seconds = np.arange(emg.shape[1]) / SFREQ
    moved, cued = cue_track(script, seconds), cue_track(script, seconds + _REACTION_S)
    postures = rng.uniform(60.0, 160.0, (_N_MOVEMENTS + 1, 22)).round(0)
    return {
        "subject": np.array([[subject]], np.uint8),
        "exercise": np.array([[1]], np.uint8),
        "stimulus": cued.astype(np.uint8),
        "emg": emg.T,
        "glove": postures[moved],
        "restimulus": moved.astype(np.uint8),
        "repetition": _repetition(cued),
        "rerepetition": _repetition(moved),
    }


def _repetition(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Count the runs of each movement, (time,); 0 in between."""
    starts = (labels != 0) & (np.concatenate([[0], labels[:-1]]) == 0)
    number = (np.cumsum(starts) - 1) % _N_REPETITIONS + 1
    return np.where(labels != 0, number, 0).astype(np.uint8)
