"""Classification metrics and votes against closed forms and against their definitions."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.classification import (
    accuracy,
    balanced_accuracy,
    classification_metrics,
    confusion_matrix,
    macro_f1,
    per_class,
    without_rest,
)
from emg_distill._metrics.statistics import bootstrap
from emg_distill._metrics.votes import vote_metrics

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=60)


def columns(rows: list[Any]) -> tuple[Any, ...]:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def test_closed_form() -> None:
    confusion = confusion_matrix(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0]), 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert accuracy(confusion) == pytest.approx(4 / 6)
    assert balanced_accuracy(confusion) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert macro_f1(confusion) == pytest.approx((4 / 6 + 4 / 5 + 0.0) / 3)
    assert per_class(confusion) == {
        "precision": [2 / 3, 2 / 3, None],
        "recall": [2 / 3, 1.0, 0.0],
        "f1": [4 / 6, 4 / 5, 0.0],
        "support": [3, 2, 1],
    }


def test_classes_that_never_occur_have_no_score() -> None:
    confusion = confusion_matrix(np.array([0, 1]), np.array([0, 1]), 5)
    assert macro_f1(confusion) == balanced_accuracy(confusion) == 1.0
    assert per_class(confusion)["f1"] == [1.0, 1.0, None, None, None]


def slow_f1(pairs: list[tuple[int, int]], classes: set[int] | None = None) -> float:
    """Precision and recall class by class, as the definition says."""
    scores = []
    for k in classes or {label for pair in pairs for label in pair}:
        hits = sum(pair == (k, k) for pair in pairs)
        wanted, given = (sum(pair[side] == k for pair in pairs) for side in (0, 1))
        precision, recall = hits / given if given else 0.0, hits / wanted if wanted else 0.0
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


@given(PAIRS)
def test_equal_to_the_definition(pairs: list[tuple[int, int]]) -> None:
    target, predicted = columns(pairs)
    confusion = confusion_matrix(target, predicted, 4)
    assert all(confusion[t, p] == pairs.count((t, p)) for t in range(4) for p in range(4))
    assert accuracy(confusion) == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))
    assert macro_f1(confusion) == pytest.approx(slow_f1(pairs))
    recalls = [np.mean(predicted[target == k] == k) for k in np.unique(target)]
    assert balanced_accuracy(confusion) == pytest.approx(np.mean(recalls))


@given(PAIRS, st.integers(0, 3))
def test_without_rest_is_the_same_on_the_other_windows(pairs: list[tuple[int, int]], rest: int) -> None:
    left = [pair for pair in pairs if pair[0] != rest]
    found = without_rest(confusion_matrix(*columns(pairs), 4), rest)
    assert found["n"] == len(left)
    if not left:
        assert found == {"n": 0, "accuracy": None, "macro_f1": None}
        return
    assert found["accuracy"] == pytest.approx(sum(t == p for t, p in left) / len(left))
    classes = {label for pair in left for label in pair} - {rest}
    assert found["macro_f1"] == pytest.approx(slow_f1(left, classes))


@given(ROWS, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_everything_lies_in_bounds(rows: list[Any], random: Any) -> None:
    report = classification_metrics(*columns(rows), n_classes=4, rest=0)
    shuffled = random.sample(rows, len(rows))
    assert classification_metrics(*columns(shuffled), n_classes=4, rest=0) == report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert 0.0 <= report[name] <= 1.0
    for name in ("accuracy", "macro_f1"):
        people = report["subjects"][name]
        assert people["worst"] <= people["mean"] + 1e-12
        assert (people["sd"] is None) == (report["ci95"] is None) == (report["subjects"]["n"] == 1)
        if report["ci95"]:
            low, high = report["ci95"][name]
            assert 0.0 <= low <= high <= 1.0


def test_a_collapsed_network_looks_good_only_in_accuracy() -> None:
    """Two thirds rest, as on DB5: predicting rest alone."""
    target = np.array([0] * 20 + list(range(1, 11)))
    report = classification_metrics(target, np.zeros_like(target), np.array(["a"] * 30), 11, rest=0)
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["macro_f1"] == pytest.approx(0.8 / 11)
    assert report["balanced_accuracy"] == pytest.approx(1 / 11)
    assert report["without_rest"] == {"n": 10, "accuracy": 0.0, "macro_f1": 0.0}


def test_a_perfect_network_is_perfect_for_everybody() -> None:
    target = np.arange(30) % 3
    report = classification_metrics(target, target, np.array(list("abcdef") * 5), 3, rest=2)
    assert report["accuracy"] == report["macro_f1"] == report["balanced_accuracy"] == 1.0
    assert report["without_rest"] == {"n": 20, "accuracy": 1.0, "macro_f1": 1.0}
    assert report["ci95"] == {"accuracy": [1.0, 1.0], "macro_f1": [1.0, 1.0]}
    same = {"mean": 1.0, "sd": 0.0, "worst": 1.0}
    assert report["subjects"] == {"n": 6, "accuracy": same, "macro_f1": same}


def test_by_subject() -> None:
    report = classification_metrics(
        np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), np.array(["b", "a", "a", "b"]), n_classes=2
    )
    assert report["per_subject"] == {"a": 0.5, "b": 1.0}
    assert report["per_subject_macro_f1"] == pytest.approx({"a": (0 + 2 / 3) / 2, "b": 1.0})
    assert (report["n"], report["accuracy"]) == (4, 0.75)
    assert report["subjects"]["accuracy"] == pytest.approx({"mean": 0.75, "sd": 0.125**0.5, "worst": 0.5})
    assert "without_rest" not in report


def test_the_quick_interval_equals_the_bootstrap_of_rows() -> None:
    rng = np.random.default_rng(0)
    subject = np.repeat(np.array(list("abcdef")), [3, 9, 5, 7, 11, 4])
    target = rng.integers(0, 4, len(subject))
    predicted = np.where(rng.random(len(subject)) < 0.6, target, rng.integers(0, 4, len(subject)))
    quick = classification_metrics(target, predicted, subject, 4)["ci95"]
    for name, metric in (("accuracy", accuracy), ("macro_f1", macro_f1)):

        def on(rows: np.ndarray, metric: Any = metric) -> float:
            return float(metric(confusion_matrix(target[rows], predicted[rows], 4)))

        slow = bootstrap(on, subject)
        assert quick[name] == pytest.approx([slow["low"], slow["high"]], abs=1e-12)
        assert slow["low"] < slow["value"] < slow["high"]


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


def test_one_name_for_each_window() -> None:
    with pytest.raises(EmgDistillError, match=r"subject of shape \(1,\): one name for each of 2 windows"):
        classification_metrics(np.array([0, 1]), np.array([0, 1]), np.array(["a"]), 2)
    with pytest.raises(EmgDistillError, match="accuracy of zero windows is not defined"):
        classification_metrics(np.zeros(0, np.int64), np.zeros(0, np.int64), np.array([], str), 2)


@pytest.mark.parametrize("rest", [-1, 2])
def test_rest_is_one_of_the_classes(rest: int) -> None:
    with pytest.raises(EmgDistillError, match=rf"rest={rest}: a class index in 0 .. 1 is required"):
        without_rest(np.eye(2, dtype=np.int64), rest)


def test_an_empty_part_has_no_metric() -> None:
    empty = np.zeros((2, 2), np.int64)
    for metric in (accuracy, balanced_accuracy, macro_f1):
        with pytest.raises(EmgDistillError, match="zero windows is not defined"):
            metric(empty)


TARGET = np.array([0, 0, 0, 0, 1, 1, 1])
GIVEN = np.array([0, 1, 0, 0, 1, 0, 0])
TRIAL = np.array([5, 5, 5, 5, 2, 2, 2])
PERSON = np.array(["a"] * 4 + ["b"] * 3)


def test_votes_slide_inside_trials() -> None:
    report = vote_metrics(TARGET, GIVEN, TRIAL, PERSON, 2)
    # trial 5: 01, 10, 00 -> 0, 0, 0 (ties to the lowest); trial 2: 10, 00 -> 0, 0
    assert (report["n"], report["n_trials"], report["accuracy"]) == (5, 2, 3 / 5)
    assert report["balanced_accuracy"] == 0.5
    assert report["per_subject"] == {"a": 1.0, "b": 0.0}
    assert report["subjects"]["worst"] == 0.0
    assert report["rule"] == "majority of 2 frames, ties to the lowest label"
    latest = vote_metrics(TARGET, GIVEN, TRIAL, PERSON, 2, "latest")
    # trial 5: 1, 0, 0; trial 2: 0, 0
    assert latest["accuracy"] == 2 / 5
    assert latest["tie"] == "latest"
    assert json.loads(json.dumps(report)) == report


@given(ROWS.map(lambda rows: rows[:20]))
def test_a_vote_of_one_is_the_accuracy_of_windows(rows: list[Any]) -> None:
    target, predicted, person = columns(rows)
    trial = np.unique(np.char.add(person.astype(str), target.astype(str)), return_inverse=True)[1]
    report = vote_metrics(target, predicted, trial, person, 1)
    assert report["accuracy"] == pytest.approx(np.mean(target == predicted))
    whole = vote_metrics(target, predicted, trial, person, -1)
    assert whole["n"] == whole["n_trials"] == len(np.unique(trial))
    assert vote_metrics(target, predicted, trial, person, 99)["accuracy"] == whole["accuracy"]
    # trials may come in any order as long as the windows of each stay in theirs
    order = np.argsort(-trial, kind="stable")
    again = vote_metrics(target[order], predicted[order], trial[order], person[order], 2)
    assert again == vote_metrics(target, predicted, trial, person, 2)


def test_three_lengths_pool_votes_rather_than_trials() -> None:
    target = np.repeat([0, 1], [9, 1])
    report = vote_metrics(target, np.zeros(10, np.int64), target, np.array(["a"] * 10), 1)
    assert (report["accuracy"], report["balanced_accuracy"]) == (0.9, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trial": TRIAL[:-1]}, r"target \(7,\), .*'trial': \(6,\).*: 1-D of one length >= 1 is required"),
        ({"trial": np.zeros(7, np.int64)}, "trial 0 has more than one target or subject; number each by itself"),
        ({"target": np.zeros(7, np.int64), "trial": np.ones(7, np.int64)}, "trial 1 has more than one target"),
        ({"window": 0}, "window"),
        ({"tie": "first"}, "tie"),
    ],
)
def test_votes_refuse_mixed_trials_and_unknown_rules(changes: dict[str, Any], message: str) -> None:
    given = {"target": TARGET, "predicted": GIVEN, "trial": TRIAL, "subject": PERSON, "window": 2, "tie": "lowest"}
    with pytest.raises(EmgDistillError, match=message):
        vote_metrics(**(given | changes))  # type: ignore[arg-type]
