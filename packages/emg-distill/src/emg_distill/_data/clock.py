"""Recordings on the model's clock, their spans on it, and the stretches of them that have no gap."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    import emg_io

    from .path import SignalPath

_REACH = 10  # samples of the slower clock that emg-io's polyphase filter reaches to either side
_RATE_TOLERANCE = 1e-3
_GAP = 2.5  # sample periods between two stamps
_ROUNDING = 1e-6


class PartSpan(NamedTuple):
    """Samples ``start`` (included) to ``stop`` (excluded) of one recording, and the part they belong to."""

    part: str
    start: int
    stop: int


def on_clock(recording: emg_io.Recording, path: SignalPath) -> emg_io.Recording:
    """Return a recording on the clock of a signal path.

    Raises
    ------
    EmgDistillError
        When the path does not resample and the rate is another than the path's by more than 0.1 %.
    """
    if path.resample == "rows":
        return recording
    if path.resample is not None:
        return recording.resample(path.sfreq, method=path.resample)
    if abs(recording.sfreq - path.sfreq) > _RATE_TOLERANCE * path.sfreq:
        raise EmgDistillError(
            f"{recording.source}: {recording.sfreq:g} Hz, the protocol is for {path.sfreq:g} Hz and does not resample"
        )
    return recording


def moved(spans: Iterable[PartSpan], old: emg_io.Recording, new: emg_io.Recording) -> list[PartSpan]:
    """Return spans in samples of the new clock; a new sample belongs to one only if all it is made of does."""
    if new.reader is old.reader:
        return list(spans)
    filtered = new.metadata.get("resampled") == "polyphase"
    margin = math.ceil(_REACH * max(1.0, new.sfreq / old.sfreq)) if filtered else 0
    found = []
    for span in spans:
        start = _tick(old, new, span.start) + margin if span.start > 0 else 0
        stop = _tick(old, new, span.stop) - margin if span.stop < old.n_samples else new.n_samples
        if start < stop:
            found.append(PartSpan(span.part, start, stop))
    return found


def _tick(old: emg_io.Recording, new: emg_io.Recording, sample: int) -> int:
    """Return the first new sample that is not before an old one."""
    stamps = old.timestamps
    seconds = sample / old.sfreq if stamps is None else float(stamps[sample] - stamps[0])
    return max(0, math.ceil(seconds * new.sfreq - _ROUNDING))


def segments(uniform: emg_io.Recording, signal: NDArray[np.float32], *, stamped: bool) -> list[tuple[int, int]]:
    """Return the stretches of a recording that follow each other in time without a gap.

    Parameters
    ----------
    uniform
        The recording; where trials were laid end to end, each is a stretch of its own.
    signal
        Shape (channels, time), as it is stored.
    stamped
        Whether holes in the stamps are gaps too.

    Returns
    -------
    list of (start, stop)
        In order; a sample that is not finite in some channel lies in none.
    """
    whole: NDArray[np.bool_] = np.all(np.isfinite(signal), axis=0)
    number = np.zeros(signal.shape[1], np.int64)
    if "trial" in uniform.tracks:
        number += uniform.labels("trial")
    stamps = uniform.timestamps
    if stamped and stamps is not None:
        number += np.cumsum(np.diff(stamps, prepend=stamps[:1]) > _GAP / uniform.sfreq) * (number.max(initial=0) + 1)
    number = np.where(whole, number, -1)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
    return [(a, b) for a, b in pairwise(edges) if a < b and whole[a]]


def runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (start, stop) of each stretch in which all of `flags` (time,) hold, (stretches, 2) int64."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return edges.reshape(-1, 2).astype(np.int64)


def shared(ones: Iterable[tuple[int, int]], others: NDArray[np.generic]) -> list[tuple[int, int]]:
    """Return the stretches that lie in one of `ones` and in one of `others` (stretches, 2), all in order."""
    pairs = [(max(a, start), min(b, stop)) for a, b in ones for start, stop in others.tolist()]
    return [(a, b) for a, b in pairs if a < b]
