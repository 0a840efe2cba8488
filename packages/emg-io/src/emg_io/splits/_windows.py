"""Windows of a split: cut inside its spans, so that they are as disjoint as the spans are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

    from ._split import Span

RULES = ("constant", "first", "centre", "majority", "none")


@dataclass(frozen=True)
class WindowRule:
    """How windows are cut.

    Attributes
    ----------
    length, hop
        Samples per window and between the starts of two, > 0.
    label
        ``"constant"``: only windows inside one run of one label; ``"first"``, ``"centre"``, ``"majority"``: that
        sample's label, or the commonest (the smallest of several); ``"none"``: no labels, all windows get 0.
    classes
        Labels that are kept, or None for all.
    pad
        Whether the end of a piece (a span, a trial, a run) becomes one more window, shorter than ``length``, when at
        least one sample of it is in no window; who reads it pads it.
    """

    length: int
    hop: int
    label: str = "constant"
    classes: tuple[int, ...] | None = None
    pad: bool = False

    def __post_init__(self) -> None:
        if self.length < 1 or self.hop < 1 or self.label not in RULES:
            raise EmgIoError(
                "not a window rule",
                place="length, hop, label",
                expected=f"length and hop >= 1, label one of {', '.join(RULES)}",
                found=f"{self.length}, {self.hop}, {self.label}",
            )


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one part: arrays (n,) of recording numbers, first samples, valid samples and labels."""

    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    valid: NDArray[np.int64]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)


def cut(dataset: Dataset, spans: Sequence[Span], rule: WindowRule) -> Windows:
    """List the windows inside some spans; none straddles a span, a trial or, where the label is constant, a run."""
    tables = [np.zeros((4, 0), np.int64)]
    for span in spans:
        recording = dataset[span.recording]
        labels = _labels(recording, span, rule)
        for begin, end in _pieces(recording, span, labels, rule):
            starts, valid = _starts(begin, end, rule)
            values = _of_windows(labels, starts, valid, rule)
            kept = np.ones(len(starts), bool) if rule.classes is None else np.isin(values, rule.classes)
            where = np.full(len(starts), span.recording)
            tables.append(np.stack([where, span.start + starts, valid, values])[:, kept])
    return Windows(*np.concatenate(tables, axis=1))


def _labels(recording: Recording, span: Span, rule: WindowRule) -> NDArray[np.int64]:
    """Return the labels of a span, if a rule needs them."""
    if rule.label == "none":
        return np.zeros(span.stop - span.start, np.int64)
    return recording.track("label").values[span.start : span.stop].astype(np.int64)


def _pieces(recording: Recording, span: Span, labels: NDArray[np.int64], rule: WindowRule) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a span that one window may cover, relative to its start."""
    tracks = [labels] if rule.label == "constant" else []
    if "trial" in recording.tracks:
        tracks.append(recording.track("trial").values[span.start : span.stop].astype(np.int64))
    changes = [np.flatnonzero(np.diff(track)) + 1 for track in tracks]
    edges = np.unique(np.concatenate([[0, len(labels)], *changes])).astype(int).tolist()
    yield from pairwise(edges)


def _starts(begin: int, end: int, rule: WindowRule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first samples and valid lengths of the windows of one piece."""
    n_full = max(0, (end - begin - rule.length) // rule.hop + 1)
    covered = begin + (n_full - 1) * rule.hop + rule.length if n_full else begin
    padded = rule.pad and covered < end and begin + n_full * rule.hop < end
    starts = begin + rule.hop * np.arange(n_full + padded, dtype=np.int64)
    return starts, np.minimum(rule.length, end - starts)


def _of_windows(
    labels: NDArray[np.int64], starts: NDArray[np.int64], valid: NDArray[np.int64], rule: WindowRule
) -> NDArray[np.int64]:
    """Return the label of each window."""
    if rule.label == "majority":
        parts = zip(starts.tolist(), (starts + valid).tolist(), strict=True)
        return np.array([_commonest(labels[start:stop]) for start, stop in parts], np.int64)
    return np.take(labels, starts + valid // 2 if rule.label == "centre" else starts)


def _commonest(values: NDArray[np.int64]) -> int:
    """Return the value that occurs most often, the smallest of several."""
    names, counts = np.unique(values, return_counts=True)
    return int(names[counts.argmax()])
