"""Linear layers and products of matrices by oneDNN, which on processors other than Intel's is twice as fast as MKL."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .eager import runs_eagerly

__all__ = ["Linear", "product"]


class Linear(nn.Linear):
    """`torch.nn.Linear`, which in float32 on a CPU takes oneDNN's kernel instead of MKL's; same sums, other order."""

    def forward(self, input: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:  # noqa: A002  the name that torch gives it
        """Map (..., in_features) to (..., out_features)."""
        if not _suits(input) or self.weight.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return F.linear(input, self.weight, self.bias)
        if torch.is_grad_enabled():
            return _Linear.apply(input, self.weight, self.bias)  # type: ignore[no-untyped-call, no-any-return]
        return product(input, self.weight, self.bias)


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``a @ b.T + bias`` for a (..., K) and b (N, K) of any strides; no gradient."""
    if not _suits(a):
        return F.linear(a, b, bias)
    y: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001  as inductor calls it
        _dense(a), _dense(b), bias, "none", [], ""
    )
    return y


def _dense(x: Tensor) -> Tensor:
    """Return `x` in one piece, by rows or by columns: with gaps, oneDNN falls back to plain loops."""
    return x if x.is_contiguous() or (x.ndim == 2 and x.t().is_contiguous()) else x.contiguous()


class _Linear(torch.autograd.Function):
    """All three products of a linear layer, and by torch's operators the products of their gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401  torch's context
        """Map (..., K) to (..., N)."""
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # noqa: ANN401  torch's context
        """Give the gradients that are asked for."""
        x, weight = ctx.saved_tensors
        rows, cols = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        times = F.linear if torch.is_grad_enabled() else product
        return (
            times(grad, weight.t()) if needs_x else None,
            times(rows.t(), cols.t()) if needs_weight else None,
            rows.sum(0) if needs_bias else None,
        )


def _suits(x: Tensor) -> bool:
    """Whether oneDNN can take over: float32 on a CPU, operators run one by one."""
    return x.is_cpu and x.dtype == torch.float32 and runs_eagerly() and _has_onednn()


def _has_onednn() -> bool:
    """Whether oneDNN is built in and switched on (``torch.backends.mkldnn.flags`` can switch it off)."""
    return bool(torch._C._has_mkldnn and torch._C._get_mkldnn_enabled())  # noqa: SLF001  what the backend asks too
