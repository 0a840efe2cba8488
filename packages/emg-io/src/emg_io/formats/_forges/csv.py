"""Forging tables as laboratories send them: semicolons and decimal commas, or tabs and counts, each mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SFREQ = 500.0
GESTURES = {0: "rest", 1: "fist", 2: "pinch"}
_RING = Layout.ring(4)


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.3, variation: float = 1.0
) -> list[Truth]:
    """Write a folder of tables under one map for even subjects and another for odd ones.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, two sessions each.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a gesture and of a pause in seconds, > 0.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths = []
    for kind, write in enumerate((_continental, _counts)[:n_subjects]):
        folder = out / ("volts", "counts")[kind]
        folder.mkdir()
        for subject in range(kind, n_subjects, 2):
            actor = Actor.draw(_RING, SFREQ, len(GESTURES), (seed, subject), variation=variation)
            for session in (1, 2):
                emg, labels, _ = actor.session([1, 2], segment_s, gap_s)
                raw = write(folder, f"S{subject + 1}_{session}", emg, labels)
                truths.append(Truth(f"S{subject + 1}", str(session), "", None, raw, labels))
    return truths


def _continental(folder: Path, name: str, emg: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Write volts as Central Europe does: semicolons, decimal commas, CRLF, Latin-1, a gap in every file."""
    _map(
        folder,
        '{"files": "{subject}_{session}.csv", "delimiter": ";", "decimal": ",", "encoding": "latin-1", '
        '"missing": ["n/a"], "unit": "mV", "scale": 0.001, "time_unit": "ms", "label_names": '
        '{"0": "rest", "1": "fist", "2": "pinch"}, "columns": {"time": "Zeit (ms)", '
        '"emg": ["EMG 1 (µV)", "EMG 2 (µV)", "EMG 3 (µV)", "EMG 4 (µV)"], "label": "Geste"}}',
    )
    cells = [[f"{value:.3f}" for value in row] for row in (emg * 300).T]
    cells[len(cells) // 2][1] = "n/a"
    lines = ["Zeit (ms);" + ";".join(f"EMG {n} (µV)" for n in range(1, 5)) + ";Geste"]
    for number, (row, label) in enumerate(zip(cells, labels.tolist(), strict=True)):
        lines.append(f"{number * 1e3 / SFREQ:.1f};{';'.join(row)};{GESTURES[label]}".replace(".", ","))
    write_bytes(folder / f"{name}.csv", "".join(f"{line}\r\n" for line in lines).encode("latin-1"))
    return np.array([[np.nan if cell == "n/a" else float(cell) for cell in row] for row in cells]).T


def _counts(folder: Path, name: str, emg: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int16]:
    """Write counts as a logger does: tabs, comment lines, no names, the label last."""
    _map(
        folder,
        '{"files": "{subject}_{session}.tsv", "sfreq": 500, "delimiter": "\\t", "comment": "%", "dtype": "int16", '
        '"unit": "adc", "columns": {"emg": [0, 1, 2, 3], "label": 4}}',
    )
    raw = np.rint(emg * 900).astype(np.int16)
    rows = ["\t".join(map(str, row)) for row in np.vstack([raw, labels]).T.tolist()]
    write_bytes(folder / f"{name}.tsv", ("% logger 3\n% 500 Hz\n" + "\n".join(rows) + "\n").encode())
    return raw


def _map(folder: Path, text: str) -> None:
    """Write the map of a folder."""
    write_bytes(folder / "emg_columns.json", text.encode())
