"""Metrics against closed forms and against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.classification import accuracy, classification_metrics, confusion_matrix, macro_f1

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def test_closed_form() -> None:
    confusion = confusion_matrix(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0]), 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert accuracy(confusion) == pytest.approx(4 / 6)
    assert macro_f1(confusion) == pytest.approx((4 / 6 + 4 / 5 + 0.0) / 3)


def test_classes_that_never_occur_have_no_score() -> None:
    assert macro_f1(confusion_matrix(np.array([0, 1]), np.array([0, 1]), 5)) == 1.0


def slow_f1(pairs: list[tuple[int, int]]) -> float:
    """Precision and recall class by class, as the definition says."""
    scores = []
    for k in {label for pair in pairs for label in pair}:
        hits = sum(pair == (k, k) for pair in pairs)
        wanted, given = (sum(pair[side] == k for pair in pairs) for side in (0, 1))
        precision, recall = hits / given if given else 0.0, hits / wanted if wanted else 0.0
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


@given(PAIRS)
def test_equal_to_the_definition(pairs: list[tuple[int, int]]) -> None:
    target, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    confusion = confusion_matrix(target, predicted, 4)
    assert all(confusion[t, p] == pairs.count((t, p)) for t in range(4) for p in range(4))
    assert accuracy(confusion) == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))
    assert macro_f1(confusion) == pytest.approx(slow_f1(pairs))


def test_per_subject() -> None:
    report = classification_metrics(
        np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), np.array(["b", "a", "a", "b"]), n_classes=2
    )
    assert report["per_subject"] == {"a": 0.5, "b": 1.0}
    assert (report["n"], report["accuracy"]) == (4, 0.75)


@pytest.mark.parametrize(
    ("target", "predicted", "message"),
    [
        ([0, 1], [0], "must be 1-D of one length"),
        ([0, 2], [0, 1], "target holds 0 .. 2; classes are 0 .. 1"),
        ([0, 1], [-1, 1], "predicted holds -1 .. 1"),
    ],
)
def test_bad_input_raises(target: list[int], predicted: list[int], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        confusion_matrix(np.array(target), np.array(predicted), 2)


def test_an_empty_part_has_no_metric() -> None:
    empty = np.zeros((2, 2), np.int64)
    for metric in (accuracy, macro_f1):
        with pytest.raises(EmgDistillError, match="zero windows is not defined"):
            metric(empty)
