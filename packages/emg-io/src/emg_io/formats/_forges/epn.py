"""Forging EMG-EPN-612: JSON files of both folders, with sensors beside the EMG, names kept back where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._epn_sample import CHANNELS, IMU_RATIO, SENSORS
from emg_io.formats._myo import COUNT_MAX, COUNT_MIN, RING, SFREQ
from emg_io.formats.epn import HALVES, LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNTS_PER_UNIT = 55.0
_GESTURES = (0, 1, 2, 3, 4, 5)


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 2.0, repetitions: float = 2, variation: float = 1.0
) -> list[Truth]:
    """Write a data set in the layout of the publisher's archive.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, by turns training and testing users; both folders number them from 1.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial in seconds, > 0.2 (the real set: 5); trials differ by some samples.
    repetitions
        Trials of each gesture in each half, a whole number > 0 (the real set: 25).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for index in range(n_subjects):
        folder, number = ("training", "testing")[index % 2], index // 2 + 1
        actor = Actor.draw(RING, SFREQ, len(_GESTURES), (seed, index), variation=variation)
        body: dict[str, Any] = {
            "generalInfo": {"deviceModel": "Myo Armband", "samplingFrequencyInHertz": 200, "recordingTimeInSeconds": 5},
            "userInfo": {"name": f"user{number}", "age": int(actor.rng.integers(18, 60)), "handedness": "right_Handed"},
            "synchronizationGesture": {"samples": {"idx_1": _sample(trial(actor, 3, segment_s), actor, "waveOut")}},
        }
        for half in HALVES:
            named = folder == "training" or half == HALVES[0]
            order = [gesture for gesture in _GESTURES for _ in range(int(repetitions))]
            trials = [trial(actor, gesture, segment_s) for gesture in order]
            body[half] = {
                f"idx_{k}": _sample(raw, actor, LABELS[gesture] if named else None)
                for k, (gesture, raw) in enumerate(zip(order, trials, strict=True), start=1)
            }
            values = [gesture if named else -1 for gesture in order]
            labels = np.repeat(values, [raw.shape[1] for raw in trials])
            truths.append(Truth(f"{folder}/user{number}", "1", half, None, np.concatenate(trials, axis=1), labels))
        file = out / f"{folder}JSON" / f"user{number}" / f"user{number}.json"
        file.parent.mkdir(parents=True)
        write_bytes(file, orjson.dumps(body))
    return truths


def trial(actor: Actor, gesture: int, seconds: float) -> NDArray[np.int8]:
    """Return one trial as the armband sends it, (8, time), some samples shorter or longer than asked for."""
    emg = actor.trial(gesture, seconds + int(actor.rng.integers(-8, 4)) / SFREQ)
    return np.clip(np.rint(emg * COUNTS_PER_UNIT), COUNT_MIN, COUNT_MAX).astype(np.int8)


def _sample(raw: NDArray[np.int8], actor: Actor, name: str | None) -> dict[str, Any]:
    """Return one sample as it stands in the file; ``noGesture`` has no ground truth, nor have samples without name."""
    n_samples = raw.shape[1]
    first, last = n_samples // 4, n_samples * 3 // 4
    sample: dict[str, Any] = {"startPointforGestureExecution": first, "myoDetection": [0] * n_samples}
    for sensor, axes in SENSORS.items():
        values = np.round(np.cumsum(actor.rng.normal(0, 0.05, (len(axes), n_samples // IMU_RATIO)), axis=1), 4)
        sample[sensor] = dict(zip(axes, values.tolist(), strict=True))
    sample["emg"] = dict(zip(CHANNELS, raw.tolist(), strict=True))
    if name is not None:
        sample["gestureName"] = name
    if name not in {None, "noGesture"}:
        inside = (np.arange(n_samples) >= first) & (np.arange(n_samples) < last)
        sample |= {"groundTruth": inside.astype(int).tolist(), "groundTruthIndex": [first, last]}
    return sample
