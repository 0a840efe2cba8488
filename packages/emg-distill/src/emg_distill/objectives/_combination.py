"""The weighted sum of objectives that a recipe asks for."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from emg_distill._errors import EmgDistillError

from ._registry import get_objective


class Part(Protocol):
    """One objective of a recipe.

    Attributes
    ----------
    name
        Name of `list_objectives`.
    weight
        Factor in the sum, ``> 0``.
    options
        Options of the objective.
    """

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def options(self) -> Mapping[str, object]: ...


class Combination:
    r"""Weighted sum of objectives.

    .. math:: L = \sum_j w_j L_j

    Parameters
    ----------
    parts
        Objectives with weights and options, such as the table ``objective`` of a recipe. Every name stands once.

    Raises
    ------
    EmgDistillError
        When there is none, a name stands twice or is unknown, or an option does not fit.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> half = SimpleNamespace(name="cross_entropy", weight=0.5, options={})
    >>> soft = SimpleNamespace(name="soft_labels", weight=0.5, options={"temperature": 4.0})
    >>> logits = torch.zeros(2, 3)
    >>> context = {"prediction": logits, "teacher_prediction": logits, "target": torch.tensor([0, 2])}
    >>> total, values = Combination([half, soft])(context)
    >>> round(total.item(), 4), sorted(values)
    (0.5493, ['cross_entropy', 'soft_labels'])
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        if not parts:
            raise EmgDistillError("objective: at least one is required")
        names = [part.name for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise EmgDistillError(f"objective {name!r} stands {names.count(name)} times: once is enough")
        self._objectives = [get_objective(name) for name in names]
        self._terms = [
            (part.name, float(part.weight), objective.prepare(part.options))
            for part, objective in zip(parts, self._objectives, strict=True)
        ]

    @property
    def needs(self) -> frozenset[str]:
        """Names of tensors that the context must hold."""
        return frozenset(name for objective in self._objectives for name in objective.needs)

    @property
    def accepts(self) -> frozenset[str]:
        """Names of tensors that are used where the context holds them, and not needed."""
        return frozenset(name for objective in self._objectives for name in objective.accepts) - self.needs

    @property
    def coupled(self) -> bool:
        """Whether rows of a batch enter each other's loss, so that a batch must not be cut into pieces."""
        return any(objective.coupled for objective in self._objectives)

    def __call__(self, context: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the sum, and the value of each part without its weight and without gradient.

        Parameters
        ----------
        context
            Tensors by name, batch first.

        Returns
        -------
        tuple
            The scalar to differentiate, and scalars by name of the objective; further numbers of an objective follow as
            ``"objective.number"``.

        Raises
        ------
        EmgDistillError
            When the context lacks a tensor, or tensors do not fit.
        """
        total, values = torch.zeros(()), dict[str, torch.Tensor]()
        for name, weight, evaluate in self._terms:
            loss, details = evaluate(context)
            total = total.to(loss) + weight * loss
            values[name] = loss.detach()
            values |= {f"{name}.{detail}": value for detail, value in details.items()}
        return total, values
