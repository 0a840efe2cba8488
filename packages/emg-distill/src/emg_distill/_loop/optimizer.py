"""AdamW with parameter groups: layer-wise learning rates, no weight decay on vectors."""

import re
from collections import defaultdict
from typing import Any

import torch
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import OptimizerRecipe

_BLOCK = re.compile(r"(?:^|\.)blocks\.(\d+)\.")
_EMBEDDING = re.compile(r"(?:^|\.)(?:patch_embedding|patch_embed|mask_token|channel_embed|channel_embedding)(?:\.|$)")


def layer_depths(model: nn.Module) -> dict[str, int]:
    """Return the depth of every parameter: 0 embedding, 1 .. L the blocks, L + 1 final norm, head and decoder.

    Raises
    ------
    EmgDistillError
        When no parameter lies in a ``blocks.<i>`` module or none in the embedding: a decay by layer would then be
        silently the same everywhere.
    """
    names = [name for name, _ in model.named_parameters()]
    blocks = [int(found[1]) for name in names if (found := _BLOCK.search(name))]
    if not blocks or not any(_EMBEDDING.search(name) for name in names):
        raise EmgDistillError(
            f"{type(model).__name__} has no parameters named blocks.<i>. and patch_embedding: layer-wise decay does "
            "not match any layer; set optimizer.layer_decay=1"
        )
    last = max(blocks) + 2
    depths: dict[str, int] = {}
    for name in names:
        found = _BLOCK.search(name)
        if found:
            depths[name] = int(found[1]) + 1
        else:
            depths[name] = 0 if _EMBEDDING.search(name) else last
    return depths


def parameter_groups(model: nn.Module, recipe: OptimizerRecipe) -> list[dict[str, Any]]:
    """Sort all trainable parameters into groups of equal rate and decay.

    Parameters
    ----------
    model
        Model whose parameters are trained.
    recipe
        Rate scale of depth d is ``layer_decay ** (L + 1 - d)``; parameters with fewer than two axes do not decay.

    Returns
    -------
    list of dict
        Keys ``params``, ``lr_scale``, ``weight_decay``; each parameter is in exactly one group.
    """
    depths = layer_depths(model) if recipe.layer_decay < 1.0 else {}
    last = max(depths.values(), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = recipe.layer_decay ** (last - depths.get(name, last))
            decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
            groups[scale, decay].append(parameter)
    return [
        {"params": parameters, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


def build_optimizer(model: nn.Module, recipe: OptimizerRecipe) -> torch.optim.AdamW:
    """Return AdamW (fused kernels) over `parameter_groups`; the loop sets the learning rate at every step."""
    return torch.optim.AdamW(parameter_groups(model, recipe), lr=recipe.lr, betas=recipe.betas, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimiser's state as flat tensors named ``parameter/slot``."""
    return {
        f"{name}/{slot}": value
        for name, parameter in model.named_parameters()
        for slot, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Put back what `optimizer_tensors` returned; a name that does not fit raises `EmgDistillError`."""
    parameters = dict(model.named_parameters())
    state: dict[torch.Tensor, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        name, _, slot = key.rpartition("/")
        if name not in parameters:
            raise EmgDistillError(f"optimizer state names the parameter {name!r}, which the model does not have")
        parameter = parameters[name]
        state[parameter][slot] = value.to(parameter.device)
    optimizer.state.clear()
    optimizer.state.update(state)
