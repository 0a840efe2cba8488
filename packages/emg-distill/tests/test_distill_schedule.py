"""The learning rate against its formula, the same for any number of steps per epoch (defect D2)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import CosineSchedule, EmgDistillError
from emg_distill._loop.schedule import schedule_of


@pytest.mark.parametrize("epoch_steps", [1, 100, 500, 2000])
def test_published_curve_at_any_steps_per_epoch(epoch_steps: int, recipe) -> None:
    plan = schedule_of(
        recipe(
            train={"epochs": 50},
            optimizer={"lr": 5e-4},
            schedule={"warmup": 0.1, "start_lr": 1e-5, "floor_lr": 1e-5},
        ),
        epoch_steps,
    )
    rates = [plan(epoch * epoch_steps) for epoch in (0, 4, 5, 25, 49)]
    assert rates == pytest.approx([1.00e-5, 4.02e-4, 5.00e-4, 2.98e-4, 1.06e-5], rel=5e-3)


@given(warmup=st.integers(0, 30), rest=st.integers(1, 60))
def test_rises_then_falls(warmup: int, rest: int) -> None:
    plan = CosineSchedule(peak=1.0, start=0.1, floor=0.2, warmup_steps=warmup, total_steps=warmup + rest)
    rates = [plan(step) for step in range(warmup + rest + 1)]
    assert all(a < b for a, b in pairwise(rates[: warmup + 1]))
    assert all(a >= b for a, b in pairwise(rates[warmup:]))
    assert rates[warmup] == 1.0
    assert rates[-1] == pytest.approx(0.2)
    assert plan(10**9) == pytest.approx(0.2)


def test_warmup_longer_than_the_run_raises() -> None:
    with pytest.raises(EmgDistillError, match="warmup_steps=10 must lie in"):
        CosineSchedule(peak=1.0, start=0.0, floor=0.0, warmup_steps=10, total_steps=10)
