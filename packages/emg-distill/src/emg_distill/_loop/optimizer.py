"""AdamW, Adam and SGD over parameter groups, and their state as tensors by name."""

from collections import defaultdict

import torch
from torch import nn

from emg_distill._distributed.shards import place_like
from emg_distill._errors import EmgDistillError
from emg_distill._recipe.training import OptimizerRecipe

from .groups import parameter_groups


def build_optimizer(module: nn.Module, model: nn.Module, recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser (fused kernels) over `parameter_groups`; the loop sets the rate at every step.

    Notes
    -----
    SGD with Nesterov's momentum m and gradient g (decay added): ``v = m v + g``, ``w = w - lr (g + m v)``.
    """
    groups = parameter_groups(module, model, recipe)
    if recipe.kind == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)
    kind = torch.optim.AdamW if recipe.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimiser's state as flat tensors named ``parameter/slot``."""
    return {
        f"{name}/{slot}": value
        for name, parameter in module.named_parameters()
        for slot, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def load_optimizer_tensors(
    module: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Put back what `optimizer_tensors` returned, whole tensors; a name that does not fit raises `EmgDistillError`."""
    parameters = dict(module.named_parameters())
    state: dict[torch.Tensor, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        name, _, slot = key.rpartition("/")
        if name not in parameters:
            raise EmgDistillError(f"optimizer state names the parameter {name!r}, which the model does not have")
        parameter = parameters[name]
        state[parameter][slot] = place_like(value, parameter) if value.ndim else value.to(parameter.device, copy=True)
    optimizer.state.clear()
    optimizer.state.update(state)
