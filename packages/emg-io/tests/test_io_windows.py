"""Windows of a split: inside spans, trials and runs, and so disjoint between parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import Dataset, EmgIoError, Recording, Span, Split, WindowRule, formats
from emg_io._source import Content, InMemory, Track
from emg_io.splits._windows import RULES, cut


def dataset(labels, trials=None):
    labels = np.asarray(labels)
    tracks = {"label": Track("label", labels, {0: "rest", 1: "fist", 2: "open"})}
    if trials is not None:
        tracks["trial"] = Track("trial", np.asarray(trials))
    raw = np.random.default_rng(len(labels)).integers(-9, 9, (1, len(labels)))
    recording = Recording.from_array(raw, 10.0)
    object.__setattr__(recording, "reader", InMemory(Content(tracks=tracks, raw=raw, sfreq=10.0)))
    return Dataset(formats()[0], (recording,))


small = st.lists(st.integers(0, 2), min_size=1, max_size=30)


@given(
    small,
    st.data(),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from(RULES),
    st.booleans(),
    st.sampled_from([None, (1, 2), ()]),
)
def test_windows_are_those_of_the_obvious_loop(oracles, labels, data, length, hop, label, pad, classes):
    n = len(labels)
    trials = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    rule = WindowRule(length, hop, label, classes, pad)
    found = cut(dataset(labels, trials), [Span(0, start, stop)], rule)
    rows = list(zip(found.start.tolist(), found.valid.tolist(), found.label.tolist(), strict=True))
    assert rows == oracles.windows(labels, trials, [(start, stop)], rule)
    assert len(found) == len(rows)
    assert found.recording.tolist() == [0] * len(rows)


@given(small, st.data(), st.integers(1, 5), st.integers(1, 5))
def test_windows_of_two_parts_share_no_sample(labels, data, length, hop):
    n = len(labels)
    edge = data.draw(st.integers(0, n))
    people = dataset(labels)
    spans = {"train": [Span(0, 0, edge)] if edge else [], "test": [Span(0, edge, n)] if edge < n else []}
    windows = Split.of(people, "time", spans).windows(people, WindowRule(length, hop, "first", pad=True))
    samples = [
        {i for a, k in zip(w.start.tolist(), w.valid.tolist(), strict=True) for i in range(a, a + k)}
        for w in windows.values()
    ]
    assert not samples[0] & samples[2]


def test_overlapping_windows_of_two_parts_are_refused():
    """A random 80/20 draw of half-overlapping windows, as a published loader does, is no split."""
    people = dataset([1] * 40)
    windows = [Span(0, start, start + 10) for start in range(0, 31, 5)]
    with pytest.raises(EmgIoError, match="samples lie in two parts"):
        Split.of(people, "time", {"train": windows[::2], "test": windows[1::2]})
    assert Split.of(people, "time", {"train": windows[:2], "test": windows[3:]}).hash


def test_summary_counts_windows_and_classes():
    people = dataset([0] * 10 + [1] * 10 + [2] * 10)
    split = Split.of(people, "time", {"train": [Span(0, 0, 18)], "test": [Span(0, 18, 30)]})
    summary = split.summary(people, WindowRule(4, 2, "constant", classes=(1, 2)))
    assert summary["train"]["windows"] == 3
    assert summary["train"]["classes"] == {"fist": 3}
    assert summary["test"]["classes"] == {"open": 4}
    assert summary["test"]["subjects"] == ["1"]
    assert "windows" not in split.summary(people)["train"]


def test_summary_names_classes_even_if_the_first_recording_has_none():
    (labelled,) = dataset([1] * 10)
    people = Dataset(formats()[0], (Recording.from_array(np.ones((1, 3)), 10.0, subject="0"), labelled))
    split = Split.of(people, "time", {"train": [Span(1, 0, 10)]})
    assert split.summary(people, WindowRule(5, 5))["train"]["classes"] == {"fist": 2}


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (5, 5, "median")])
def test_a_rule_that_cuts_nothing_is_refused(arguments):
    with pytest.raises(EmgIoError, match="not a window rule: expected length and hop >= 1"):
        WindowRule(*arguments)


def test_sampled_hashes_find_copies_and_say_that_they_are_sampled():
    big = np.random.default_rng(0).integers(-99, 99, (2, 20_000)).astype(np.int16)
    twin = Dataset(formats()[0], tuple(Recording.from_array(big, 10.0, subject=s) for s in "ab"))
    with pytest.raises(EmgIoError, match="two recordings hold the same samples"):
        Split.of(twin, "subject", {"train": [Span(0, 0, 9)], "test": [Span(1, 0, 9)]}, content="sampled")
    other = big.copy()
    other[0, 0] += 1
    people = Dataset(
        formats()[0], tuple(Recording.from_array(x, 10.0, subject=s) for s, x in (("a", big), ("b", other)))
    )
    split = Split.of(people, "subject", {"train": [Span(0, 0, 9)], "test": [Span(1, 0, 9)]}, content="sampled")
    assert all(key.content.startswith("sampled:") for key in split.recordings)
    assert split.hash != Split.of(people, "subject", split.parts).hash
    assert Recording.from_array(big[:, :3], 10.0).fingerprint() != Recording.from_array(big[:, :4], 10.0).fingerprint()


def test_a_trial_that_was_copied_into_another_recording_is_found():
    """As in a published set in which one person's trials stand, in another order, under another person's name."""
    rng = np.random.default_rng(4)
    trials = [rng.integers(-99, 99, (2, 10)) for _ in range(5)]

    def person(name, order):
        raw = np.concatenate([trials[k] for k in order], axis=1)
        tracks = {"label": Track("label", np.ones(raw.shape[1], int)), "trial": Track("trial", np.repeat(order, 10))}
        recording = Recording.from_array(raw, 10.0, subject=name)
        object.__setattr__(recording, "reader", InMemory(Content(tracks=tracks, raw=raw, sfreq=10.0)))
        return recording

    people = Dataset(formats()[0], (person("a", [0, 1, 2]), person("b", [3, 1])))
    with pytest.raises(EmgIoError, match=r"two recordings hold the same samples.*test has b/1.*train has a/1"):
        Split.of(people, "subject", {"train": [Span(0, 0, 30)], "test": [Span(1, 0, 20)]})
    assert Split.of(people, "subject", {"train": [Span(0, 0, 10)], "test": [Span(1, 0, 20)]}).hash
    assert Split.of(people, "subject", {"train": [Span(0, 0, 30)], "test": [Span(1, 0, 10)]}).hash
