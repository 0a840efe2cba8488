"""Batch normalisation folded into the layer before it, as integer tools want it."""

import copy
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from emg_models._errors import EmgModelsError

from .allconvnet import AllConvNet
from .gengnet import GengNet
from .units import LocallyConnected, Unit

__all__ = ["fold_batchnorm"]

M = TypeVar("M", bound=AllConvNet | GengNet)


def fold_batchnorm(model: M) -> M:
    """Return a network without batch normalisation that gives the same logits in evaluation.

    Each layer followed by a batch normalisation takes over its running statistics, scale and shift; a GengNet gets a
    bias in every layer for it. GengNet's normalisation of the raw frame stays: the zeros its first convolution pads
    come after it, so no bias can stand for its shift.

    Parameters
    ----------
    model : AllConvNet or GengNet
        Built with ``batch_norm=True``; left as it is.

    Returns
    -------
    AllConvNet or GengNet
        In evaluation mode, ``config.batch_norm`` False; equal to float tolerance.

    Raises
    ------
    EmgModelsError
        The model is of another kind or has nothing to fold.
    """
    _check(model)
    changes = {"batch_norm": False} | ({"bias": True} if isinstance(model, GengNet) else {})
    with torch.random.fork_rng(devices=[]):
        folded: Any = type(model)(replace(model.config, **changes)).to(next(model.parameters()))
    sources, targets = (dict(each.named_modules()) for each in (model, folded))
    for name, source in sources.items():
        if isinstance(source, Unit):
            _fold(source, targets[name].get_submodule("layer"))
    folded.head.load_state_dict(model.head.state_dict())
    if isinstance(model, GengNet):
        folded.input_norm = copy.deepcopy(model.input_norm)
    result: M = folded.eval()
    return result


def _check(model: object) -> None:
    if not isinstance(model, AllConvNet | GengNet) or not model.config.batch_norm:
        raise EmgModelsError(
            f"{type(model).__name__} has no batch normalisation to fold; an AllConvNet or a GengNet built with "
            "batch_norm=True is required"
        )


@torch.no_grad()
def _fold(unit: Unit, layer: Any) -> None:  # noqa: ANN401  a convolution, linear or locally connected layer
    """Write into `layer` what `unit` computes before its ReLU, in float64 on the way."""
    source: Any = unit.layer
    norm: Any = unit.norm
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    bias = 0.0 if source.bias is None else source.bias.double()
    layer.weight.copy_(source.weight.double() * _along_outputs(scale, source))
    layer.bias.copy_((bias * scale + shift).expand_as(layer.bias))


def _along_outputs(scale: Tensor, layer: nn.Module) -> Tensor:
    """Shape `scale` (outs,) to multiply a weight along its axis of outputs."""
    if isinstance(layer, LocallyConnected):
        return scale[None, :, None]
    return scale.view(-1, *[1] * (layer.get_parameter("weight").ndim - 1))
