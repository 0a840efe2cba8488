"""Spread, bootstrap and tests: closed forms, coverage, and that seeds decide."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.statistics import (
    bootstrap,
    interval,
    mcnemar,
    over_seeds,
    paired_bootstrap,
    resample,
    resampled_totals,
    spread,
)

FLOATS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)


def test_spread_and_seeds_in_closed_form() -> None:
    assert spread([1.0, 2.0, 6.0]) == {"mean": 3.0, "sd": 7.0**0.5, "worst": 1.0}
    assert spread([1.0, 2.0, 6.0], "min")["worst"] == 6.0
    assert spread([0.3]) == {"mean": 0.3, "sd": None, "worst": 0.3}
    assert over_seeds([1.0, 2.0, 6.0]) == {"n": 3, "mean": 3.0, "sd": 7.0**0.5, "min": 1.0, "max": 6.0}
    assert over_seeds([5.0])["sd"] is None


@given(FLOATS, st.randoms(use_true_random=False))
def test_spread_does_not_depend_on_order(values: list[float], random: Any) -> None:
    assert spread(random.sample(values, len(values))) == spread(values)
    if len(values) > 1:
        assert spread(values)["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-9)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_spread_needs_finite_numbers(values: list[float]) -> None:
    with pytest.raises(EmgDistillError, match="at least one number is required, and all must be finite"):
        spread(values)


def test_draws_are_uniform_and_the_same_everywhere() -> None:
    assert resample(5, 3, 0).tolist() == FIRST_DRAWS
    counts = np.bincount(resample(7, 10_000, 1).ravel(), minlength=7)
    assert counts.sum() == 70_000
    assert abs(counts - 10_000).max() < 400
    assert not np.array_equal(resample(5, 3, 0), resample(5, 3, 1))


FIRST_DRAWS = [[2, 3, 2, 1, 2], [2, 0, 1, 4, 4], [1, 3, 0, 4, 3]]


@pytest.mark.parametrize(("resamples", "seed"), [(0, 0), (10, -1)])
def test_draws_are_checked(resamples: int, seed: int) -> None:
    with pytest.raises(EmgDistillError, match=rf"resamples={resamples}, seed={seed}: at least one resample and a seed"):
        resample(3, resamples, seed)


def test_totals_are_those_of_the_drawn_people() -> None:
    totals = np.random.default_rng(0).integers(0, 99, (4, 2, 3))
    drawn = resampled_totals(totals, 50, 7)
    assert drawn.dtype == np.int64
    for picks, total in zip(resample(4, 50, 7), drawn, strict=True):
        assert np.array_equal(total, sum(totals[k] for k in picks))


def test_the_interval_is_made_of_order_statistics() -> None:
    values = np.random.default_rng(0).permutation(1000.0 + np.arange(1000))
    assert interval(values) == [1025.0, 1974.0]
    assert interval(values, 0.9) == [1050.0, 1949.0]
    assert interval(np.array([3.0])) == [3.0, 3.0]


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_the_level_is_a_share(level: float) -> None:
    with pytest.raises(EmgDistillError, match=rf"level={level}: it must lie in \(0, 1\)"):
        interval(np.ones(3), level)


SUBJECT = np.repeat(np.array(list("abcdefgh")), 25)


def mean_of(values: np.ndarray) -> Any:
    return lambda rows: float(values[rows].mean())


def test_people_are_drawn_whole() -> None:
    """When all windows of a person agree, drawing windows inside changes nothing, and intervals are those of people."""
    per_person = np.random.default_rng(1).standard_normal(8)
    values = np.repeat(per_person, 25)
    whole = bootstrap(mean_of(values), SUBJECT, seed=3)
    inside = bootstrap(mean_of(values), SUBJECT, seed=3, within=True)
    assert whole["low"] == pytest.approx(inside["low"], abs=1e-12)
    assert whole["high"] == pytest.approx(inside["high"], abs=1e-12)
    assert whole["high"] - whole["low"] == pytest.approx(2 * 1.96 * per_person.std() / 8**0.5, rel=0.15)
    assert whole == {
        "value": pytest.approx(per_person.mean()),
        "low": whole["low"],
        "high": whole["high"],
        "level": 0.95,
        "resamples": 1000,
        "unit": "subjects",
        "seed": 3,
    }
    assert inside["unit"] == "subjects and windows"


def test_drawing_windows_alone_would_promise_too_much() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.standard_normal(8), 25) + 0.1 * rng.standard_normal(200)
    people = bootstrap(mean_of(values), SUBJECT)
    windows = bootstrap(mean_of(values), np.arange(200))
    assert people["high"] - people["low"] > 3 * (windows["high"] - windows["low"])


def test_windows_inside_widen_the_interval() -> None:
    values = np.random.default_rng(3).standard_normal(200)
    values -= np.repeat(values.reshape(8, 25).mean(1), 25)
    assert bootstrap(mean_of(values), SUBJECT)["high"] == pytest.approx(0.0, abs=1e-12)
    inside = bootstrap(mean_of(values), SUBJECT, within=True)
    assert inside["high"] == pytest.approx(1.96 * values.std() / 200**0.5, rel=0.2)


@pytest.mark.parametrize("within", [False, True])
def test_rows_belong_to_the_drawn_people(within: bool) -> None:
    subject = np.array(list("bacabcca"))
    drawn: list[np.ndarray] = []
    bootstrap(lambda rows: float(drawn.append(rows) or 0.0), subject, resamples=20, within=within)
    for rows, people in zip(drawn, resample(3, 20, 0), strict=False):
        names = np.array(list("abc"))[people]
        sizes = [int((subject == name).sum()) for name in names]
        assert "".join(subject[rows]) == "".join(name * size for name, size in zip(names, sizes, strict=True))
    assert drawn[-1].tolist() == list(range(8)), "last, the number itself"
    assert any(len(set(rows.tolist())) < len(rows) for rows in drawn)


def test_seeds_decide() -> None:
    values = np.random.default_rng(4).standard_normal(200)
    results = [bootstrap(mean_of(values), SUBJECT, seed=seed, resamples=50) for seed in (0, 0, 1)]
    assert results[0] == results[1]
    assert results[0]["low"] != results[2]["low"]


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Means of 40 people with one window each: 95 % intervals of 200 experiments, some 93 % for so few people."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        values = rng.standard_normal(40)
        low, high = interval(values[resample(40, 400, 0)].mean(1))
        covered += low <= 0.0 <= high
    assert 0.89 <= covered / 200 <= 0.98


def test_two_people_can_be_resampled_and_one_cannot() -> None:
    two = bootstrap(lambda rows: float(rows.mean()), np.array(["a", "b"]))
    assert (two["low"], two["value"], two["high"]) == (0.0, 0.5, 1.0)
    with pytest.raises(EmgDistillError, match="1 subject: at least two are required to resample people"):
        bootstrap(lambda _: 0.0, np.array(["a", "a"]))


def test_a_paired_difference_sees_what_is_common() -> None:
    rng = np.random.default_rng(6)
    first = np.repeat(rng.standard_normal(8), 25)
    better = paired_bootstrap(mean_of(first + 0.05), mean_of(first), SUBJECT)
    assert [better[key] for key in ("value", "low", "high")] == pytest.approx([0.05] * 3)
    assert better["p"] == pytest.approx(2 / 1001)
    same = paired_bootstrap(mean_of(first), mean_of(first), SUBJECT)
    assert (same["value"], same["p"]) == (0.0, 1.0)
    swapped = paired_bootstrap(mean_of(first), mean_of(first + 0.05), SUBJECT)
    assert swapped["value"] == pytest.approx(-0.05)
    assert swapped["p"] == better["p"]
    other = paired_bootstrap(mean_of(first), mean_of(np.roll(first, 25)), SUBJECT)
    assert other["low"] < 0 < other["high"]
    assert other["p"] > 0.5


def test_mcnemar_in_closed_form() -> None:
    right = np.array([True] * 6 + [False] * 2)
    other = np.array([False] * 5 + [True] * 2 + [False])
    # 5 windows only the first gets right, 1 only the second: 2 (C(6,0) + C(6,1)) / 2^6
    assert mcnemar(right, other) == {"only_first": 5, "only_second": 1, "p": pytest.approx(14 / 64)}
    assert mcnemar(right, right) == {"only_first": 0, "only_second": 0, "p": 1.0}


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_the_binomial_sum(a: int, b: int) -> None:
    first, second = np.arange(a + b) < a, np.arange(a + b) >= a
    n = a + b
    exact = min(1.0, 2 * sum(math.comb(n, k) for k in range(min(a, b) + 1)) / 2**n)
    assert mcnemar(first, second)["p"] == pytest.approx(exact, rel=1e-10)
    assert mcnemar(second, first)["p"] == mcnemar(first, second)["p"]


def test_mcnemar_of_many_windows_does_not_overflow() -> None:
    first = np.arange(200_000) < 101_000
    assert mcnemar(first, ~first)["p"] == pytest.approx(math.erfc((2000 - 1) / 200_000**0.5 / 2**0.5), rel=1e-3)


def test_mcnemar_needs_the_same_windows() -> None:
    with pytest.raises(EmgDistillError, match=r"are \[\(\(2,\), 'bool'\), \(\(3,\), 'bool'\)\]: two bool arrays"):
        mcnemar(np.ones(2, bool), np.ones(3, bool))
    with pytest.raises(EmgDistillError, match=r"'float64'\)\]: two bool arrays \(n,\) are required"):
        mcnemar(np.ones(3), np.ones(3))
