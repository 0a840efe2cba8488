"""One objective: a pure function of tensors, with what it needs and what a recipe may set on it."""

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from emg_distill._errors import EmgDistillError, unknown_name

TaskName = Literal["pretrain", "finetune", "distill"]
Evaluated = tuple[torch.Tensor, dict[str, torch.Tensor]]
Option = bool | int | float | str
_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false is required"),
    int: ((int,), "a whole number is required"),
    float: ((int, float), "a number is required"),
    str: ((str,), "a string is required"),
}


@dataclass(frozen=True)
class Objective:
    """One objective, the tasks that it serves, and what it takes.

    Positional parameters of the function are tensors, named as in the context that a task makes; those with a default
    of None may be absent. Keyword-only parameters are options of the recipe.

    Attributes
    ----------
    name
        Name in recipes.
    function
        Pure function of tensors that returns a scalar tensor: the mean over rows of a loss per row.
    tasks
        The training tasks that may call it.
    coupled
        Whether the rows of a batch enter each other's loss, as in contrastive learning. Such a loss is not the mean
        of its parts, so a batch must not be cut into pieces.
    details
        Further numbers for the log: a function of the same tensors and some of the options that returns scalars by
        name, each the mean over rows of a number per row.
    """

    name: str
    function: Callable[..., torch.Tensor]
    tasks: tuple[TaskName, ...]
    coupled: bool = False
    details: Callable[..., dict[str, torch.Tensor]] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the names of the tensors that must be in the context, in the order of the parameters."""
        return tuple(p.name for p in self._tensors() if p.default is p.empty)

    @property
    def accepts(self) -> tuple[str, ...]:
        """Return the names of the tensors that are used where the context has them."""
        return tuple(p.name for p in self._tensors() if p.default is None)

    @property
    def options(self) -> dict[str, Option]:
        """Return what a recipe may set, with its defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def bind(self, options: Mapping[str, object]) -> Callable[..., torch.Tensor]:
        """Return the function with options set.

        Parameters
        ----------
        options
            Values by name. Where a fraction is meant, a whole number serves too.

        Raises
        ------
        EmgDistillError
            When an option is unknown, has the wrong type, is not finite or is not among the choices.
        """
        return partial(self.function, **self._checked(options))

    def prepare(self, options: Mapping[str, object]) -> Callable[[Mapping[str, torch.Tensor]], Evaluated]:
        """Return a function of a context that gives the loss, and the details by name without gradient.

        Sums are in float32 or float64, under autocast too.

        Raises
        ------
        EmgDistillError
            Here, when an option does not fit; there, when the context lacks a tensor or tensors do not fit.
        """
        loss, details, names = self.bind(options), self._bind_details(options), (*self.needs, *self.accepts)

        def evaluate(context: Mapping[str, torch.Tensor]) -> Evaluated:
            self.require(context)
            tensors = {name: context[name] for name in names if name in context}
            device = next(iter(tensors.values())).device.type
            with torch.autocast(device, enabled=False):
                value = loss(**tensors)
                with torch.no_grad():
                    return value, details(**tensors)

        return evaluate

    def evaluate(self, context: Mapping[str, torch.Tensor], options: Mapping[str, object]) -> Evaluated:
        """Return loss and details of one context: `prepare` and its use in one."""
        return self.prepare(options)(context)

    def _bind_details(self, options: Mapping[str, object]) -> Callable[..., dict[str, torch.Tensor]]:
        if self.details is None:
            return lambda **_: {}
        wanted = inspect.signature(self.details).parameters
        return partial(self.details, **{key: value for key, value in self._checked(options).items() if key in wanted})

    def require(self, context: Mapping[str, object]) -> None:
        """Raise unless the context holds all that the objective needs."""
        missing = [name for name in self.needs if name not in context]
        if missing:
            raise EmgDistillError(
                f"objective {self.name!r} needs {', '.join(missing)}; the task gives {', '.join(sorted(context))}: "
                "choose an objective that fits the data and the task"
            )

    def _tensors(self) -> list[inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters.values()
        return [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    def _checked(self, options: Mapping[str, object]) -> dict[str, Any]:
        hints = typing.get_type_hints(self.function)
        for key in options:
            if key not in self.options:
                raise unknown_name(f"option of objective {self.name!r}", key, self.options)
        return {key: _converted(key, value, hints[key]) for key, value in options.items()}


def _converted(key: str, value: object, hint: Any) -> Option:  # noqa: ANN401  an annotation
    """Return an option's value as the annotation has it."""
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise EmgDistillError(f"objective option {key}={value!r}: choose one of {', '.join(map(repr, choices))}")
        return typing.cast("str", value)
    kinds, rule = _KINDS[hint]
    if not isinstance(value, kinds) or (isinstance(value, bool) and hint is not bool):
        raise EmgDistillError(f"objective option {key}={value!r}: {rule}")
    if hint is float and not math.isfinite(typing.cast("float", value)):
        raise EmgDistillError(f"objective option {key}={value!r}: a finite number is required")
    return typing.cast("Option", hint(value))
