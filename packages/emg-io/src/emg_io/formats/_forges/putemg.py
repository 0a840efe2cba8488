"""Forging putEMG: two trajectories a person, one in each of pandas' layouts, the cue a little before the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io.forging import Actor, Truth
from emg_io.formats.putemg import BANDS, COLUMNS, SFREQ

from ._frames import add_appendable, add_fixed
from ._hdf5_files import write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

_GESTURES = (0, 1, 2, 3, 6, 7, 8, 9)
_MIDDLE, _SCALE = 2048.0, 180.0
_LEAD = 600
_TRAJECTORIES = ("repeats_short", "sequential")


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.25, gap_s: float = 0.2, variation: float = 1.0
) -> list[Truth]:
    """Write two files a person.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        People, 1 or more.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a gesture and of the idle time behind it, seconds, > 0.
    variation
        How far people differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for person in range(n_subjects):
        actor = Actor.draw(BANDS, SFREQ, len(_GESTURES), (seed, person), variation=variation)
        for number, trajectory in enumerate(_TRAJECTORIES):
            emg, acted, _ = actor.session(range(1, len(_GESTURES)), segment_s, gap_s)
            raw = np.clip(np.rint(_MIDDLE + emg * _SCALE), 0, 4095).astype(np.int16)
            labels = np.array(_GESTURES, np.int32)[acted]
            labels[: int(0.05 * SFREQ)] = -1
            lead = min(_LEAD, len(labels) - 1)
            cue = np.concatenate([labels[lead:], np.full(lead, labels[-1])])
            index = np.arange(len(labels)) / SFREQ
            video = (np.floor(index * 30) / 30).astype(np.float32)
            date = f"2018-05-{11 + person % 15:02d}"
            tracks = np.stack([cue, labels], axis=1)
            blocks = ((COLUMNS, raw.T), (("TRAJ_1", "TRAJ_GT"), tracks), (("VIDEO_STAMP",), video[:, None]))
            name = f"emg_gestures-{person + 3:02d}-{trajectory}-{date}-1{number}-05-12-250.hdf5"
            _write(out / name, index, blocks, appendable=number == 1)
            truths.append(Truth(f"{person + 3:02d}", date, trajectory, None, raw, labels))
    return truths


def _write(file: Path, index: Any, blocks: Any, *, appendable: bool) -> None:  # noqa: ANN401  see add_fixed
    """Write one trajectory."""

    def fill(made: Any) -> None:  # noqa: ANN401  h5py
        """Put the frame in."""
        if appendable:
            add_appendable(
                made, "data", index, blocks, options={"chunks": (512,), "compression": "gzip", "shuffle": True}
            )
        else:
            add_fixed(made, "data", index, blocks)

    write_hdf5(file, fill)
