"""What writing EMG-BIDS reports."""

from __future__ import annotations

from typing import NamedTuple


class WrittenRecording(NamedTuple):
    """What became of one recording.

    Attributes
    ----------
    file
        Name below the data set's folder.
    source
        Where it came from.
    unit
        Unit in the file; finer than the recording's where its own needs more than eight characters.
    quantum
        0 where the file holds the stored integers themselves; else the step, in ``unit``, to which floats were rounded.
    scale_error
        Largest relative error of a scale as the header states it; 0 where it is exact.
    beside
        Signals beside the EMG that are in the file too, as type MISC, each with its step as ``quantum``.
    left_out
        Signals beside the EMG that are not written: their rate or length is another, or their numbers are not finite.
    """

    file: str
    source: str
    unit: str
    quantum: float
    scale_error: float
    beside: tuple[tuple[str, float], ...]
    left_out: tuple[str, ...]
