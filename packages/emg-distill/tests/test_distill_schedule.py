"""Learning rate against its formula, the same for any number of steps per epoch (defect D2)."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import CosineSchedule, EmgDistillError, LinearSchedule, MultistepSchedule
from emg_distill._loop.schedule import schedule_of
from emg_distill._recipe.schema import ObjectiveRecipe, Recipe
from emg_distill._recipe.training import OptimizerRecipe, ScheduleRecipe


def plan(epoch_steps: int, epochs: int, lr: float, **schedule):
    objective = (ObjectiveRecipe("cross_entropy"),)
    recipe = Recipe(
        "plan", "finetune", "toy", objective, optimizer=OptimizerRecipe(lr=lr), schedule=ScheduleRecipe(**schedule)
    )
    return schedule_of(recipe, epoch_steps, epochs * epoch_steps)


@pytest.mark.parametrize("epoch_steps", [1, 100, 500, 2000])
@pytest.mark.parametrize("warmup", [{"warmup": 0.1}, {"warmup_epochs": 5}, {"warmup_steps": 5}])
def test_published_curve_at_any_steps_per_epoch(epoch_steps: int, warmup: dict) -> None:
    """The variant whose cosine spans the 45 epochs after warm-up: 5.00e-4, 2.98e-4, 1.06e-5 at epochs 5, 25, 49."""
    if "warmup_steps" in warmup:
        warmup = {"warmup_steps": 5 * epoch_steps}
    schedule = plan(epoch_steps, 50, 5e-4, start_lr=1e-5, floor_lr=1e-5, **warmup)
    rates = [schedule(epoch * epoch_steps) for epoch in (0, 4, 5, 25, 49)]
    assert rates == pytest.approx([1.00e-5, 4.02e-4, 5.00e-4, 2.98e-4, 1.06e-5], rel=5e-3)


def test_published_text_recognition_schedule() -> None:
    """200 epochs of about 358 steps, 5 % of warm-up: 71,600 and 3,580 steps."""
    schedule = plan(358, 200, 3e-4, warmup=0.05, start_lr=0.0, floor_lr=0.0)
    assert (schedule.warmup_steps, schedule.total_steps) == (3580, 71600)
    assert schedule(0) == 0.0
    assert schedule(3580) == 3e-4


def test_published_gesture_image_schedule() -> None:
    """0.1, a tenth after epochs 16 and 24, 28 epochs, for any number of steps per epoch."""
    for epoch_steps in (1, 7, 640):
        schedule = plan(epoch_steps, 28, 0.1, kind="multistep", milestones=(16, 24))
        rates = [schedule(epoch * epoch_steps) for epoch in range(28)]
        assert rates == pytest.approx([0.1] * 16 + [0.01] * 8 + [0.001] * 4)
        assert schedule(16 * epoch_steps - 1) == 0.1


@given(
    warmup=st.integers(0, 30), rest=st.integers(1, 60), step=st.integers(0, 120), share=st.floats(0, 1),
    peak=st.floats(0.01, 10),
)  # fmt: skip
def test_formulas(warmup: int, rest: int, step: int, share: float, peak: float) -> None:
    total, start, floor = warmup + rest, 0.5 * share * peak, share * peak
    schedules = {
        "cosine": CosineSchedule(peak, start, floor, warmup, total),
        "linear": LinearSchedule(peak, start, floor, warmup, total),
        "constant": MultistepSchedule(peak, start, warmup, total),
        "multistep": MultistepSchedule(peak, start, warmup, total, (20, 40), 0.5),
    }
    progress = min(max(step - warmup, 0) / rest, 1)
    after = {
        "cosine": floor + (peak - floor) * math.cos(math.pi * progress / 2) ** 2,
        "linear": (1 - progress) * peak + progress * floor,
        "constant": peak,
        "multistep": peak * (1.0 if step < 20 else 0.5 if step < 40 else 0.25),
    }
    for kind, schedule in schedules.items():
        expected = start * (1 - step / warmup) + peak * step / warmup if step < warmup else after[kind]
        assert schedule(step) == pytest.approx(expected, rel=1e-9, abs=1e-12), kind


@given(warmup=st.integers(0, 30), rest=st.integers(1, 60))
def test_rises_then_falls(warmup: int, rest: int) -> None:
    for kind in (CosineSchedule, LinearSchedule):
        schedule = kind(peak=1.0, start=0.1, floor=0.2, warmup_steps=warmup, total_steps=warmup + rest)
        rates = [schedule(step) for step in range(warmup + rest + 1)]
        assert all(a < b for a, b in pairwise(rates[: warmup + 1]))
        assert all(a >= b for a, b in pairwise(rates[warmup:]))
        assert rates[warmup] == 1.0
        assert schedule(10**9) == pytest.approx(0.2)


def test_kinds_of_a_recipe() -> None:
    assert plan(3, 4, 1.0) == CosineSchedule(1.0, 1e-6, 1e-6, 0, 12)
    assert plan(3, 4, 1.0, kind="linear", warmup_steps=2) == LinearSchedule(1.0, 1e-6, 1e-6, 2, 12)
    assert plan(3, 4, 1.0, kind="constant", warmup_epochs=0.5) == MultistepSchedule(1.0, 1e-6, 2, 12)
    assert plan(3, 4, 1.0, kind="multistep", milestones=(2,), gamma=0.5).milestones == (6,)
    assert plan(1, 1, 1.0, warmup=0.9).warmup_steps == 0


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant", "multistep"])
def test_warmup_longer_than_the_run_raises(kind: str) -> None:
    with pytest.raises(EmgDistillError, match=r"warmup_steps=10 must lie in \[0, total_steps=10\)"):
        plan(1, 10, 1.0, kind=kind, warmup_steps=10, milestones=(1,) if kind == "multistep" else ())
