"""The learning rate as a formula of the optimiser step."""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe

Schedule = Callable[[int], float]


def _check_warmup(warmup_steps: int, total_steps: int) -> None:
    if not 0 <= warmup_steps < total_steps:
        raise EmgDistillError(
            f"warmup_steps={warmup_steps} must lie in [0, total_steps={total_steps}): "
            "give fewer warm-up steps or more steps"
        )


@dataclass(frozen=True)
class CosineSchedule:
    r"""Linear warm-up, then half a cosine over the steps that remain.

    For step s (from 0), w warm-up steps and n steps in total:

    .. math:: \eta(s) = \eta_0 + (\eta_1 - \eta_0) s / w \quad (s < w)
    .. math:: \eta(s) = \eta_f + \tfrac12 (\eta_1 - \eta_f) (1 + \cos \pi \frac{s - w}{n - w}) \quad (s \ge w)

    Attributes
    ----------
    peak, start, floor
        Learning rates after warm-up, at step 0 and in the limit of the last step.
    warmup_steps, total_steps
        In optimiser steps, ``0 <= warmup_steps < total_steps``.

    Notes
    -----
    Everything is counted in steps, so the curve over epochs is the same for any number of steps per epoch. The
    cosine spans the steps after warm-up, not the absolute ones.
    """

    peak: float
    start: float
    floor: float
    warmup_steps: int
    total_steps: int

    def __post_init__(self) -> None:
        _check_warmup(self.warmup_steps, self.total_steps)

    def __call__(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return _warmup(self.start, self.peak, step, self.warmup_steps)
        share = _share(step, self.warmup_steps, self.total_steps)
        return self.floor + 0.5 * (self.peak - self.floor) * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class LinearSchedule:
    r"""Linear warm-up, then a straight line over the steps that remain.

    Warm-up as in `CosineSchedule`, then

    .. math:: \eta(s) = \eta_1 + (\eta_f - \eta_1) \frac{s - w}{n - w} \quad (s \ge w)

    Attributes
    ----------
    peak, start, floor, warmup_steps, total_steps
        As in `CosineSchedule`.
    """

    peak: float
    start: float
    floor: float
    warmup_steps: int
    total_steps: int

    def __post_init__(self) -> None:
        _check_warmup(self.warmup_steps, self.total_steps)

    def __call__(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return _warmup(self.start, self.peak, step, self.warmup_steps)
        return self.peak + (self.floor - self.peak) * _share(step, self.warmup_steps, self.total_steps)


@dataclass(frozen=True)
class MultistepSchedule:
    r"""Linear warm-up, then a constant that is multiplied by gamma at each milestone.

    Warm-up as in `CosineSchedule`, then, with milestones m in steps,

    .. math:: \eta(s) = \eta_1 \gamma^{|\{m : m \le s\}|} \quad (s \ge w)

    so the step with number m, counted from 0, is the first with the smaller rate. Without milestones it is constant.

    Attributes
    ----------
    peak, start, warmup_steps, total_steps
        As in `CosineSchedule`.
    milestones
        Steps, increasing.
    gamma
        Factor, in ``(0, 1]``.
    """

    peak: float
    start: float
    warmup_steps: int
    total_steps: int
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_warmup(self.warmup_steps, self.total_steps)

    def __call__(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return _warmup(self.start, self.peak, step, self.warmup_steps)
        rate: float = self.peak * self.gamma ** bisect_right(self.milestones, step)
        return rate


def schedule_of(recipe: Recipe, epoch_steps: int, total_steps: int) -> Schedule:
    """Return the schedule of a recipe.

    Parameters
    ----------
    recipe
        Peak rate and schedule.
    epoch_steps
        Optimiser steps of an epoch, for what is given in epochs.
    total_steps
        Optimiser steps of the run.

    Raises
    ------
    EmgDistillError
        When the warm-up is not shorter than the run.
    """
    peak, plan = recipe.optimizer.lr, recipe.schedule
    warmup = _warmup_steps(recipe, epoch_steps, total_steps)
    if plan.kind == "cosine":
        return CosineSchedule(peak, plan.start_lr, plan.floor_lr, warmup, total_steps)
    if plan.kind == "linear":
        return LinearSchedule(peak, plan.start_lr, plan.floor_lr, warmup, total_steps)
    milestones = tuple(epoch * epoch_steps for epoch in plan.milestones)
    return MultistepSchedule(peak, plan.start_lr, warmup, total_steps, milestones, plan.gamma)


def _warmup_steps(recipe: Recipe, epoch_steps: int, total_steps: int) -> int:
    """Return the steps of the warm-up; a share, being below 1, always leaves a step."""
    plan = recipe.schedule
    if plan.warmup:
        return min(round(plan.warmup * total_steps), total_steps - 1)
    return plan.warmup_steps or round(plan.warmup_epochs * epoch_steps)


def _warmup(start: float, peak: float, step: int, steps: int) -> float:
    return start + (peak - start) * step / steps


def _share(step: int, warmup_steps: int, total_steps: int) -> float:
    return min((step - warmup_steps) / (total_steps - warmup_steps), 1.0)
