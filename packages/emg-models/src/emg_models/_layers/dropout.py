"""Dropout whose masks cost a seventh of a Bernoulli draw each on a CPU."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .eager import runs_eagerly

__all__ = ["INTEGERS", "STEPS", "Dropout", "draw_dropped", "drop"]

INTEGERS = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
STEPS = 2**16


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` by way of `drop`."""

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:  # noqa: A002  the name that torch gives it
        """Zero each element at rate ``p`` while training; the rest is divided by ``1 - p``."""
        return drop(input, self.p) if self.training else input


def drop(x: Tensor, rate: float) -> Tensor:
    """Zero each element of `x` at `rate`, in [0, 1), and divide the rest by ``1 - rate``.

    On a CPU the rate is rounded to a multiple of 2**-16, and the scale is that of the rounded rate, so the expectation
    is exact. Where a graph is traced or transformed, and on other devices, this is torch's dropout.
    """
    if rate == 0:
        return x
    if x.is_cpu and x.dtype in INTEGERS and (steps := round(rate * STEPS)) < STEPS and runs_eagerly():
        return _Drop.apply(x, steps)  # type: ignore[no-untyped-call, no-any-return]
    return F.dropout(x, rate)


def draw_dropped(shape: torch.Size, steps: int) -> Tensor:
    """Draw int16 of `shape` from torch's global generator: 1 with probability ``steps / 2**16``, else 0."""
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[:count].view(shape)
    return torch.lt(draws, steps - STEPS // 2, out=draws)


class _Drop(torch.autograd.Function):
    """Clear the bits of what is dropped; the mask is kept for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, steps: int) -> Tensor:  # noqa: ANN401  torch's context
        """Drop `steps` of 2**16."""
        keep = draw_dropped(x.shape, steps).sub_(1)
        ctx.save_for_backward(keep)
        ctx.scale = STEPS / (STEPS - steps)
        return _mask(x, keep, ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  torch's context
        """Drop the same."""
        (keep,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            return grad * (keep.to(grad.dtype) * -ctx.scale), None
        return _mask(grad, keep, ctx.scale), None


def _mask(x: Tensor, keep: Tensor, scale: float) -> Tensor:
    """Return `x` times `scale` where `keep` is -1 (all bits), 0 where it is 0."""
    integer = INTEGERS[x.dtype]
    return (x.view(integer) & keep.to(integer)).view(x.dtype).mul_(scale)
