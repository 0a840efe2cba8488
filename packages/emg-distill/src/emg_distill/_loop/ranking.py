"""Which numbers a run may watch, and whether more of them is better."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from emg_distill._errors import EmgDistillError, unknown_name

DIRECTIONS: Mapping[str, Literal["min", "max"]] = MappingProxyType(
    {
        "loss": "min",
        "accuracy": "max",
        "balanced_accuracy": "max",
        "macro_f1": "max",
        "phoneme_accuracy": "max",
        "recall": "max",
        "false_per_hour": "min",
        "mae": "min",
        "mse": "min",
        "rmse": "min",
        "r2": "max",
        "angular_mae": "min",
        "cer": "min",
        "wer": "min",
        "cler": "min",
    }
)


def cost_of(monitor: str, value: float) -> float:
    """Return a number that is smaller where a model is better.

    Parameters
    ----------
    monitor
        A name of `DIRECTIONS`.
    value
        What a validation gave, finite.

    Raises
    ------
    EmgDistillError
        When the name is unknown.
    """
    if monitor not in DIRECTIONS:
        raise unknown_name("validation number", monitor, DIRECTIONS)
    return value if DIRECTIONS[monitor] == "min" else -value


def finite_only(metrics: Mapping[str, float], monitor: str, step: int) -> tuple[dict[str, float], list[str]]:
    """Return the finite numbers of a validation, and the names of those that are not.

    A number may be undefined on a part (R² of constant targets, an error rate of empty texts); the loss and the number
    that decides may not.

    Raises
    ------
    EmgDistillError
        When the loss or the monitored number is not finite.
    """
    undefined = [name for name, value in metrics.items() if not math.isfinite(value)]
    for name in {"loss", monitor} & set(undefined):
        raise EmgDistillError(
            f"validation {name} is {metrics[name]} at step {step}: lower optimizer.lr or train.grad_clip, check the "
            "validation part, or watch another number (train.monitor)"
        )
    return {name: value for name, value in metrics.items() if name not in undefined}, undefined
