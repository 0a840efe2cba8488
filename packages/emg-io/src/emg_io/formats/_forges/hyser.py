"""Forging Hyser: a few trials of every sub-dataset, gains of their own in every record, gaps where the set has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._wfdb_write import SignalText, record_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.hyser import CHANNELS, FORCE_HZ, FORMAT, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FULL = 30_000
_MV_PER_UNIT = 2.0
_FINGERS = ("thumb", "index", "middle", "ring", "little")


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.08, n_gestures: float = 3, variation: float = 1.0
) -> list[Truth]:
    """Write two sessions a subject: gesture trials, and one trial of each force task.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more; subject 3 lacks the last gesture, subject 10 the random task, as in the real set.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial, seconds, > 0 (the real set: 1 to 25).
    n_gestures
        Gestures 1, 2, ... in the pattern-recognition part, 1..34; two trials each.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths: list[Truth] = []
    for subject in range(1, n_subjects + 1):
        layout = FORMAT.info.layout
        if layout is None:
            raise AssertionError
        actor = Actor.draw(layout, SFREQ, 35, (seed, subject), variation=variation)
        for session in (1, 2):
            place = _Session(out, subject, session, actor, segment_s)
            gestures = [n for n in range(1, int(n_gestures) + 1) if subject != 3 or n < n_gestures]
            truths += place.gesture_trials(gestures)
            truths += place.force_trials()
    return truths


class _Session:
    """Writes one subject's session."""

    def __init__(self, out: Path, subject: int, session: int, actor: Actor, seconds: float) -> None:
        self._out, self._subject, self._session, self._actor, self._seconds = out, subject, session, actor, seconds

    def gesture_trials(self, gestures: list[int]) -> list[Truth]:
        """Write dynamic and maintenance trials, raw and preprocessed, and their labels."""
        truths, order = [], [gesture for gesture in gestures for _ in (1, 2)]
        for stage in ("dynamic", "maintenance"):
            for sample, gesture in enumerate(order, start=1):
                emg = self._actor.trial(gesture, self._seconds)
                for way, signal in (("raw", emg), ("preprocess", emg - emg.mean(axis=1, keepdims=True))):
                    digital = self._emg("pr", f"{stage}_{way}_sample{sample}", signal)
                    labels = np.full(digital.shape[1], gesture)
                    truths.append(self._truth(f"pr/{stage}/{way}", sample, digital, labels))
            write_bytes(self._folder("pr") / f"label_{stage}.txt", ",".join(map(str, order)).encode())
        return truths

    def force_trials(self) -> list[Truth]:
        """Write one trial of each force task, and the forces; one force record is missing."""
        jobs = [("1dof", "finger2", "", 1), ("ndof", "combination3", "", 2), ("mvc", "finger1", "flexion", None)]
        jobs += [("random", "", "", 1)] if self._subject != 10 else []
        truths = []
        for number, (kind, part, move, sample) in enumerate(jobs, start=1):
            tail = "".join(f"_{word}" for word in (part, move, f"sample{sample}" if sample else "") if word)
            task = "/".join(word for word in (kind, part, move, "raw") if word)
            digital = self._emg(kind, f"{kind}_raw{tail}", self._actor.trial(number, self._seconds))
            truths.append(self._truth(task, sample, digital, None))
            if kind != "ndof":
                self._force(kind, f"{kind}_force{tail}", number)
        return truths

    def _folder(self, kind: str) -> Path:
        """Return the session's folder in a sub-dataset, made if need be."""
        folder = self._out / f"{kind}_dataset" / f"subject{self._subject:02d}_session{self._session}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _emg(self, kind: str, name: str, emg: NDArray[np.floating]) -> NDArray[np.int16]:
        """Write an EMG record, each channel stretched over the range of 16 bits as the set does it."""
        low, high = emg.min(axis=1), emg.max(axis=1)
        gains = np.round(2 * _FULL / np.maximum(high - low, 1e-6) / _MV_PER_UNIT, 4)
        baselines = np.rint(-(high + low) / 2 * gains * _MV_PER_UNIT).astype(int)
        digital: NDArray[np.int16] = np.rint(emg * _MV_PER_UNIT * gains[:, None] + baselines[:, None]).astype(np.int16)
        texts = [SignalText(*row) for row in zip(CHANNELS, gains.tolist(), baselines.tolist(), strict=False)]
        self._write(kind, name, digital, texts, SFREQ)
        return digital

    def _force(self, kind: str, name: str, finger: int) -> None:
        """Write a force record: one finger pushes."""
        n_samples = max(1, round(self._seconds * FORCE_HZ))
        digital = np.zeros((5, n_samples), np.int16)
        digital[finger] = np.linspace(0, 20_000, n_samples).astype(np.int16)
        self._write(
            kind, name, digital, [SignalText(finger_name, 1000.0, 0, "N") for finger_name in _FINGERS], FORCE_HZ
        )

    def _write(self, kind: str, name: str, digital: NDArray[np.int16], texts: list[SignalText], rate: float) -> None:
        """Write the files of a record."""
        for file, content in record_bytes(name, digital, texts, rate).items():
            write_bytes(self._folder(kind) / file, content)

    def _truth(self, task: str, sample: int | None, raw: NDArray[np.int16], labels: NDArray[np.int64] | None) -> Truth:
        """Say what a reader must find."""
        return Truth(str(self._subject), str(self._session), task, sample, raw, labels)
