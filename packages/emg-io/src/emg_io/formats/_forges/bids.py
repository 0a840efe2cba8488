"""Forging an EMG-BIDS data set: grids and rings, gestures as events, through the writer that users have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._bids_write import write_bids
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Event, InMemory, Track
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {0: "rest", 1: "fist", 2: "point", 3: "open hand"}
SFREQ, SCALE_UV = 2048.0, 0.25
_GRID = Layout.grid(np.arange(15).reshape(3, 5), pitch_mm=8.0, description="grid over the flexors")
_RING = Layout.ring(8, "ring round the forearm")
_STEPS_PER_UNIT = 3000.0


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.3, variation: float = 1.0
) -> list[Truth]:
    """Write a data set of two sessions a subject, a grid of 15 in the first and a ring of 8 in the second.

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
    truths, recordings = [], []
    for subject in range(1, n_subjects + 1):
        for session, layout in (("1", _GRID), ("2", _RING)):
            actor = Actor.draw(layout, SFREQ, len(NAMES), (seed, subject, int(session)), variation=variation)
            emg, labels, repetitions = actor.session((1, 2, 3, 1), segment_s, gap_s)
            raw = np.rint(emg * _STEPS_PER_UNIT).astype(np.int32)
            tracks = {"label": Track("label", labels, NAMES), "repetition": Track("repetition", repetitions)}
            prompt = (Event(0.125, 0.0, "prompt", "start when ready"),)
            content = Content(None, tracks, prompt, raw=raw, sfreq=SFREQ)
            recordings.append(_recording(f"{subject:02d}", session, layout, content))
            truths.append(Truth(f"{subject:02d}", session, "gestures", None, raw, labels))
    write_bids(recordings, out, name="Forged EMG-BIDS", licence="CC0", citation="synthetic", power_line_hz=50.0)
    return truths


def _recording(subject: str, session: str, layout: Layout, content: Content) -> Recording:
    """Make a recording in memory."""
    return Recording(
        subject=subject,
        session=session,
        repetition=None,
        source="memory",
        n_chans=layout.n_chans,
        unit="uV",
        scale=SCALE_UV,
        offset=0.0,
        layout=layout,
        uniform=True,
        reader=InMemory(content),
        task="gestures",
    )
