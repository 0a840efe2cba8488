"""Scaled dot-product attention, on a CPU by matrix products of its own where they beat the built-in kernel."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .dropout import INTEGERS, STEPS, draw_dropped
from .eager import runs_eagerly
from .linear import product

__all__ = ["attend"]

_KEYS = range(160, 2049)


def attend(q: Tensor, k: Tensor, v: Tensor, keys: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """Attend from every query to every key that `keys` allows.

    On a CPU, built-in attention reaches a fraction of the speed of its matrix products, and with dropout it spends most
    of its time on masks. There, from 160 to 2048 keys and always with dropout, the weights of one head at a time are
    made and kept for the way back instead: N·M values a head. Elsewhere this is torch's attention, whose fused kernels
    have no second derivative: ``with torch.nn.attention.sdpa_kernel(SDPBackend.MATH)`` gives one.

    Parameters
    ----------
    q : Tensor, shape (B, H, N, d)
        Queries.
    k, v : Tensor, shape (B, H, M, d)
        Keys and values.
    keys : Tensor of bool, optional
        True where to attend; of any shape that broadcasts to (B, H, N, M).
    dropout : float
        Rate on the attention weights, in [0, 1); on a CPU a multiple of 2**-16, as in `drop`.

    Returns
    -------
    Tensor, shape (B, H, N, d)
    """
    if q.is_cpu and q.dtype == torch.float32 and torch.is_autocast_enabled("cpu"):
        q, k, v = (part.to(torch.get_autocast_dtype("cpu")) for part in (q, k, v))
    if not (_pays(q, k.shape[2], dropout) and runs_eagerly()):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=keys, dropout_p=dropout)
    if keys is not None:
        keys = keys.expand(*q.shape[:3], k.shape[2]).flatten(0, 1)
    flat = (part.contiguous().flatten(0, 1) for part in (q, k, v))
    y: Tensor = _Attend.apply(*flat, keys, round(dropout * STEPS))  # type: ignore[no-untyped-call]
    return y.view(*q.shape)


def _pays(q: Tensor, n_keys: int, dropout: float) -> bool:
    """Whether products of our own are faster than the built-in kernel."""
    if round(dropout * STEPS) == STEPS:
        return False
    return q.is_cpu and (dropout > 0 or (q.dtype in {torch.float32, torch.bfloat16} and n_keys in _KEYS))


class _Attend(torch.autograd.Function):
    """One head after the other, so that its weights stay in the cache; a dropped weight is kept with its sign set.

    Where the way back is itself to be differentiated, it is taken through torch's operators.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, keys: Tensor | None, steps: int) -> Tensor:  # noqa: ANN401  torch's context
        """Attend with heads and samples on one axis: (B·H, N, d)."""
        given, q = q, q * (1 / math.sqrt(q.shape[-1]))
        y = torch.empty_like(q)
        keeps = any(ctx.needs_input_grad)
        weights = q.new_empty((len(q) if keeps else 1, q.shape[1], k.shape[1])).expand(len(q), -1, -1)
        for head, weight in enumerate(weights):
            scores = product(q[head], k[head])
            if keys is not None:
                scores.masked_fill_(~keys[head], -math.inf)
            torch.softmax(scores, -1, out=weight)
            kept = _drop_signs(weight, steps).clamp_min(0) if steps else weight
            y[head] = product(kept, v[head].t())
        if keeps:
            ctx.save_for_backward(given, k, v, weights)
        ctx.scale = STEPS / (STEPS - steps)
        return y.mul_(ctx.scale) if steps else y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:  # noqa: ANN401  torch's context
        """Go back through both products and the softmax of each head."""
        q, k, v, weights = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_backward_again(q, k, v, weights, ctx.scale, grad), None, None
        q = q * (1 / math.sqrt(q.shape[-1]))
        dropped = ctx.scale > 1
        grad = grad * ctx.scale
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for head, weight in enumerate(weights):
            kept = weight.clamp_min(0) if dropped else weight
            dv[head] = product(kept.t(), grad[head].t())
            slope = product(grad[head], v[head])
            if dropped:
                slope = torch.ops.aten.threshold_backward(slope, weight, 0)
                weight = weight.abs()  # noqa: PLW2901
            slope = torch.ops.aten._softmax_backward_data(slope, weight, -1, weight.dtype)  # noqa: SLF001  its only name
            dq[head] = product(slope, k[head].t())
            dk[head] = product(slope.t(), q[head].t())
        return dq.mul_(1 / math.sqrt(q.shape[-1])), dk, dv, None, None


def _backward_again(
    q: Tensor, k: Tensor, v: Tensor, weights: Tensor, scale: float, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Go back by operators that can be differentiated: weights of 0 stay masked, those with a sign dropped."""
    root = 1 / math.sqrt(q.shape[-1])
    kept = ~weights.signbit() * scale
    soft = (q @ k.mT * root).masked_fill(weights == 0, -math.inf).softmax(-1)
    slope = grad @ v.mT * kept
    slope = soft * (slope - (slope * soft).sum(-1, keepdim=True)) * root
    return slope @ k, slope.mT @ q, (soft * kept).mT @ grad


def _drop_signs(weight: Tensor, steps: int) -> Tensor:
    """Set the sign bit of what is dropped, in place."""
    integer = INTEGERS[weight.dtype]
    signs = draw_dropped(weight.shape, steps).to(integer).mul_(torch.iinfo(integer).min)
    weight.view(integer).bitwise_or_(signs)
    return weight
