"""Forging OTBioLab+ exports: grid channels out of order, firing trains, sources, force, a clock that starts at 7 s."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.engines._mat5_write import Cell, mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._otb_grids import GRIDS, otb_layout

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SFREQ = 2048
_START_S = 7.0
_UV_PER_UNIT = 400.0
_UV_STEP = np.float32(0.5086263)
_N_UNITS = 3


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.5, variation: float = 1.0) -> list[Truth]:
    """Write one file a subject, each with another grid; electrode 1 does not come first in every file.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
    seed
        Same seed, same bytes.
    segment_s
        Length of the contraction in seconds, > 0.1.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        code = list(GRIDS)[subject % len(GRIDS)]
        actor = Actor.draw(otb_layout(code), SFREQ, 2, (seed, subject), variation=variation)
        emg = np.rint(actor.trial(1, segment_s) * _UV_PER_UNIT).astype(np.float32) * _UV_STEP
        site = f"Vastus Lateralis - IN {subject} (Channel 1->{len(emg)}) - {code}"
        order = actor.rng.permutation(len(emg)) if subject % 2 == 0 else np.arange(len(emg))
        write_bytes(out / f"export{subject}.mat", _export(emg, order, site, actor.rng))
        truths.append(Truth(f"export{subject}", "1", site, None, emg))
    return truths


def _export(emg: NDArray[np.float32], order: NDArray[np.int64], site: str, rng: np.random.Generator) -> bytes:
    """Return one file: the table's columns are electrodes in the given order, trains, sources, force."""
    n_samples = emg.shape[1]
    firing = (rng.random((_N_UNITS, n_samples)) < 12 / SFREQ).astype(np.float32)
    source = (firing * 0.8 + rng.normal(0, 0.05, firing.shape)).astype(np.float32)
    force = np.linspace(0.9, 27.0, n_samples, dtype=np.float32)[None]
    texts = [f"{site} ({electrode + 1})[uV]" for electrode in order]
    texts += [f"1 - {_N_UNITS} - Decomposition of {site} ({number + 1})[a.u]" for number in range(_N_UNITS)]
    texts += [f"{_N_UNITS} - Source for decomposition of {site} ({number + 1})[a.u]" for number in range(_N_UNITS)]
    table = np.concatenate([emg[order], firing, source, force]).T
    fields = {
        "Data": Cell([table], (1, 1)),
        "Description": Cell([*texts, "acquired data[ %(MVC)]"]),
        "OTBFile": "unknown",
        "SamplingFrequency": np.array([[SFREQ]], np.uint16),
        "Time": Cell([_START_S + np.arange(n_samples) / SFREQ], (1, 1)),
    }
    return mat_bytes(fields)
