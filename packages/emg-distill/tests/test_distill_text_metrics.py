"""Error rates of text: counts against a recursion, rates against hand-made cases."""

import functools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.text import EditCounts, character_error_metrics, edit_counts, word_error_metrics

symbols = st.lists(st.integers(0, 3), max_size=7).map(tuple)


def array(values):
    return np.array(values, dtype=np.int64)


def recursive(reference, predicted):
    """(errors, insertions + deletions, insertions, deletions, substitutions), smallest first."""

    @functools.cache
    def best(i, j):
        if i == j == 0:
            return (0, 0, 0, 0, 0)
        ways = []
        if i:
            e, g, a, d, s = best(i - 1, j)
            ways.append((e + 1, g + 1, a, d + 1, s))
        if j:
            e, g, a, d, s = best(i, j - 1)
            ways.append((e + 1, g + 1, a + 1, d, s))
        if i and j:
            e, g, a, d, s = best(i - 1, j - 1)
            wrong = reference[i - 1] != predicted[j - 1]
            ways.append((e + wrong, g, a, d, s + wrong))
        return min(ways)

    return best(len(reference), len(predicted))


@given(symbols, symbols)
def test_counts_are_those_of_the_recursion(reference, predicted):
    counts = edit_counts(array(reference), array(predicted))
    errors, gaps, insertions, deletions, substitutions = recursive(reference, predicted)
    assert (counts.insertions, counts.deletions, counts.substitutions) == (insertions, deletions, substitutions)
    assert (counts.errors, counts.insertions + counts.deletions) == (errors, gaps)
    assert counts.length == len(reference)


@given(symbols, symbols)
def test_swapping_texts_swaps_insertions_and_deletions(one, other):
    there, back = edit_counts(array(one), array(other)), edit_counts(array(other), array(one))
    assert (there.insertions, there.deletions) == (back.deletions, back.insertions)
    assert there.substitutions == back.substitutions


@given(symbols, symbols, symbols)
def test_distances_obey_the_triangle(a, b, c):
    def distance(x, y):
        return edit_counts(array(x), array(y)).errors

    assert distance(a, c) <= distance(a, b) + distance(b, c)


def test_known_distances():
    def codes(text):
        return array([ord(sign) for sign in text])

    assert edit_counts(codes("kitten"), codes("sitting")) == EditCounts(1, 0, 2, 6)
    assert edit_counts(codes("abc"), codes("")) == EditCounts(0, 3, 0, 3)
    assert edit_counts(codes(""), codes("abc")) == EditCounts(3, 0, 0, 0)
    assert edit_counts(codes("ab"), codes("ba")) == EditCounts(0, 0, 2, 2)


def test_rates_are_pooled_over_a_user_and_then_averaged():
    reference = [array([1, 2, 3, 4]), array([5, 6, 7, 8, 9, 10]), array([1, 2])]
    predicted = [array([1, 2, 3]), array([5, 0, 7, 8, 9, 10, 11]), array([1, 2, 3, 4, 5])]
    found = character_error_metrics(reference, predicted, ["a", "a", "b"])
    # a: 1 deletion, 1 substitution, 1 insertion of 10; b: 3 insertions of 2.
    assert found["per_subject"] == {"a": pytest.approx(30.0), "b": pytest.approx(150.0)}
    assert found["cer"] == pytest.approx(90.0)
    assert found["cer_sd"] == pytest.approx(statistics.pstdev([30.0, 150.0]))
    assert found["cer_pooled"] == pytest.approx(100 * 6 / 12)
    assert found["insertions"] == pytest.approx((10 + 150) / 2)
    assert found["deletions"] == found["substitutions"] == pytest.approx((10 + 0) / 2)
    assert found["n"] == 3


def test_an_empty_text_counts_where_its_user_wrote_others():
    found = character_error_metrics([array([]), array([1])], [array([2]), array([1])], ["a", "a"])
    assert found["cer"] == pytest.approx(100.0)


def test_words_are_counted():
    found = word_error_metrics(["the quick\nfox", "hello"], ["the  quack fox jumps", "hello"], ["a", "b"])
    assert found["per_subject"] == {"a": pytest.approx(200 / 3), "b": 0.0}
    assert found["wer"] == pytest.approx(100 / 3)
    assert found["substitutions"] == found["insertions"] == pytest.approx(50 / 3)
    assert found["deletions"] == 0.0
    assert set(found) == {"wer", "wer_sd", "wer_pooled", "insertions", "deletions", "substitutions", "n", "per_subject"}


def test_subjects_may_be_an_array():
    who = np.array(["a", "b"])
    assert word_error_metrics(["x", "y"], ["x", "z"], who)["per_subject"] == {"a": 0.0, "b": 100.0}


@pytest.mark.parametrize(
    ("reference", "predicted", "subject", "message"),
    [
        (["a"], [], ["s"], "1 references, 0 predictions and 1 subjects"),
        ([], [], [], "at least one text"),
        (["a", " "], ["a", "b"], ["s", "t"], "references of 't' are empty: wer is not defined"),
    ],
)
def test_what_has_no_rate_is_refused(reference, predicted, subject, message):
    with pytest.raises(EmgDistillError, match=message):
        word_error_metrics(reference, predicted, subject)


def test_other_arrays_are_refused():
    with pytest.raises(EmgDistillError, match=r"reference float64 \(2,\): 1-D integers are required"):
        edit_counts(np.array([0.5, 1.0]), array([1]))
    with pytest.raises(EmgDistillError, match=r"predicted int64 \(1, 2\)"):
        edit_counts(array([1]), array([[1, 2]]))
