"""One recording through a protocol: filtered samples, windows by part, and what its targets need."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._errors import EmgDistillError

from .clock import PartSpan, moved, on_clock, segments, shared
from .path import grid_of
from .windows import WindowTable, cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    import emg_dsp
    import emg_io

    from .path import SignalPath
    from .targets import Plan, Target
    from .windows import Cut


@dataclass(frozen=True)
class Rule:
    """What is done to every recording of one data set; it pickles.

    Attributes
    ----------
    path, cut, test_cut, target
        As in a `DataProtocol`.
    cascade
        The filter to run: the path's own, or that of a stored model.
    """

    path: SignalPath
    cut: Cut
    test_cut: Cut
    target: Target
    cascade: emg_dsp.Filter | None


@dataclass(frozen=True, eq=False)
class Entry:
    """What is known of a prepared recording besides its samples.

    Attributes
    ----------
    subject, source
        Who, and from which file.
    montage
        ``unit``, ``n_chans`` and ``cells`` of the electrodes.
    n_times
        Samples at the model's rate.
    digest
        Sha256 (hex) of the prepared samples.
    windows
        Windows by part; `recording` is 0, trials count from 0.
    plan
        What the target needs.
    """

    subject: str
    source: str
    montage: Mapping[str, Any]
    n_times: int
    digest: str
    windows: Mapping[str, WindowTable]
    plan: Plan


def prepare_recording(
    rule: Rule, recording: emg_io.Recording, spans: Sequence[PartSpan]
) -> tuple[Entry, NDArray[np.float32]]:
    """Prepare one recording.

    Parameters
    ----------
    rule
        What is done.
    recording
        As stored.
    spans
        Which of its stored samples belong to which part.

    Returns
    -------
    entry
        Windows and facts.
    signal
        Shape (time, channels), float32: filtered, and scaled where the whole recording decides the scale.
    """
    path = rule.path
    uniform = on_clock(recording, path)
    signal, ours = uniform.signal(), moved(spans, recording, uniform)
    plan = rule.target.plan(recording, uniform)
    labels = uniform.labels() if path.drop or rule.cut.label != "none" else None
    stretches = segments(uniform, signal, stamped=path.resample is None)
    if path.drop and labels is not None:
        signal, labels, ours, stretches = _without(signal, labels, ours, path.drop)
    grid = grid_of(recording) if path.median or path.active else None
    made = path.apply(signal, stretches, rule.cascade, grid if path.median else None)
    if path.active and grid is not None:
        stretches = [_active(grid, made, stretch, path.active, recording.source) for stretch in stretches]
    if "stretches" in plan:
        stretches = shared(stretches, plan["stretches"])
    windows = _windows(rule, ours, stretches, labels)
    windows = {part: rule.target.keep(table, plan, recording.source) for part, table in windows.items()}
    frames = np.ascontiguousarray(made.T)
    montage = {"unit": recording.unit, "n_chans": recording.n_chans, "cells": [list(c) for c in recording.layout.cells]}
    entry = Entry(recording.subject, recording.source, montage, len(frames), _digest(frames), windows, plan)
    return entry, frames


def _windows(
    rule: Rule, spans: Sequence[PartSpan], stretches: Sequence[tuple[int, int]], labels: NDArray[np.int64] | None
) -> dict[str, WindowTable]:
    """Cut the windows of each part inside its spans and between gaps."""
    found = {}
    for part in dict.fromkeys(span.part for span in spans):
        pieces = [
            (max(span.start, start), min(span.stop, stop))
            for span in spans
            if span.part == part
            for start, stop in stretches
            if max(span.start, start) < min(span.stop, stop)
        ]
        how = rule.test_cut if part == "test" else rule.cut
        how = replace(how, slide=how.slide and part == "train")
        found[part] = cut(how, pieces, None if how.label == "none" else labels)
    return found


def _without(
    signal: NDArray[np.float32], labels: NDArray[np.int64], spans: Sequence[PartSpan], drop: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[PartSpan], list[tuple[int, int]]]:
    """Delete the samples of some labels, splices and all: the rest is one stretch."""
    kept = ~np.isin(labels, drop)
    before = np.concatenate([[0], np.cumsum(kept)])
    ours = [PartSpan(part, int(before[start]), int(before[stop])) for part, start, stop in spans]
    whole = [(0, int(before[-1]))] if before[-1] else []
    return np.ascontiguousarray(signal[:, kept]), labels[kept], [span for span in ours if span.start < span.stop], whole


def _active(
    grid: emg_dsp.Grid, signal: NDArray[np.float32], stretch: tuple[int, int], block: int, source: str
) -> tuple[int, int]:
    """Return the most active stretch of a trial."""
    start, stop = stretch
    try:
        first, last = grid.active_segment(signal[:, start:stop], block)
    except ValueError as error:
        raise EmgDistillError(f"{source}, samples {start} to {stop}: no active stretch: {error}") from error
    return start + first, start + last


def _digest(frames: NDArray[np.float32]) -> str:
    digest = hashlib.sha256(f"{frames.shape}".encode())
    digest.update(frames.data)
    return digest.hexdigest()
