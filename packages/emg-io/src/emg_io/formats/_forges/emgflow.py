"""Forging EMGFlow samples: two channels with a time column, CRLF, a byte order mark on some, rows of NULL in those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.emgflow import HEADER, LAYOUT, SFREQ

if TYPE_CHECKING:
    from pathlib import Path

_AMPLITUDE = 0.5
_N_MISSING = 100


def forge(out: Path, n_subjects: int, seed: int, *, segment_s: float = 1.0, variation: float = 1.0) -> list[Truth]:
    """Write samples as the package ships them.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1..99, a file each; odd ones begin with a byte order mark and miss a hundred rows.
    seed
        Same seed, same bytes.
    segment_s
        Length in seconds, >= 0.1 (the real files: 10).
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(LAYOUT, SFREQ, 3, (seed, subject), variation=variation)
        cells = [[f"{x:.9f}" for x in row] for row in (actor.trial(1, segment_s) * _AMPLITUDE).T]
        if subject % 2:
            start = len(cells) // 2
            for row in cells[start : start + _N_MISSING]:
                row[:] = ["NULL"] * len(row)
        lines = [f"{(n + 1) / SFREQ:.4f},{','.join(row)}" for n, row in enumerate(cells)]
        mark = b"\xef\xbb\xbf" if subject % 2 else b""
        text = mark + HEADER + "\r\n".join(["", *lines, ""]).encode()
        write_bytes(out / f"sample_data_{subject:02d}.csv", text)
        raw = np.array([[np.nan if cell == "NULL" else float(cell) for cell in row] for row in cells]).T
        truths.append(Truth(f"{subject:02d}", "1", "", None, raw))
    return truths
