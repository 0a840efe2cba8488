"""Splits: what they promise, and that they prove it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import (
    Dataset,
    EmgIoError,
    Recording,
    Span,
    Split,
    formats,
    split_by_repetition,
    split_by_session,
    split_by_subject,
    split_by_time,
)
from emg_io.splits._split import RecordingKey


def made(*rows):
    """Data set of tiny recordings from (subject, session, seed of the samples)."""
    recordings = []
    for subject, session, seed in rows:
        labels = np.repeat([0, 1, 0, 2, 0, 1], 5)
        raw = np.random.default_rng(seed).integers(-99, 99, (2, 30)).astype(np.int8)
        recordings.append(Recording.from_array(raw, 100.0, subject=subject, session=session, labels=labels))
    return Dataset(formats()[0], tuple(recordings))


PEOPLE = made(*[(f"{n:02d}", s, 10 * n + int(s)) for n in range(1, 7) for s in "12"])


def test_by_subject_lists_and_fractions():
    split = split_by_subject(PEOPLE, test=["02", 5], val=["6"])
    assert split.subjects("test") == ("02", "05")
    assert split.subjects("val") == ("06",)
    assert split.subjects("train") == ("01", "03", "04")
    assert sum(len(spans) for spans in split.parts.values()) == 12
    one, same, other = (split_by_subject(PEOPLE, test=0.33, val=0.2, seed=s) for s in (1, 1, 2))
    assert len(one.subjects("test")) == 2
    assert len(one.subjects("val")) == 1
    assert one.hash == same.hash != other.hash
    assert len(one.hash) == 64


def test_by_session_and_time():
    split = split_by_session(PEOPLE, test=["2"])
    assert {PEOPLE[span.recording].session for span in split.parts["test"]} == {"2"}
    assert split.parts["val"] == ()
    split = split_by_time(PEOPLE, test=0.2, val=0.1, gap=1)
    assert [tuple(spans[0]) for spans in split.parts.values()] == [(0, 0, 21), (0, 22, 24), (0, 25, 30)]
    with pytest.raises(EmgIoError, match=r"not a split in time.*0 < test|add up to between 0 and 1"):
        split_by_time(PEOPLE, test=1.0)


def test_by_repetition(uci, nina):
    split = split_by_repetition(uci, test=[2])
    for part, numbers in (("train", {1}), ("test", {2})):
        found = set()
        for span in split.parts[part]:
            found |= set(uci[span.recording].labels("repetition")[span.start : span.stop].tolist())
        assert found == numbers
    split = split_by_repetition(nina, test=[2, 5, 7], between="previous")
    assert sum(s.stop - s.start for spans in split.parts.values() for s in spans) == sum(r.n_samples for r in nina)
    summary = split.summary(nina)
    assert summary["test"]["labels"]["rest"] > 0
    assert summary["test"]["subjects"] == list(nina.subjects)
    assert 0.2 < summary["test"]["samples"] / sum(part["samples"] for part in summary.values()) < 0.4
    with pytest.raises(EmgIoError, match=r"no such repetition in the data.*found 11"):
        split_by_repetition(nina, test=[11])
    with pytest.raises(EmgIoError, match=r"unknown rule: expected drop or previous"):
        split_by_repetition(nina, test=[2], between="next")


def test_by_repetition_of_whole_trials():
    raw = np.random.default_rng(0)
    trials = [Recording.from_array(raw.normal(size=(2, 9)), 10.0, repetition=n) for n in (1, 2, 3)]
    split = split_by_repetition(Dataset(formats()[0], tuple(trials)), test=[2], val=[3])
    assert {part: [tuple(s) for s in spans] for part, spans in split.parts.items()} == {
        "train": [(0, 0, 9)],
        "val": [(2, 0, 9)],
        "test": [(1, 0, 9)],
    }


@pytest.mark.parametrize(("arguments", "message"), [
    ({"test": ["07"]}, "no such subject in the data.*01, 02.*found 07"),
    ({"test": ["01"], "val": [1]}, "subject lies in two parts"),
    ({"test": 1.5}, "test: not a fraction"),
    ({"test": list(range(1, 7))}, "nothing is left to train on"),
])  # fmt: skip
def test_bad_choices_raise(arguments, message):
    with pytest.raises(EmgIoError, match=message):
        split_by_subject(PEOPLE, **arguments)


def test_the_same_samples_under_two_names_do_not_leak():
    twins = made(("01", "1", 1), ("02", "1", 2), ("03", "1", 1))
    assert twins.duplicates() == [(0, 2)]
    with pytest.raises(EmgIoError, match=r"two recordings hold the same samples.*01/1.*03/1|03/1.*01/1"):
        split_by_subject(twins, test=["03"])
    assert split_by_subject(twins, test=["02"]).subjects("train") == ("01", "03")


def key(subject="1", session="1", n=100, content="a"):
    return RecordingKey(subject, session, "", None, n, content)


@pytest.mark.parametrize(("unit", "parts", "message"), [
    ("time", {"train": [(0, 0, 60)], "test": [(0, 59, 80)]}, "samples lie in two parts.*train has 1/1.*test has 1/1"),
    ("time", {"train": [(0, 0, 90), (0, 10, 20)], "test": [(0, 30, 40)]}, "samples lie in two parts"),
    ("time", {"train": [(0, 0, 60)], "test": [(1, 59, 80)]}, "two recordings hold the same samples"),
    ("time", {"train": [(0, 0, 101)]}, "span does not exist"),
    ("time", {"train": [(0, 5, 5)]}, "span does not exist"),
    ("time", {"train": [(9, 0, 5)]}, "span does not exist"),
    ("subject", {"train": [(0, 0, 5)], "test": [(2, 50, 60)]}, "subject lies in two parts.*1 in train and test"),
    ("session", {"train": [(0, 0, 5)], "test": [(3, 50, 60)]}, "session lies in two parts.*1/1 in train and test"),
])  # fmt: skip
def test_a_leaking_split_cannot_be_made(unit, parts, message):
    recordings = (key(), key(subject="2"), key(session="2", content="c"), key(content="d"))
    with pytest.raises(EmgIoError, match=message):
        Split(unit, {part: tuple(Span(*s) for s in spans) for part, spans in parts.items()}, recordings)


spans = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 11), st.integers(1, 6)), max_size=6)


@given(st.fixed_dictionaries({"train": spans, "val": spans, "test": spans}))
def test_the_check_agrees_with_sets_of_samples(oracles, drawn):
    recordings = (key(n=12, content="a"), key(n=12, content="b"), key(n=12, content="a"))
    parts = {name: tuple(Span(r, a, min(12, a + n)) for r, a, n in rows) for name, rows in drawn.items()}
    if oracles.shared_samples(parts, recordings):
        with pytest.raises(EmgIoError, match=r"two parts|same samples"):
            Split("time", parts, recordings)
    else:
        assert len(Split("time", parts, recordings).hash) == 64


def test_hash_depends_on_content():
    parts = {"train": (Span(0, 0, 5),), "test": (Span(0, 5, 9),)}
    assert Split("time", parts, (key(content="a"),)).hash != Split("time", parts, (key(content="b"),)).hash


def test_one_name_is_not_a_list_of_letters(uci):
    with pytest.raises(EmgIoError, match=r"not a list of subjects: expected \['12'\], found '12'"):
        split_by_subject(uci, test="12")  # not "1" and "2"
    with pytest.raises(EmgIoError, match=r"not a list of sessions"):
        split_by_session(uci, test="2")


def test_parts_that_come_out_empty(uci):
    with pytest.raises(EmgIoError, match=r"nothing is left to train on"):
        split_by_repetition(uci, test=[1], val=[2])
    with pytest.raises(EmgIoError, match=r"test: nothing is left of a part: expected a shorter gap, found 1000000"):
        split_by_time(uci, test=0.2, gap=1_000_000)


def test_unit_must_be_known():
    with pytest.raises(EmgIoError, match=r"unknown unit: expected subject or session .*, found subjects"):
        Split("subjects", {"train": (), "test": ()}, ())


def test_parts_and_hashes_have_known_names():
    with pytest.raises(EmgIoError, match=r"unknown part: expected train or val or test, found validation"):
        Split.of(PEOPLE, "time", {"train": [Span(0, 0, 5)], "validation": [Span(0, 5, 9)]})
    with pytest.raises(EmgIoError, match=r"unknown way to hash: expected full or sampled, found none"):
        Split.of(PEOPLE, "time", {"train": [Span(0, 0, 5)]}, content="none")
