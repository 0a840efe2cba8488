"""Forging WFDB records: four EMG signals in one packing after another, a force signal beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.engines._wfdb_samples import PACKINGS
from emg_io.engines._wfdb_write import SignalText, record_bytes
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

SFREQ = 1000.0
_N_CHANS = 4


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.2, variation: float = 1.0
) -> list[Truth]:
    """Write one record a subject, each in another of the nine packings; three gestures, no labels.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a gesture and of a pause, seconds, > 0.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths, kinds = [], list(PACKINGS)
    for subject in range(1, n_subjects + 1):
        kind = kinds[(subject - 1) % len(kinds)]
        full = 2 ** (PACKINGS[kind].bits - 1) - 1
        actor = Actor.draw(Layout.ring(_N_CHANS), SFREQ, 4, (seed, subject), variation=variation)
        emg = actor.session((1, 2, 3), segment_s, gap_s)[0]
        digital = np.clip(np.rint(emg * full / 2), -full, full).astype(PACKINGS[kind].dtype)
        force = np.rint(np.linspace(0, full / 4, digital.shape[1])).astype(digital.dtype)
        texts = [SignalText(f"EMG {n}", full / 4, 0, "mV") for n in range(1, _N_CHANS + 1)]
        texts.append(SignalText("force", full / 100, 0, "N"))
        name = f"record{subject}"
        for file, content in record_bytes(name, np.vstack([digital, force]), texts, SFREQ, kind).items():
            write_bytes(out / file, content)
        truths.append(Truth(name, "1", "", None, digital))
    return truths
