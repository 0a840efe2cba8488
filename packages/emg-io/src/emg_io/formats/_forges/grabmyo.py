"""Forging GRABMyo: short trials with unused signals between the electrodes and gains of their own in every record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._wfdb_write import SignalText, record_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.grabmyo import CHANNELS, FORMAT, LABELS, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ORDER = (*CHANNELS[:16], "U1", *CHANNELS[16:22], "U2", "U3", *CHANNELS[22:], "U4")
_FULL = 32_000
_MV_PER_UNIT = 1.0


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    segment_s: float = 0.1,
    n_gestures: float = 4,
    n_trials: float = 2,
    variation: float = 1.0,
) -> list[Truth]:
    """Write three sessions a participant: rest and the first gestures, a few trials each.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial, seconds, > 0 (the real set: 5).
    n_gestures, n_trials
        Gestures counting rest, 1..17, and trials of each, 1..7 (the real set has all).
    variation
        How far participants differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    layout, truths = FORMAT.info.layout, []
    if layout is None:
        raise AssertionError
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(layout, SFREQ, 17, (seed, subject), variation=variation)
        for session in (1, 2, 3):
            folder = out / f"Session{session}" / f"session{session}_participant{subject}"
            folder.mkdir(parents=True, exist_ok=True)
            for gesture in (*range(1, int(n_gestures)), 17):
                for trial in range(1, int(n_trials) + 1):
                    name = f"session{session}_participant{subject}_gesture{gesture}_trial{trial}"
                    raw = _write(folder, name, actor.trial(gesture % 17, segment_s), actor.rng)
                    labels = np.full(raw.shape[1], gesture)
                    truths.append(Truth(str(subject), str(session), LABELS[gesture], trial, raw, labels))
    return truths


def _write(folder: Path, name: str, emg: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.int16]:
    """Write a record, each signal stretched over the range of 16 bits; return the electrodes."""
    rows = dict(zip(CHANNELS, emg, strict=True))
    signals = np.array([rows[name] if name in rows else rng.normal(0, 0.1, emg.shape[1]) for name in _ORDER])
    low, high = signals.min(axis=1), signals.max(axis=1)
    gains = np.round(2 * _FULL / np.maximum(high - low, 1e-6) / _MV_PER_UNIT, 3)
    baselines = np.rint(-(high + low) / 2 * gains * _MV_PER_UNIT).astype(int)
    digital: NDArray[np.int16] = np.rint(signals * _MV_PER_UNIT * gains[:, None] + baselines[:, None]).astype(np.int16)
    texts = [SignalText(*row) for row in zip(_ORDER, gains.tolist(), baselines.tolist(), strict=True)]
    for file, content in record_bytes(name, digital, texts, SFREQ).items():
        write_bytes(folder / file, content)
    electrodes: NDArray[np.int16] = digital[[_ORDER.index(channel) for channel in CHANNELS]]
    return electrodes
