"""Forging EDF+ and BDF+ files: a subject a folder, one file of 16 bits and one of 24."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._layout import Layout
from emg_io._recording import runs
from emg_io.engines._edf_scale import ranges_for
from emg_io.engines._edf_tal import Note
from emg_io.engines._edf_write import RANGE, Channel, write_edf
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_CHANS, SFREQ = 6, 1000.0
UV_PER_STEP = {2: 0.5, 3: 0.03125}
_PEAK_UV = 900.0
_GESTURES = ("rest", "fist", "wrist flexion", "wrist extension")


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.8, gap_s: float = 0.5, variation: float = 1.0
) -> list[Truth]:
    """Write EDF+ and BDF+ files of synthetic EMG whose annotations name the gestures.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more; each has a folder with one file of either kind.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a gesture and of a pause, s, > 0.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(Layout.ring(N_CHANS), SFREQ, len(_GESTURES), (seed, subject), variation=variation)
        folder = out / f"S{subject:02d}"
        folder.mkdir(parents=True)
        for name, sample_bytes in (("first.edf", 2), ("second.bdf", 3)):
            emg, labels, _ = actor.session((1, 2, 3, 1, 2, 3), segment_s, gap_s)
            scale = UV_PER_STEP[sample_bytes]
            low, high = RANGE[sample_bytes]
            kind = np.int16 if sample_bytes == 2 else np.int32
            raw: NDArray[np.integer] = np.clip(np.rint(emg * (_PEAK_UV / scale)), low, high).astype(kind)
            ranges = ranges_for(scale, 0.0, int(raw.min()), int(raw.max()), (low, high))
            if ranges is None:
                raise AssertionError("the scale is a short decimal")
            channels = [Channel(f"EMG {k}", "uV", ranges, "HP:10Hz LP:450Hz") for k in range(1, N_CHANS + 1)]
            notes = [
                Note(start / SFREQ, (stop - start) / SFREQ, _GESTURES[value])
                for start, stop, value in runs(labels)
                if value
            ]
            write_edf(folder / name, raw, SFREQ, channels, notes, sample_bytes=sample_bytes)
            truths.append(Truth(folder.name, "1", name.split(".")[0], None, raw))
    return truths
