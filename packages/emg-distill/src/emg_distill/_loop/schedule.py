"""The learning rate as a formula of the optimiser step."""

import math
from dataclasses import dataclass

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe


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
        if not 0 <= self.warmup_steps < self.total_steps:
            raise EmgDistillError(
                f"warmup_steps={self.warmup_steps} must lie in [0, total_steps={self.total_steps}): "
                "give fewer warm-up steps or more steps"
            )

    def __call__(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`, counted from 0."""
        if step < self.warmup_steps:
            return self.start + (self.peak - self.start) * step / self.warmup_steps
        progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        return self.floor + 0.5 * (self.peak - self.floor) * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def schedule_of(recipe: Recipe, epoch_steps: int) -> CosineSchedule:
    """Return the schedule of a recipe when an epoch has `epoch_steps` optimiser steps."""
    total_steps = recipe.train.epochs * epoch_steps
    return CosineSchedule(
        peak=recipe.optimizer.lr,
        start=recipe.schedule.start_lr,
        floor=recipe.schedule.floor_lr,
        warmup_steps=min(round(recipe.schedule.warmup * total_steps), total_steps - 1),
        total_steps=total_steps,
    )
