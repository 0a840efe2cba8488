"""Regression metrics against closed forms, their definitions, and what must not change them."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.regression import error_sums, regression_metrics
from emg_distill._metrics.statistics import interval, resample

NAMES = ["thumb", "index"]


def report(target: Any, predicted: Any, subject: Any = None, weight: Any = None, **options: Any) -> dict[str, Any]:
    target, predicted = np.asarray(target, float), np.asarray(predicted, float)
    subject = np.array(["a"] * len(target)) if subject is None else np.asarray(subject)
    names = [f"output {k}" for k in range(target.shape[-1])]
    return regression_metrics(error_sums(target, predicted, weight, **options), subject, names, **options)


def some(seed: int = 0, n: int = 12, instants: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((n, instants, 2)) * [3.0, 20.0] + [100.0, -5.0]
    return target, target + rng.standard_normal(target.shape)


def test_closed_form() -> None:
    target = np.array([[[0.0, 1.0], [2.0, 1.0]], [[4.0, 3.0], [6.0, 3.0]]])
    predicted = target + np.array([[[1.0, 0.0], [-1.0, 0.0]], [[3.0, 0.0], [1.0, 2.0]]])
    found = regression_metrics(error_sums(target, predicted), np.array(["a", "b"]), NAMES)
    assert found["per_output"] == {
        "thumb": pytest.approx({"mae": 6 / 4, "rmse": 3.0**0.5, "r2": 1 - 12 / 20}),
        "index": pytest.approx({"mae": 2 / 4, "rmse": 1.0, "r2": 1 - 4 / 4}),
    }
    assert found["mae"] == pytest.approx(1.0)
    assert found["rmse"] == pytest.approx((3.0**0.5 + 1) / 2)
    assert found["rmse_pooled"] == pytest.approx((16 / 8) ** 0.5)
    assert found["r2"] == pytest.approx(0.2)
    assert found["n"] == 2
    # person a: thumb 1 - 2/2, index constant and left out; person b: thumb 1 - 10/2, index constant
    assert found["per_subject"]["a"] == pytest.approx({"mae": 0.5, "rmse": 0.5, "r2": 0.0})
    assert found["per_subject"]["b"]["r2"] == pytest.approx(-4.0)
    assert found["subjects"]["mae"] == pytest.approx({"mean": 1.0, "sd": 0.5**0.5, "worst": 1.5})
    assert found["subjects"]["r2"] == pytest.approx({"mean": -2.0, "sd": 8**0.5, "worst": -4.0})
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@given(st.integers(0, 10**6))
def test_equal_to_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, predicted = some(seed, n=5)
    weight = rng.integers(0, 3, target.shape).astype(float)
    weight[0, 0] = 1.0
    found = report(target, predicted, weight=weight)
    for k, scores in enumerate(found["per_output"].values()):
        t, e, w = target[..., k].ravel(), (predicted - target)[..., k].ravel(), weight[..., k].ravel()
        mean = np.average(t, weights=w)
        assert scores["mae"] == pytest.approx(np.average(abs(e), weights=w))
        assert scores["rmse"] == pytest.approx(np.average(e**2, weights=w) ** 0.5)
        assert scores["r2"] == pytest.approx(1 - (w * e**2).sum() / (w * (t - mean) ** 2).sum())
    assert 0 <= found["mae"] <= found["rmse"]
    assert found["r2"] <= 1


def test_perfect_and_mean_predictions() -> None:
    target, _ = some()
    perfect = report(target, target)
    assert (perfect["mae"], perfect["rmse"], perfect["rmse_pooled"], perfect["r2"]) == (0.0, 0.0, 0.0, 1.0)
    mean = np.broadcast_to(target.mean((0, 1)), target.shape)
    assert report(target, mean)["r2"] == pytest.approx(0.0, abs=1e-12)
    assert report(target, mean)["rmse"] == pytest.approx(target.std((0, 1)).mean())


@given(st.lists(st.integers(1, 11), max_size=3, unique=True))
def test_batches_do_not_change_a_bit(cuts: list[int]) -> None:
    target, predicted = some()
    weight = np.random.default_rng(1).random(target.shape)
    weight[3:5] = 0.0
    bounds = [0, *sorted(cuts), 12]
    parts = [error_sums(target[a:b].copy(), predicted[a:b].copy(), weight[a:b].copy()) for a, b in pairwise(bounds)]
    assert np.array_equal(np.concatenate(parts), error_sums(target, predicted, weight))


@given(st.permutations(range(12)))
def test_the_order_of_examples_does_not_matter(order: list[int]) -> None:
    target, predicted = some()
    subject = np.array(list("abcd") * 3)
    found, expected = report(target[order], predicted[order], subject[order]), report(target, predicted, subject)
    for key in ("mae", "rmse", "r2", "rmse_pooled"):
        assert found[key] == pytest.approx(expected[key], rel=1e-13)
    for key, bounds in expected["ci95"].items():
        assert found["ci95"][key] == pytest.approx(bounds, rel=1e-12)


def test_windows_without_instants_are_one_instant() -> None:
    target, predicted = some(instants=1)
    assert report(target[:, 0], predicted[:, 0]) == report(target, predicted)


def test_what_has_no_weight_is_inert() -> None:
    target, predicted = some()
    weight = np.ones_like(target)
    weight[:4] = weight[:, 2, 0] = 0.0
    clean = report(target, predicted, weight=weight)
    target[:4], predicted[:4], target[:, 2, 0] = np.nan, np.inf, np.nan
    assert report(target, predicted, weight=weight) == clean
    assert clean["n"] == 12


def test_constant_targets_have_no_r2() -> None:
    target, predicted = some()
    target[..., 0] = 0.1
    found = report(target, predicted, np.array(list("ab") * 6))
    assert found["per_output"]["output 0"]["r2"] is None
    assert found["r2"] == found["per_output"]["output 1"]["r2"]
    target[...] = 0.1
    found = report(target, predicted, np.array(list("ab") * 6))
    assert found["r2"] is found["subjects"]["r2"] is found["ci95"]["r2"] is None
    assert found["mae"] > 0


def test_a_person_whose_target_is_constant_has_no_r2() -> None:
    """Whatever the others' targets are: what rounding leaves of the variance is not taken for one."""
    rng = np.random.default_rng(3)
    target = rng.standard_normal((9, 50, 1)) * 7.3
    target[6:] = 0.1 + 1e3
    subject = np.repeat(np.array(list("abc")), 3)
    found = report(target, target + 1.0, subject)
    assert found["per_subject"]["c"]["r2"] is None
    assert found["per_subject"]["a"]["r2"] is not None


def test_an_output_that_never_counts_is_left_out() -> None:
    target, predicted = some()
    weight = np.ones_like(target)
    weight[..., 1] = 0.0
    found = report(target, predicted, weight=weight)
    assert found["per_output"]["output 1"] == {"mae": None, "rmse": None, "r2": None}
    assert found["mae"] == found["per_output"]["output 0"]["mae"]
    assert found["rmse_pooled"] == pytest.approx(found["rmse"])


@pytest.mark.parametrize("turn", [360.0, 2 * np.pi])
def test_angles_go_the_shorter_way_round(turn: float) -> None:
    target = np.array([[0.01], [0.5], [-0.25]]) * turn
    predicted = np.array([[0.99], [-0.4], [-0.5]]) * turn
    found = report(target, predicted, turn=turn)
    assert found["mae"] == pytest.approx((0.98 + 0.9 + 0.25) / 3 * turn)
    assert found["angular_mae"] == pytest.approx((0.02 + 0.1 + 0.25) / 3 * turn)
    assert "angular_mae" not in report(target, predicted)


def test_the_quick_interval_equals_the_bootstrap_of_rows() -> None:
    target, predicted = some(n=20)
    subject = np.repeat(np.array(list("abcde")), [2, 7, 3, 5, 3])
    sums = error_sums(target, predicted)
    quick = regression_metrics(sums, subject, NAMES)["ci95"]
    slow: dict[str, list[float]] = {"mae": [], "rmse": [], "r2": []}
    for people in resample(5, 1000, 0):
        rows = np.concatenate([np.flatnonzero(subject == "abcde"[k]) for k in people])
        drawn = regression_metrics(sums[rows], np.array(["one"] * len(rows)), NAMES)
        for name, values in slow.items():
            values.append(drawn[name])
    for name, values in slow.items():
        assert quick[name] == pytest.approx(interval(np.array(values)), rel=1e-12)
        assert quick[name][0] < quick[name][1]


@pytest.mark.parametrize(
    ("target", "predicted", "weight", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), None, r"target \(2, 3\), predicted \(2, 4\), weight None: one shape"),
        (np.zeros(3), np.zeros(3), None, r"one shape \(n, outputs\) or \(n, instants, outputs\) is required"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.ones(2), r"weight \(2,\): one shape"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.full((2, 3), -1.0), "weight holds a negative or non-finite value"),
        (np.zeros((2, 3)), np.full((2, 3), np.nan), None, "holds a value that is not finite where its weight is not 0"),
    ],
)
def test_bad_values_raise(target: Any, predicted: Any, weight: Any, message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        error_sums(target, predicted, weight)


@pytest.mark.parametrize(
    ("sums", "subject", "message"),
    [
        (
            np.ones((3, 1, 6)),
            ["a"] * 3,
            r"sums \(3, 1, 6\), subject \(3,\), 2 outputs: \(n, outputs, 6\) of error_sums",
        ),
        (np.ones((3, 2, 6)), ["a"] * 2, r"subject \(2,\)"),
        (np.zeros((3, 2, 6)), ["a"] * 3, "errors of zero values are not defined: the part is empty, or all weights"),
    ],
)
def test_bad_sums_raise(sums: Any, subject: list[str], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        regression_metrics(sums, np.array(subject), NAMES)
