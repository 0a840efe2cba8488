"""Forging BioSPPy examples: four comment lines, then one count a line, in some files spelt with ``.0``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.biosppy import MARK, POINT, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

_BITS, _MIDDLE, _COUNTS_PER_UNIT = 12, 2050, 900.0


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.0, gap_s: float = 1.0, variation: float = 1.0
) -> list[Truth]:
    """Write examples as the toolbox ships them.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1..999, a file each: bursts of one muscle's activity.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a burst and of a pause in seconds, > 0.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for index in range(n_subjects):
        actor = Actor.draw(POINT, SFREQ, 3, (seed, index), variation=variation)
        emg, _, _ = actor.session([1, 1, 1], segment_s, gap_s)
        raw = np.clip(np.rint(emg * _COUNTS_PER_UNIT) + _MIDDLE, 0, 2**_BITS - 1).astype(np.int32)
        name = f"emg_{index}" if index else "emg"
        head = f"\n# Sampling Rate (Hz):= {SFREQ:.2f}\n# Resolution:= {_BITS}\n# Labels:= EMG\n"
        ending = "\n" if index % 2 else ".0\n"
        text = MARK.decode() + head + "".join(f"{count}{ending}" for count in raw[0].tolist())
        write_bytes(out / f"{name}.txt", text.encode())
        truths.append(Truth(name, "1", "", None, raw))
    return truths
