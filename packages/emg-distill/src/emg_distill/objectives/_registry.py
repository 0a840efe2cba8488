"""All objectives by name, with what a recipe may set on them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from emg_distill._errors import EmgDistillError, unknown_name

from ._classification import cross_entropy
from ._distillation import logit_distillation
from ._reconstruction import masked_reconstruction

TaskName = Literal["pretrain", "finetune", "distill"]


@dataclass(frozen=True)
class Objective:
    """One objective and the task that it serves.

    Attributes
    ----------
    name
        Name in recipes.
    function
        Pure function of tensors that returns a scalar tensor.
    task
        The training task that calls it.
    """

    name: str
    function: Callable[..., torch.Tensor]
    task: TaskName

    @property
    def options(self) -> dict[str, float]:
        """Return the numbers that a recipe may set, with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and isinstance(p.default, float)}

    def bind(self, options: Mapping[str, object]) -> Callable[..., torch.Tensor]:
        """Return the function with options set; an unknown option raises `EmgDistillError`."""
        numbers: dict[str, float] = {}
        for key, value in options.items():
            if key not in self.options:
                raise unknown_name(f"option of objective {self.name!r}", key, self.options)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise EmgDistillError(f"objective option {key}={value!r}: a number is required")
            numbers[key] = float(value)
        return partial(self.function, **numbers)


_OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("cross_entropy", cross_entropy, "finetune"),
        Objective("logit_distillation", logit_distillation, "distill"),
        Objective("masked_reconstruction", masked_reconstruction, "pretrain"),
    )
}


def list_objectives() -> list[str]:
    """Return the names of all objectives, sorted."""
    return sorted(_OBJECTIVES)


def get_objective(name: str) -> Objective:
    """Return an objective by name; an unknown one raises `EmgDistillError` with the nearest names."""
    if name not in _OBJECTIVES:
        raise unknown_name("objective", name, _OBJECTIVES)
    return _OBJECTIVES[name]
