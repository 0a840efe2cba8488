"""What one example costs in any model: parameters, multiply-accumulates, activations, from one function."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ._model import EmgModel

__all__ = ["Costs", "count_costs", "count_parameters"]


@dataclass(frozen=True)
class Costs:
    """Costs of one example.

    Attributes
    ----------
    parameters : int
        Learned values.
    macs : int
        Multiply-accumulates of convolutions, linears and attention products. Element-wise work (normalisation,
        softmax, GELU, rotation) is not counted, as is usual.
    activations : int
        Values that convolutions, linears and attention products write.
    """

    parameters: int
    macs: int
    activations: int


def count_costs(model: EmgModel) -> Costs:
    """Count the costs of one example of ``model.config.input_shape``.

    Parameters
    ----------
    model : EmgModel
        On any device; on ``meta`` nothing is computed.
    """
    device = next(model.parameters()).device
    training = model.training
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            model.eval()(torch.zeros(1, *model.config.input_shape, device=device))
    finally:
        model.train(training)
    return Costs(count_parameters(model), int(counter.get_total_flops()) // 2, 0)


def count_parameters(model: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(parameter.numel() for parameter in model.parameters())
