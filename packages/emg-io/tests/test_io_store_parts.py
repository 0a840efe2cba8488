"""Split and statistics in a store: windows stay in their part and trial, new clocks never mix parts, sums are exact."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_io import EmgIoError, Recording, Span, Track
from emg_io._source import Content, InMemory
from emg_io.store import WindowStore, prepare
from emg_io.store._moments import Moments
from emg_io.store._spans import REACH, PartSpan, merged, on_new_clock


@dataclass(frozen=True)
class Parts:
    """A split as far as a store looks at it."""

    parts: dict
    unit: str = "time"
    hash: str = "b" * 64


def recording(seed=0, n=900, sfreq=100.0, trials=None, **changes):
    rng = np.random.default_rng(seed)
    made = Recording.from_array(rng.integers(-3000, 3000, (3, n)).astype(np.int16), sfreq, subject=str(seed))
    tracks = {"label": Track("label", rng.integers(0, 4, n), {})}
    if trials is not None:
        tracks["trial"] = Track("trial", np.asarray(trials))
    content = Content(changes.pop("stamps", None), tracks, raw=made.raw(), sfreq=sfreq)
    return replace(made, reader=InMemory(content), uniform=content.timestamps is None, **changes)


SPLIT = Parts({
    "train": (Span(0, 0, 300), Span(0, 250, 400), Span(0, 400, 500), Span(2, 100, 101)),
    "test": (Span(1, 0, 800), Span(0, 500, 900)),
    "val": (),
})  # fmt: skip


@pytest.fixture
def store(tmp_path):
    trials = np.repeat([1, 2, 1, 3], [100, 350, 50, 400])
    made = [
        recording(0, 900, trials=trials, scale=(1.0, 2.0, 0.5), offset=1.5),
        recording(1, 800, scale=3.0, offset=(0.0, 1.0, 2.0)),
        recording(2, 700),
    ]
    return prepare(made, tmp_path / "s", split=SPLIT, shard_samples=1000), made


def test_parts_lie_in_the_manifest(store):
    again = WindowStore.open(store[0].folder)
    assert again.split.parts == {
        "test": ((0, 500, 900), (1, 0, 800)),
        "train": ((0, 0, 400), (0, 400, 500), (2, 100, 101)),
        "val": (),
    }
    assert (again.split.hash, again.split.unit) == ("b" * 64, "time")
    assert again.entries[0].cuts == (100, 450, 500)
    assert again.entries[1].cuts == ()


def test_windows_stay_in_part_and_trial(store):
    store, _ = store
    length, rng = 40, np.random.default_rng(0)
    legal = {
        "train": {(0, at) for a, b in ((0, 100), (100, 400), (400, 450), (450, 500)) for at in range(a, b - 39)},
        "test": {(0, at) for at in range(500, 861)} | {(1, at) for at in range(761)},
        None: {(0, at) for a, b in ((0, 100), (100, 450), (450, 500), (500, 900)) for at in range(a, b - 39)}
        | {(1, at) for at in range(761)}
        | {(2, at) for at in range(661)},
    }
    for part, want in legal.items():
        drawn = store.draw(40 * len(want), length, rng, part)
        assert set(drawn) == want
        assert set(store.tile(length, 1, part)) == want
        assert len(store.tile(length, 1, part)) == len(want)
        counts = np.unique([entry * 1000 + start for entry, start in drawn], return_counts=True)[1]
        assert counts.max() < 90  # 40 expected: every window as likely as any other
    assert store.tile(40, 25, "train")[:4] == [(0, 0), (0, 25), (0, 50), (0, 100)]
    entries, starts = zip(*sorted(legal["train"]), strict=True)
    assert store.windows(entries, starts, length, part="train").shape == (len(entries), 3, 40)
    every = [(entry, at) for entry in range(3) for at in range(store.entries[entry].length - 39)]
    for part in ("train", "test"):
        for pair in every:
            if pair not in legal[part]:
                with pytest.raises(
                    EmgIoError, match=rf"part {part}: window lies outside .*entry {pair[0]}, start {pair[1]},"
                ):
                    store.windows([pair[0]], [pair[1]], length, part=part)


def test_requests_that_no_part_can_answer(store, tmp_path):
    store, made = store
    with pytest.raises(EmgIoError, match=r"no such part in the store: .*expected test or train or val, found dev"):
        store.draw(1, 10, np.random.default_rng(0), "dev")
    with pytest.raises(EmgIoError, match=r"length, part val: no recording is long enough"):
        store.draw(1, 10, np.random.default_rng(0), "val")
    with pytest.raises(EmgIoError, match=r"length, part train: no recording is long enough: found 301"):
        store.tile(301, 5, "train")
    with pytest.raises(EmgIoError, match=r"cannot tile so.*found 10, 0"):
        store.tile(10, 0)
    with pytest.raises(EmgIoError, match=r"part val: window lies outside"):
        store.windows([0], [0], 10, part="val")
    bare = WindowStore.create(tmp_path / "bare", made[:1])
    assert (bare.split, bare.normalisation) == (None, None)
    with pytest.raises(EmgIoError, match=r"prepare it with a split.*expected none at all, found train"):
        bare.draw(1, 10, np.random.default_rng(0), "train")


def test_calibration_goes_by_recording_and_channel(store):
    store, made = store
    assert len(store.manifest.calibrations) == 3
    for entry, original in enumerate(made):
        assert np.allclose(store.window(entry, 50, 30), original.signal(50, 80), rtol=1e-6, atol=1e-4)
    batch = store.windows([2, 0, 1, 0], [5, 6, 7, 8], 20)
    for row, (entry, start) in zip(batch, [(2, 5), (0, 6), (1, 7), (0, 8)], strict=True):
        assert np.array_equal(row, store.window(entry, start, 20))


def test_statistics_are_those_of_the_training_part(store):
    store, made = store
    found = store.normalisation
    values = np.concatenate([made[0].signal(0, 500, np.float64), made[2].signal(100, 101, np.float64)], axis=1)
    assert (found.part, found.split_hash, found.n_samples) == ("train", "b" * 64, 501)
    assert np.allclose(found.mean, values.mean(axis=1), rtol=1e-13, atol=1e-12)
    assert np.allclose(found.std, values.std(axis=1), rtol=1e-13)


def test_no_training_part_no_statistics(tmp_path):
    split = Parts({"test": (Span(0, 0, 50),)})
    assert prepare([recording()], tmp_path / "s", split=split).normalisation is None


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
    st.sampled_from([0.0, 1e6, -1e9]),
    st.sampled_from(["<i2", "<f4", "<f8"]),
    st.booleans(),
)
def test_moments_against_two_passes_over_all(seed, lengths, level, dtype, holes):
    rng = np.random.default_rng(seed)
    values = rng.normal(level if dtype == "<f8" else 0, 100, (sum(lengths), 4)).astype(dtype)
    values[:, 3] = 17
    if holes and dtype != "<i2":
        values[rng.random(values.shape) < 0.3] = np.nan
    found = Moments.none(4)
    for block in np.split(values, np.cumsum(lengths)[:-1]):
        found = found + Moments.of(block)
    wide = values.astype(np.longdouble)
    for channel in range(4):
        column = wide[np.isfinite(wide[:, channel]), channel]
        assert found.count[channel] == len(column)
        if len(column):
            assert np.isclose(found.mean[channel], float(column.mean()), rtol=1e-14, atol=1e-12)
            assert np.isclose(found.std[channel], float(column.std()), rtol=1e-9, atol=1e-7 if level else 1e-12)
        else:
            assert (found.mean[channel], found.std[channel]) == (0, 0)
    assert found.std[3] == 0
    scaled = found.calibrated((2.0, 1.0, 1.0, -3.0), 5.0)
    assert np.allclose(scaled.std, found.std * [2, 1, 1, 3], rtol=1e-15)
    assert np.allclose(scaled.mean, np.where(found.count > 0, found.mean * [2, 1, 1, -3] + 5, 0), rtol=1e-15)


def cut_up(draw, n):
    """Disjoint spans of two parts."""
    edges = sorted(draw(st.sets(st.integers(0, n), max_size=8)))
    names = [draw(st.sampled_from(["train", "test", None])) for _ in edges[1:]]
    return tuple(PartSpan(name, *edge) for name, edge in zip(names, pairwise(edges), strict=True) if name)


@st.composite
def clocks(draw):
    """A recording, stamped or uniform, spans on it, and a rate to hold at."""
    n, seed = draw(st.integers(1, 120)), draw(st.integers(0, 10**6))
    stamps = None
    if draw(st.booleans()):
        stamps = np.cumsum(np.random.default_rng(seed).integers(1, 40, n)) / 1000
    made = recording(seed, n, 60.0, stamps=stamps)
    return made, cut_up(draw, n), draw(st.sampled_from([60.0, 61.7, 97.0, 120.0, 333.3]))


@given(clocks())
def test_held_spans_hold_what_was_theirs_and_all_of_it(case):
    old, spans, rate = case
    marks = np.zeros(old.n_samples, np.int64)
    for number, span in enumerate(spans, 1):
        marks[span.start : span.stop] = number
    content = old.reader.held
    content = replace(content, tracks={"mark": Track("mark", marks)})
    old = replace(old, reader=InMemory(content))
    new = old.resample(rate)
    owner = np.zeros(new.n_samples, np.int64)
    for span in on_new_clock(spans, old, new):
        held = set(new.track("mark").values[span.start : span.stop].tolist())
        assert len(held) == 1
        (found,) = held
        assert spans[found - 1].part == span.part
        owner[span.start : span.stop] = found
    assert np.array_equal(owner, new.track("mark").values)  # every sample made of a span's samples belongs to it


RATIOS = [(1, 1), (1, 2), (2, 1), (2, 3), (5, 4), (1, 10), (7, 5), (10, 1)]


@st.composite
def filtered(draw):
    """A uniform recording, spans on it, a ratio of rates."""
    n = draw(st.integers(2, 400))
    return recording(draw(st.integers(0, 10**6)), n), cut_up(draw, n), draw(st.sampled_from(RATIOS))


@given(filtered())
@settings(max_examples=30)
def test_filtered_spans_learn_nothing_from_outside(case):
    old, spans, (up, down) = case
    new = old.resample(100.0 * up / down, "polyphase")
    moved = on_new_clock(spans, old, new)
    assert all(0 <= span.start < span.stop <= new.n_samples for span in moved)
    assert all(a.stop <= b.start for a, b in pairwise(moved))
    for span in spans:
        raw = old.raw().astype(np.float64)
        outside = np.r_[1 : max(1, span.start), min(span.stop, old.n_samples - 1) : old.n_samples - 1]
        raw[:, outside] += np.random.default_rng(0).normal(0, 1e6, (3, len(outside)))
        content = replace(old.reader.held, raw=raw)
        other = replace(old, reader=InMemory(content)).resample(new.sfreq, "polyphase")
        (mine,) = on_new_clock([span], old, new) or [PartSpan("", 0, 0)]
        assert np.allclose(other.raw()[:, mine.start : mine.stop], new.raw()[:, mine.start : mine.stop], atol=1e-4)
        lost = 2 * (REACH * max(up, down) / down + 1) + 1
        assert mine.stop - mine.start >= (span.stop - span.start) * up / down - lost


@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_what_the_ends_of_a_recording_leave_elsewhere_is_as_little_as_stated(up, down):
    old = recording(5, 2000)
    raw = old.raw().astype(np.float64)
    raw[:, [0, -1]] += 1e6
    other = replace(old, reader=InMemory(replace(old.reader.held, raw=raw)))
    rate = 100.0 * up / down
    new, changed = (one.resample(rate, "polyphase") for one in (old, other))
    (mine,) = on_new_clock([PartSpan("train", 500, 1500)], old, new)
    difference = np.abs(changed.raw() - new.raw())[:, mine.start : mine.stop].max()
    assert difference < 1e-3 * 1e6


def test_a_span_that_a_filter_reaches_into_does_change():
    """The margin is needed: one sample more on either side, and the part would learn from its neighbour."""
    old = recording(5, 600)
    new = old.resample(200.0, "polyphase")
    (mine,) = on_new_clock([PartSpan("train", 200, 400)], old, new)
    raw = old.raw().astype(np.float64)
    raw[:, 199] += 1e9
    raw[:, 400] += 1e9
    other = replace(old, reader=InMemory(replace(old.reader.held, raw=raw))).resample(200.0, "polyphase")
    changed = np.flatnonzero(np.abs(other.raw() - new.raw()).max(axis=0) > 1e-3)
    assert not np.any((changed >= mine.start) & (changed < mine.stop))
    assert {mine.start - 2, mine.stop + 1} & set(changed.tolist())


def test_parts_that_a_filter_leaves_nothing_of(tmp_path):
    split = Parts({"train": (Span(0, 100, 110),), "test": (Span(0, 200, 900),)})
    with pytest.raises(EmgIoError, match=r"part train: nothing of a part is left on the new clock"):
        prepare([recording()], tmp_path / "s", split=split, sfreq=50.0, method="polyphase")
    store = prepare([recording()], tmp_path / "t", split=split, sfreq=200.0)
    assert store.split.parts == {"test": ((0, 400, 1799),), "train": ((0, 200, 220),)}


def test_overlaps_of_one_part_are_joined():
    spans = [
        PartSpan("a", 5, 9),
        PartSpan("a", 0, 6),
        PartSpan("b", 9, 12),
        PartSpan("b", 12, 13),
        PartSpan("b", 10, 11),
    ]
    assert merged(spans) == (PartSpan("a", 0, 9), PartSpan("b", 9, 12), PartSpan("b", 12, 13))
