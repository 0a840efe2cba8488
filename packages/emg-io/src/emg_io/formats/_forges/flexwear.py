"""Forging FlexWear-HD: two rounds a person, one trial of the second round missing, one file compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._layout import Layout
from emg_io.forging import Actor, Truth
from emg_io.formats.flexwear import GESTURES, N_CHANS, SFREQ

from ._hdf5_files import write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_GRID = Layout.grid(np.arange(N_CHANS).reshape(8, 8), circular=(False, True), pitch_mm=20.0)
_ROUNDS = (("initial", 2), ("recalibration", 1))
_SCALE = 400.0


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.1, variation: float = 1.0) -> list[Truth]:
    """Write two files a person.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        People, 1 or more.
    seed
        Same seed, same bytes.
    segment_s
        Length of a trial, seconds, > 0.
    variation
        How far people differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for person in range(1, n_subjects + 1):
        actor = Actor.draw(_GRID, SFREQ, len(GESTURES), (seed, person), variation=variation)
        for session, n_trials in _ROUNDS:
            arrays = {
                name: np.stack([actor.trial(gesture, segment_s) * _SCALE for _ in range(n_trials)]).astype(np.float32)
                for gesture, name in enumerate(GESTURES)
                if (session, name) != ("recalibration", "tripod")
            }
            _write(out / f"p{person:03d}" / f"data_allchannels_{session}.h5", arrays, compressed=session == "initial")
            for name, trials in arrays.items():
                label = np.full(trials.shape[2], GESTURES.index(name), np.int8)
                truths += [
                    Truth(f"{person:03d}", session, name, number, trial, label)
                    for number, trial in enumerate(trials, 1)
                ]
    return truths


def _write(file: Path, arrays: dict[str, NDArray[np.float32]], *, compressed: bool) -> None:
    """Write one round."""

    def fill(made: Any) -> None:  # noqa: ANN401  h5py
        """Put one dataset a gesture in."""
        for name, trials in arrays.items():
            options = {"chunks": (1, *trials.shape[1:]), "compression": "gzip"} if compressed else {}
            made.create_dataset(f"{name}_p1", data=trials, track_times=False, **options)

    write_hdf5(file, fill)
