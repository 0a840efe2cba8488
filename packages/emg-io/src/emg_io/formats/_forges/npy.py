"""Forging arrays with the JSON files that describe them, in both orders of the axes and both byte orders."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import orjson

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SFREQ = 2000.0
NAMES = {0: "rest", 1: "fist", 2: "point"}
_GRID = Layout.grid(np.arange(12).reshape(3, 4), pitch_mm=8.0, description="three rows of four")


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.5, gap_s: float = 0.3, variation: float = 1.0
) -> list[Truth]:
    """Write two arrays a subject: int16 (time, channels), and big-endian float32 (channels, time) in Fortran order.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more.
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
        actor = Actor.draw(_GRID, SFREQ, len(NAMES), (seed, subject), variation=variation)
        for session in ("1", "2"):
            emg, labels, _ = actor.session((1, 2), segment_s, gap_s)
            labels = labels.astype(np.uint8)
            raw = np.rint(emg * 4000).astype(np.int16) if session == "1" else emg.astype(np.float32)
            stored = raw.T if session == "1" else np.asfortranarray(raw.astype(">f4"))
            stem = out / f"s{subject}_{session}"
            write_bytes(stem.with_suffix(".npy"), _bytes(stored))
            write_bytes(stem.with_suffix(".labels.npy"), _bytes(labels))
            write_bytes(
                stem.with_suffix(".json"), orjson.dumps(_said(f"s{subject}", session), option=orjson.OPT_INDENT_2)
            )
            truths.append(Truth(f"s{subject}", session, "", None, raw, labels))
    return truths


def _bytes(array: NDArray[np.generic]) -> bytes:
    """Return an array as a file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _said(subject: str, session: str) -> dict[str, object]:
    """Return what stands beside an array."""
    layout = {"kind": "grid", "cells": [list(row) for row in _GRID.cells], "circular": [False, False]}
    return {
        "sfreq": SFREQ,
        "unit": "mV",
        "axis": "time-first" if session == "1" else "channels-first",
        "subject": subject,
        "session": session,
        "scale": 0.00025 if session == "1" else 1.0,
        "layout": layout | {"pitch_mm": _GRID.pitch_mm, "description": _GRID.description},
        "labels": f"{subject}_{session}.labels.npy",
        "label_names": {str(value): name for value, name in NAMES.items()},
    }
