"""Which parameters are trained, at what share of the learning rate, and with what decay."""

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from emg_distill._errors import EmgDistillError, unknown_name
from emg_distill._recipe.training import OptimizerRecipe

from .layers import layer_depths


def model_names(module: nn.Module, model: nn.Module) -> dict[str, str]:
    """Return the name of every parameter of `module` as a recipe calls it: as `model` does, where it is the model's."""
    inside = {id(parameter): name for name, parameter in model.named_parameters()}
    return {name: inside.get(id(parameter), name) for name, parameter in module.named_parameters()}


def freeze(module: nn.Module, model: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Take the gradient from the parameters whose names match; return those that had one, by their names in `module`.

    Raises
    ------
    EmgDistillError
        When a pattern matches nothing, or nothing is left to train.
    """
    names = model_names(module, model)
    frozen: list[str] = []
    for pattern in patterns:
        matched = [name for name, called in names.items() if fnmatchcase(called, pattern)]
        _require_match("train.freeze", pattern, matched, names.values())
        frozen += [name for name in matched if module.get_parameter(name).requires_grad and name not in frozen]
    if not any(p.requires_grad and name not in frozen for name, p in module.named_parameters()):
        raise EmgDistillError(f"train.freeze={patterns!r}: nothing is left to train; freeze less")
    for name in frozen:
        module.get_parameter(name).requires_grad = False
    return frozen


def parameter_groups(module: nn.Module, model: nn.Module, recipe: OptimizerRecipe) -> list[dict[str, Any]]:
    """Sort all trainable parameters into groups of equal rate and decay.

    Parameters
    ----------
    module
        All that is trained.
    model
        The model inside; layers and patterns are about its names. What is trained beside it stands above all layers.
    recipe
        Rate scale at depth d (`layer_depths`) is ``layer_decay ** (L + 1 - d)``, times the group's `lr_scale`.
        Parameters with fewer than two axes do not decay, unless `decay_vectors` or their group says so.

    Returns
    -------
    list of dict
        Keys ``params``, ``lr_scale``, ``weight_decay``; each parameter is in exactly one group.

    Raises
    ------
    EmgDistillError
        When a pattern matches nothing, or layer-wise decay finds no layers.
    """
    names = model_names(module, model)
    depths = layer_depths(model) if recipe.layer_decay < 1.0 else {}
    last = max(depths.values(), default=0)
    for rule in recipe.group:
        matched = [called for called in names.values() if fnmatchcase(called, rule.pattern)]
        _require_match("optimizer.group.pattern", rule.pattern, matched, names.values())
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            factor, decay = _own_settings(names[name], parameter, recipe)
            scale = factor * recipe.layer_decay ** (last - depths.get(names[name], last))
            groups[scale, decay].append(parameter)
    return [
        {"params": parameters, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


def _own_settings(name: str, parameter: nn.Parameter, recipe: OptimizerRecipe) -> tuple[float, float]:
    """Return rate scale and decay by the first group that the name matches, and the rule for vectors."""
    usual = recipe.weight_decay if parameter.ndim > 1 or recipe.decay_vectors else 0.0
    for rule in recipe.group:
        if fnmatchcase(name, rule.pattern):
            return rule.lr_scale, usual if rule.weight_decay < 0 else rule.weight_decay
    return 1.0, usual


def _require_match(place: str, pattern: str, matched: list[str], names: Iterable[str]) -> None:
    if not matched:
        raise unknown_name("name of parameters", pattern, names, place=place)
