"""One count of multiply-accumulates for every model."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["count_macs", "count_parameters"]


def count_macs(model: nn.Module, n_chans: int, n_times: int) -> int:
    """Multiply-accumulates of one window (1, n_chans, n_times): convolutions, linears, attention products.

    Element-wise work (normalisation, softmax, GELU, rotation) is not counted, as is usual.

    Parameters
    ----------
    model : Module
        On any device; on ``meta`` nothing is computed.
    n_chans, n_times : int
        Shape of the window.
    """
    device = next(model.parameters()).device
    training = model.training
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            model.eval()(torch.zeros(1, n_chans, n_times, device=device))
    finally:
        model.train(training)
    return int(counter.get_total_flops()) // 2


def count_parameters(model: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(parameter.numel() for parameter in model.parameters())
