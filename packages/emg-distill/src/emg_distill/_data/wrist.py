"""Protocols of the wristband corpora: typing (emg2qwerty) and discrete gestures (neuromotor interface)."""

from __future__ import annotations

from dataclasses import replace

from .path import Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import Published, SubjectShares
from .targets_events import PulseTarget
from .targets_text import KeyTarget
from .windows import Cut

_QWERTY = (
    "Sivakumar et al., NeurIPS 2024, arXiv 2410.20081, released code; context of 0.9 s and 0.1 s, as Mehlman et al., "
    "arXiv 2507.22094, take it too"
)
_DEPARTS = "the unit is not stated, so channels are scaled by the training part; missing context is 0, not cut off"
_EDGES = "keys between the last sample of a window and the first of the next are in neither, as published"
_WINDOWS = Cut(8000, 8000, "none", slide=True, past=1800, future=200)
_WHOLE = replace(_WINDOWS, pad=True, slide=False)
_ROWS = SignalPath(2000.0, resample="rows", normalisation=Normalisation("zscore"))
_MICROVOLTS = Normalisation("scale", factor=1e6)


def _typing(name: str, flaw: str) -> tuple[DataProtocol, DataProtocol]:
    """Make a published split of emg2qwerty, tested on windows, and the same tested on whole recordings.

    Whole recordings are windows side by side, the last one filled up: joined, their frames without the context are the
    recording, and their keys are all that were pressed (see `emg_distill._examples.instants.central_frames`).
    """
    windows = DataProtocol(
        name=f"emg2qwerty/{name}",
        format="emg2qwerty",
        split=Published(f"emg2qwerty/{name}"),
        path=_ROWS,
        cut=_WINDOWS,
        target=KeyTarget(),
        source=_QWERTY,
        flaw="; ".join(filter(None, (flaw, _DEPARTS, _EDGES))),
        strict="emg2qwerty/zero-shot",
        metrics=("cer",),
    )
    whole = replace(
        windows,
        name=f"{windows.name}-whole",
        target=KeyTarget(both_ends=False),
        test_cut=_WHOLE,
        flaw="; ".join(filter(None, (flaw, _DEPARTS))),
    )
    return windows, whole


PROTOCOLS = (
    *_typing("generic", "validation is on sessions of training users, the test part is 16 sessions of eight people"),
    *_typing("personal", "one person; an epoch is chosen on sessions of that person"),
    DataProtocol(
        name="emg2qwerty/zero-shot",
        format="emg2qwerty",
        split=SubjectShares(val=0.08, test=0.08),
        path=replace(_ROWS, resample=None),
        cut=_WINDOWS,
        target=KeyTarget(both_ends=False),
        source="strict form of emg2qwerty/generic: nobody is in two parts, not in validation either; whole recordings "
        "are tested; no window lies across a hole in the clock; every key is in one window",
        test_cut=_WHOLE,
        metrics=("cer",),
    ),
    DataProtocol(
        name="neuromotor-gestures/official",
        format="neuromotor-gestures",
        split=Published("neuromotor-gestures/official"),
        path=SignalPath(2000.0, resample="rows", normalisation=_MICROVOLTS),
        cut=Cut(16000, 16000, "none"),
        target=PulseTarget(),
        source="Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w, released code; tested as TinyMyo "
        "(arXiv 2512.15729) does, on windows of 8 s that overlap by a quarter",
        flaw="volts are given as microvolts, where the networks' compression bends; the interface itself is tested on "
        "whole stretches",
        test_cut=Cut(16000, 12000, "none", pad=True),
        metrics=("cler",),
    ),
)
