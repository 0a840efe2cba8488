"""All that changes during a run besides tensors."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunState:
    """Counters and history of a run; JSON-able.

    Attributes
    ----------
    step
        Optimiser steps done.
    loss_sum, loss_steps
        Sum of the losses of this epoch's steps so far, and their number.
    history
        One entry per validated epoch: epoch, step, train_loss and the finite validation numbers.
    best_cost
        Cost (smaller is better) of the best validation so far, or None.
    best_value
        The monitored number itself at that validation.
    best_step
        Its step; with ``select = "last"`` the last step.
    stale
        Validations since then.
    finished
        True once nothing is left to do.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_cost: float | None = None
    best_value: float | None = None
    best_step: int = 0
    stale: int = 0
    finished: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return all but the step, which checkpoints keep themselves."""
        return {name: value for name, value in vars(self).items() if name != "step"}
