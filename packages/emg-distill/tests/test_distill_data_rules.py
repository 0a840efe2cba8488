"""The pieces of a protocol against slow obvious forms: cutting, filtering, scaling, clocks, context, sliding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._data.clock import PartSpan, moved, on_clock, segments
from emg_distill._data.path import Filters, Normalisation, SignalPath, describe
from emg_distill._data.prepare import Rule, prepare_recording
from emg_distill._data.scaling import Scaling, training_statistics
from emg_distill._data.signals import MemorySignals
from emg_distill._data.stored import Shape, StoredSet
from emg_distill._data.targets import ClassTarget, NoTarget
from emg_distill._data.targets_events import FrameGrid, PulseTarget
from emg_distill._data.windows import Cut, WindowTable, cut

emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
emg_dsp = pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")


def slow_cut(rule: Cut, pieces: list[tuple[int, int]], labels: list[int]) -> list[tuple[int, int, int]]:
    """List (start, valid, label) of windows, sample by sample."""
    found = []
    for begin, end in pieces:
        runs, first = [], begin
        for at in range(begin, end):
            if rule.label == "constant" and at + 1 < end and labels[at + 1] != labels[at]:
                runs.append((first, at + 1))
                first = at + 1
        runs.append((first, end))
        for a, b in runs:
            length, start, covered, windows = rule.length or b - a, a, a, []
            while start < b:
                if start + length <= b:
                    windows.append((start, length))
                    covered = start + length
                elif rule.pad and covered < b:
                    windows.append((start, b - start))
                    break
                start += rule.hop
            for start, valid in windows[: 1 if rule.one else None]:
                inside = labels[start : start + valid]
                chosen = {"majority": max(sorted(set(inside)), key=inside.count), "centre": inside[valid // 2]}
                found.append((start, valid, chosen.get(rule.label, inside[0])))
    return found


@given(st.data())
def test_windows_are_cut_as_the_slow_form_cuts_them(data: st.DataObject) -> None:
    rule = Cut(
        data.draw(st.integers(0, 9)),
        data.draw(st.integers(1, 6)),
        data.draw(st.sampled_from(["constant", "first", "centre", "majority"])),
        pad=data.draw(st.booleans()),
        one=data.draw(st.booleans()),
        slide=True,
    )
    labels = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=40))
    edges = sorted(data.draw(st.sets(st.integers(0, len(labels)), min_size=2, max_size=4)) | {0})
    pieces = list(zip(edges[:-1:2], edges[1::2], strict=False))
    table = cut(rule, pieces, np.array(labels, np.int64))
    wanted = slow_cut(rule, pieces, labels)
    assert list(zip(table.start.tolist(), table.valid.tolist(), table.label.tolist(), strict=True)) == wanted
    assert (table.room >= 0).all()
    assert (table.room < rule.hop).all()
    assert (table.begin <= table.start).all()
    assert (table.start + table.valid + table.room <= table.end).all()
    assert (np.diff(table.trial) >= 0).all()
    if rule.label == "constant":
        for start, valid, room in zip(table.start, table.valid, table.room, strict=True):
            assert len(set(labels[start : start + valid + room])) == 1


def test_bad_rules_are_refused() -> None:
    for change in ({"length": -1}, {"hop": 0}, {"past": -1}):
        with pytest.raises(EmgDistillError, match="length, past and future must be >= 0, hop >= 1"):
            replace(Cut(10, 5), **change)
    for normalisation, grid in ((Normalisation("zscore"), ""), (None, "layout")):
        with pytest.raises(EmgDistillError, match="n_chans=16: channels that are filled up have no statistics"):
            SignalPath(100.0, n_chans=16, normalisation=normalisation, grid=grid)


def recording(n_times: int = 600, sfreq: float = 1000.0, **options: object) -> emg_io.Recording:
    rng = np.random.default_rng(3)
    raw = rng.standard_normal((3, n_times)).astype(np.float32)
    return emg_io.Recording.from_array(raw, sfreq, unit="mV", **options)


@pytest.mark.parametrize(
    ("filters", "kind", "edges", "order"),
    [
        (Filters(20.0, 90.0), "bandpass", (20.0, 90.0), 4),
        (Filters(None, 1.0, 1), "lowpass", 1.0, 1),
        (Filters(5.0, None, 2), "highpass", 5.0, 2),
    ],
)
def test_filters_are_designed_as_scipy_designs_them(filters: Filters, kind: str, edges: object, order: int) -> None:
    from scipy.signal import butter, sosfreqz

    ours = filters.design(1000.0)
    freqs = np.linspace(1, 499, 50)
    theirs = sosfreqz(butter(order, edges, kind, fs=1000.0, output="sos"), freqs, fs=1000.0)[1]
    assert np.allclose(ours.response(freqs), theirs)


def test_filters_may_be_designed_for_a_wrong_rate() -> None:
    wrong = Filters(20.0, 90.0, notches=(50.0,), design_sfreq=1111.0).design(2000.0)
    right = Filters(20.0, 90.0, notches=(50.0,)).design(1111.0)
    assert np.array_equal(wrong.sos, right.sos)
    assert wrong.sfreq == 2000.0
    assert abs(wrong.response([50.0 * 2000 / 1111])[0]) < 1e-9  # the notch has moved from 50 Hz to 90 Hz
    path = SignalPath(2000.0, filters=Filters(20.0, 90.0, design_sfreq=1111.0))
    montage = {"unit": "V", "n_chans": 1}
    record = describe(path, Cut(10, 5), montage, path.design(), None, 10)
    assert record["note"] == "filters are designed for 1111 Hz"


def prepared(path: SignalPath, given: emg_io.Recording, rule: Cut, **options: object) -> tuple[object, np.ndarray]:
    spans = options.pop("spans", (PartSpan("train", 0, given.n_samples),))
    return prepare_recording(Rule(path, rule, rule, NoTarget(), path.design(), **options), given, spans)


def test_segments_are_filtered_each_on_its_own() -> None:
    """A missing reading and a new trial both make a filter start anew."""
    from scipy.signal import butter, sosfilt

    given = recording()
    raw = np.array(given.raw())
    raw[1, 200:203] = np.nan
    broken = emg_io.Recording.from_array(raw, 1000.0)
    path = SignalPath(1000.0, filters=Filters(20.0, 90.0))
    entry, frames = prepared(path, broken, Cut(50, 50, "none"))
    sos = butter(4, (20.0, 90.0), "bandpass", fs=1000.0, output="sos")
    assert np.allclose(frames[:200].T, sosfilt(sos, raw[:, :200]), atol=1e-5)
    assert np.allclose(frames[203:].T, sosfilt(sos, raw[:, 203:]), atol=1e-5)
    assert (frames[200:203] == 0).all()
    starts = entry.windows["train"].start.tolist()
    assert starts == [0, 50, 100, 150, *range(203, 551, 50)]


def test_each_segment_is_scaled_by_itself() -> None:
    raw = np.concatenate([np.ones((2, 100)), 5 + 2 * np.random.default_rng(0).standard_normal((2, 100))], axis=1)
    raw[:, 100] = np.nan
    path = SignalPath(1000.0, normalisation=Normalisation("zscore-recording", ddof=1))
    _, frames = prepared(path, emg_io.Recording.from_array(raw, 1000.0), Cut(10, 10, "none"))
    assert (frames[:100] == 0).all()
    assert np.allclose(frames[101:].mean(0), 0, atol=1e-6)
    assert np.allclose(frames[101:].std(0, ddof=1), 1, atol=1e-6)
    _, single = prepared(path, emg_io.Recording.from_array(raw[:, :1], 1000.0), Cut(1, 1, "none"))
    assert (single == 0).all()


def test_windows_stay_inside_the_spans_of_their_part() -> None:
    spans = (PartSpan("train", 10, 130), PartSpan("test", 130, 260), PartSpan("train", 300, 420))
    entry, _ = prepared(SignalPath(1000.0), recording(), Cut(50, 25, "none", slide=True), spans=spans)
    train, test = entry.windows["train"], entry.windows["test"]
    assert train.start.tolist() == [10, 35, 60, 300, 325, 350]
    assert train.room.tolist() == [24, 24, 20, 24, 24, 20]
    assert test.start.tolist() == [130, 155, 180, 205]
    assert not test.room.any()
    assert train.trial.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("method", "sfreq"), [("hold", 2500.0), ("polyphase", 400.0), ("polyphase", 2000.0)])
def test_spans_move_with_the_clock(method: str, sfreq: float) -> None:
    """A new sample is in a span only if every old one it is made of is: nothing leaks over an edge."""
    given = recording()
    path = SignalPath(sfreq, method)
    spans = [PartSpan("train", 0, 251), PartSpan("test", 251, 600)]
    raw = np.array(given.raw())
    uniform = on_clock(given, path)
    train, test = moved(spans, given, uniform)
    assert train.start == 0
    assert train.stop <= test.start
    assert test.stop == uniform.n_samples
    for span, other in ((train, slice(300, 600)), (test, slice(0, 200))):
        changed = raw.copy()
        changed[:, other.start : other.stop] += 1.0  # far from the edge: the filter reaches no further
        again = on_clock(emg_io.Recording.from_array(changed, 1000.0), path)
        ends = slice(span.start + 1, span.stop - 1)
        assert np.allclose(
            again.signal()[:, ends], uniform.signal()[:, ends], atol=2e-2 if method == "polyphase" else 0
        )
    assert moved([PartSpan("val", 250, 251)], given, on_clock(given, SignalPath(400.0, "polyphase"))) == []


def test_stamped_clocks_move_spans_by_their_stamps() -> None:
    stamps = np.sort(np.random.default_rng(0).uniform(0, 4, 400))
    stamps[0], stamps[-1] = 0.0, 4.0
    given = emg_io.Recording.from_array(np.arange(400.0)[None], 100.0, timestamps=stamps)
    uniform = on_clock(given, SignalPath(100.0, "hold"))
    readings = uniform.raw()[0]
    for span in moved([PartSpan("train", 50, 90), PartSpan("test", 200, 400)], given, uniform):
        low, high = (50, 90) if span.part == "train" else (200, 400)
        assert (readings[span.start : span.stop] >= low).all()
        assert (readings[span.start : span.stop] < high).all()
        assert span.stop - span.start > 10


def test_holes_in_the_stamps_are_gaps() -> None:
    stamps = np.arange(100) / 100.0
    stamps[40:] += 0.5
    stamps[41] += 0.001
    given = emg_io.Recording.from_array(np.ones((2, 100)), 100.0, timestamps=stamps)
    assert segments(given, given.signal(), stamped=True) == [(0, 40), (40, 100)]
    assert segments(given, given.signal(), stamped=False) == [(0, 100)]
    with pytest.raises(EmgDistillError, match="memory: 100 Hz, the protocol is for 105 Hz and does not resample"):
        on_clock(given, SignalPath(105.0))
    assert on_clock(given, SignalPath(105.0, "rows")) is given


def test_statistics_are_those_of_emg_dsp() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 4, 30)).astype(np.float32)
    x[:, 2] = 7.0
    whole = emg_dsp.Standardizer.fit(x)
    assert training_statistics(lambda: [x]) == whole
    chunked = training_statistics(lambda: (x[a : a + 7] for a in range(0, 50, 7)))
    assert np.allclose(chunked.mean, whole.mean, rtol=1e-12)
    assert np.allclose(chunked.std, whole.std, rtol=1e-12)
    assert whole.std[2] == 1.0
    with pytest.raises(EmgDistillError, match="no training window to take means and deviations from"):
        training_statistics(list)


def test_ranges_are_those_of_real_samples() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 20)).astype(np.float32)
    x[:, 1] = 5.0
    real = np.ones((4, 20), bool)
    real[2, 12:] = False
    scaled = Scaling(Normalisation("minmax", eps=1e-8)).apply(x.copy(), real)
    assert np.allclose(scaled[0, 0].min(), -1)
    assert np.allclose(scaled[0, 0].max(), 1)
    assert (scaled[:2, 1] == -1).all(), "a channel that never changes becomes -1"
    part = x[2, 0, :12].astype(np.float64)
    assert np.allclose(scaled[2, 0, :12], 2 * (part - part.min()) / (np.ptp(part) + 1e-8) - 1, atol=1e-6)
    assert (scaled[2, :, 12:] == 0).all()
    assert np.allclose(Scaling(Normalisation("scale", factor=0.4)).apply(x.copy(), None), x * 0.4)
    assert np.array_equal(Scaling(None).apply(x.copy(), None), x)


def stored(rule: Cut, n_times: int = 100, piece: int = 40) -> tuple[StoredSet, np.ndarray]:
    frames = np.random.default_rng(1).normal(size=(n_times, 2)).astype(np.float32)
    labels = np.zeros(n_times, np.int64)
    table = cut(rule, [(0, piece), (piece, n_times)], labels)
    form = Shape(2, rule.n_times or 60)
    people = np.array(["a"] * len(table))
    targets = ClassTarget((0,)).table([], table)
    signals = MemorySignals((frames,))
    return StoredSet(signals, ("d",), np.array([2]), table, rule, Scaling(None), targets, people, form), frames


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_context_and_slides_stay_in_the_piece(seed: int, past: int, future: int, pad: bool) -> None:
    rng = np.random.default_rng(seed)
    examples, frames = stored(Cut(16, 11, "none", pad=pad, slide=True, past=past, future=future))
    table = examples.windows
    rows, offsets = rng.integers(0, len(examples), 6), rng.uniform(0, 1, 6)
    x = examples.read(rows, offsets).x.numpy()
    for index, row in enumerate(rows.tolist()):
        start = int(table.start[row] + np.floor(offsets[index] * (table.room[row] + 1)))
        valid = int(table.valid[row])
        expected = np.zeros((2, past + 16 + future), np.float32)
        last = start + valid + (future if valid == 16 else 0)
        for at in range(start - past, last):
            if table.begin[row] <= at < table.end[row]:
                expected[:, at - start + past] = frames[at]
        assert np.array_equal(x[index], expected)


def test_whole_windows_keep_their_context_where_another_is_filled_up() -> None:
    rule = Cut(16, 16, "none", pad=True, past=5, future=3)
    padded, _ = stored(rule)  # pieces of 40 and 60 samples: the last windows have 8 and 12
    plain, _ = stored(replace(rule, pad=False))
    batch = padded.read(np.arange(len(padded)))
    assert batch.x_lengths.tolist() == [24, 24, 5 + 8, 24, 24, 24, 5 + 12]
    whole = padded.windows.valid == 16
    assert np.array_equal(batch.x[torch.from_numpy(whole)].numpy(), plain.x)
    assert plain.read(np.arange(5)).x_lengths is None
    assert not batch.x[2, :, 13:].any()
    pieces, frames = stored(Cut(0, 1, "none", past=5, future=3), piece=30)
    alone, both = pieces.read(np.array([0])), pieces.read(np.array([0, 1]))
    assert both.x_lengths.tolist() == [38, 78]
    assert np.array_equal(alone.x[0], both.x[0, :, :38])
    assert np.array_equal(alone.x[0, :, 5:35].numpy(), frames[:30].T)


@pytest.mark.parametrize(
    ("rule", "whole"),
    [
        (Cut(16, 11, "none", pad=True, past=4), True),
        (Cut(16, 16, "none"), False),
        (Cut(16, 17, "none", pad=True), False),
    ],
)
def test_a_timeline_says_where_windows_lie(rule: Cut, whole: bool) -> None:
    examples, _ = stored(rule)
    found, table = examples.timeline, examples.windows
    for name in ("recording", "start", "valid"):
        assert np.array_equal(getattr(found, name), getattr(table, name))
    assert (found.past, found.whole, found.first, found.step, found.events) == (rule.past, whole, 0, 0, None)
    covered = {at for start, valid in zip(found.start, found.valid, strict=True) for at in range(start, start + valid)}
    assert (covered == set(range(100))) is whole


def test_a_timeline_of_gestures_has_frames_and_true_events() -> None:
    examples, _ = stored(Cut(16, 16, "none"))
    plan = {name: np.zeros((3, 0), np.int64) for name in ("pulses", "counted")}
    plan["events"] = np.array([[40.5, 7.25], [8, 2]])
    target = PulseTarget(FrameGrid(3, 2), 16)
    found = replace(examples, targets=target.table([plan], examples.windows)).timeline
    assert (found.first, found.step) == (3, 2)
    assert found.events is not None
    places, channels = found.events(0)
    assert (places.tolist(), channels.tolist()) == ([7.25, 40.5], [2, 8])


def test_whole_pieces_are_filled_up_to_the_longest_of_a_batch() -> None:
    examples, frames = stored(Cut(0, 1, "none"))
    assert examples.shape == (2, 60)
    both, short = examples.read(np.array([0, 1])), examples.read(np.array([0]))
    assert both.x.shape == (2, 2, 60)
    assert short.x.shape == (1, 2, 40)
    assert both.x_lengths.tolist() == [40, 60]
    assert np.array_equal(both.x[0, :, :40].numpy(), frames[:40].T)
    assert not both.x[0, :, 40:].any()
    chunks = list(examples.raw_chunks(5))
    assert [chunk.shape for chunk in chunks] == [(1, 2, 40), (1, 2, 60)]


def test_rows_that_do_not_exist_are_refused() -> None:
    examples, _ = stored(Cut(16, 11, "none"))
    for rows in ([-1], [len(examples)]):
        with pytest.raises(EmgDistillError, match=f"rows reach from .*; there are {len(examples)} examples"):
            examples.read(np.array(rows))
    assert len(examples.read(np.zeros(0, np.int64))) == 0


def test_a_digest_knows_samples_windows_scaling_and_people() -> None:
    examples, _ = stored(Cut(16, 11, "none"))
    table = examples.windows
    others = [
        replace(examples, digests=("e",)),
        replace(examples, windows=replace(table, start=table.start + 1)),
        replace(examples, scaling=Scaling(Normalisation("scale", factor=2.0))),
        replace(examples, subject=np.array(["b"] * len(examples))),
        replace(examples, targets=ClassTarget((0,)).table([], replace(table, label=table.label + 1))),
        replace(examples, cut=replace(examples.cut, past=1)),
    ]
    digests = [other.digest for other in [examples, *others]]
    assert len(set(digests)) == len(digests)
    assert replace(examples).digest == examples.digest


def test_classes_follow_their_order_and_names() -> None:
    target = ClassTarget((5, 2, 9), (0,), rest_label=9)
    table = WindowTable.of(np.zeros((4, 8), np.int64))
    kept = target.keep(replace(table, label=np.array([2, 0, 9, 5])), {}, "file")
    assert kept.label.tolist() == [1, 2, 0]
    assert target.rest == 2
    assert target.labels({5: "five", 2: "two"}) == ["five", "two", "label 9"]
    assert ClassTarget((1,), names=("one",)).labels({}) == ["one"]
    assert ClassTarget((1,)).rest is None


def test_other_channels_and_grids_with_holes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from emg_distill._data.parts import _form
    from emg_distill._data.protocols import get_protocol

    protocol = get_protocol("capgmyo-a/intra-subject")
    entry, _ = prepared(SignalPath(1000.0), recording(), Cut(1, 1, "none"))
    two = replace(entry, montage={**entry.montage, "n_chans": 2})
    with pytest.raises(EmgDistillError, match=r"recordings have \[2, 3\] channels .*; one number is required"):
        _form(protocol, [entry, two], {})
    padded = replace(protocol, path=SignalPath(1000.0, n_chans=2))
    with pytest.raises(EmgDistillError, match=r"recordings have \[3\] channels .*; as many as 2 is required"):
        _form(padded, [entry], {})
    holed = replace(entry, montage={**entry.montage, "cells": [[0, 1], [2, -1]]})
    with pytest.raises(EmgDistillError, match="images need one electrode grid without holes"):
        _form(protocol, [holed], {})


def test_trials_without_activity_are_named() -> None:
    flat = emg_io.Recording.from_array(np.zeros((4, 400)), 1000.0, layout=emg_io.Layout.grid([[0, 1], [2, 3]]))
    with pytest.raises(EmgDistillError, match="memory, samples 0 to 400: no active stretch"):
        prepared(SignalPath(1000.0, active=100), flat, Cut(1, 1, "none"))


def test_windows_without_targets_have_no_answer() -> None:
    examples, _ = stored(Cut(16, 11, "none"))
    assert examples.y is not None
    nothing = replace(examples, targets=NoTarget().table([], examples.windows))
    assert nothing.y is None
    assert nothing.classes is None
    assert set(nothing.read(np.array([0])).columns()) == {"x"}
