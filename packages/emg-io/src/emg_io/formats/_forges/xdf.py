"""Forging XDF files as LabRecorder leaves them: jittered stamps, drifting clocks, markers, a second device, a gap."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.engines._xdf_write import StreamText, xdf_bytes
from emg_io.forging import Actor, Truth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SFREQ, ACC_HZ = 1000.0, 100.0
_N_CHANS = 8
_JITTER_S, _DRIFT, _GAP_S = 1e-3, 2e-5, 1.7
_UV_PER_UNIT = 1000.0


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.5, gap_s: float = 0.2, variation: float = 1.0
) -> list[Truth]:
    """Write one file a subject: EMG with markers and an accelerometer.

    Every second subject wears two devices, every third file has a gap, every fourth is compressed and every fifth ends
    in a chunk that is cut.

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
    truths = []
    for subject in range(1, n_subjects + 1):
        actor = Actor.draw(Layout.ring(_N_CHANS), SFREQ, 5, (seed, subject), variation=variation)
        emg, labels, _ = actor.session((1, 2, 3, 4), segment_s, gap_s)
        clock = _clock(emg.shape[1], actor.rng, gap=subject % 3 == 0)
        streams = [_device("EMG left", emg, clock, "float32", actor.rng)]
        if subject % 2 == 0:
            streams.append(_device("EMG right", emg[::-1] * 0.8, clock + 0.01, "int16", actor.rng))
        data = xdf_bytes((*streams, _acceleration(clock, actor.rng), _markers(clock, labels)))
        name = f"sub-P{subject:03d}_ses-S001_task-Default_run-001_emg"
        folder = out / f"sub-P{subject:03d}" / "ses-S001" / "emg"
        folder.mkdir(parents=True)
        packed = subject % 4 == 0
        data += b"\x04\xff\x00\x00\x00\x03\x00" if subject % 5 == 0 else b""
        write_bytes(folder / f"{name}.xdf{'z' * packed}", gzip.compress(data, mtime=0) if packed else data)
        truths += [
            Truth(f"P{subject:03d}", "S001", f"task-Default_run-001_emg/{stream.name}", None, np.asarray(stream.values))
            for stream in streams
        ]
    return truths


def _clock(n_samples: int, rng: np.random.Generator, *, gap: bool) -> NDArray[np.float64]:
    """Return when samples were taken, own time in s."""
    seconds = rng.uniform(1e3, 1e5) + np.arange(n_samples) / SFREQ
    seconds[n_samples // 2 :] += _GAP_S * gap
    return seconds


def _device(
    name: str, emg: NDArray[np.floating], clock: NDArray[np.float64], form: str, rng: np.random.Generator
) -> StreamText:
    """Make an EMG stream: jittered stamps, one sample in eight with a stamp of its own, an offset that drifts."""
    stamps = clock + rng.uniform(0, _JITTER_S, len(clock))
    stamps[np.arange(len(stamps)) % 8 != 0] = np.nan
    stamps[len(stamps) // 2] = clock[len(stamps) // 2]
    times = np.arange(clock[0], clock[-1] + 5.0, 0.5)
    offsets = 50.0 + _DRIFT * (times - times[0]) + rng.normal(0, 2e-5, len(times))
    offsets[-1] += 0.004
    values = (
        np.rint(emg * _UV_PER_UNIT).astype(np.int16) if form == "int16" else (emg * _UV_PER_UNIT).astype(np.float32)
    )
    pairs = tuple(zip(times.tolist(), offsets.tolist(), strict=True))
    labels = [f"{name} {n}" for n in range(1, len(emg) + 1)]
    return StreamText(name, "EMG", form, SFREQ, values, stamps, pairs, labels, "microvolts")


def _acceleration(clock: NDArray[np.float64], rng: np.random.Generator) -> StreamText:
    """Make an accelerometer stream that starts earlier than the EMG and stops before it."""
    stamps = np.arange(clock[0] - 0.2, clock[-1] - 0.1, 1 / ACC_HZ) + 50.0
    values = np.round(rng.normal(0, 0.05, (3, len(stamps))), 3)
    values[2] += 1.0
    return StreamText("acc", "Accelerometer", "double64", ACC_HZ, values, stamps, (), ("x", "y", "z"), "g")


def _markers(clock: NDArray[np.float64], labels: NDArray[np.integer]) -> StreamText:
    """Make a marker stream: one text when a gesture begins or ends."""
    changes = np.flatnonzero(np.diff(labels)) + 1
    words = [f"gesture {labels[at]}" if labels[at] else "rest" for at in changes]
    return StreamText("cues", "Markers", "string", 0.0, words, clock[changes] + 50.0)
