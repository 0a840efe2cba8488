"""UCI gestures: the subject split of TinyMyo's released code."""

from __future__ import annotations

from emg_io.splits import WindowRule

from ._assign import number, numbered
from ._protocol import Protocol

_PARTS = {"train": range(1, 25), "val": range(25, 31), "test": range(31, 37)}

PROTOCOLS = (
    Protocol(
        name="uci/tinymyo",
        format="uci",
        unit="subject",
        source="TinyMyo, arXiv 2512.15729, released code: subjects 1-24 / 25-30 / 31-36, windows of 1000 rows, hop "
        "500, inside runs of one label",
        assign=numbered(_PARTS, lambda recording: number(recording.subject), "subject"),
        windows=WindowRule(1000, 500, "constant", classes=(1, 2, 3, 4, 5, 6)),
        flaw="rows are no samples: 1000 rows are about 1.04 s of some 104 readings a second, and filters designed for "
        "200 Hz act elsewhere; resample by the stamps first. The released code removes class 0 before it filters",
    ),
)
