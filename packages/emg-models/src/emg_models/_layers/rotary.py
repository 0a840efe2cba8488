"""Rotary position embedding on interleaved pairs."""

import torch
from torch import Tensor

__all__ = ["rotary_tables", "rotate"]


def rotary_tables(position: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine by which `rotate` turns queries and keys.

    Pair j of a head (features 2j and 2j+1) turns by m·10000^(-2j/head_dim) for position m.

    Parameters
    ----------
    position : Tensor, shape (..., N)
        Position m of each token.
    head_dim : int
        Width of a head, even.

    Returns
    -------
    tuple of Tensor
        cos and sin, float32 (..., N, head_dim); sin is negative on even features.

    References
    ----------
    Su et al. 2021, arXiv 2104.09864, equation 34.
    """
    rate = 10000.0 ** (-torch.arange(0, head_dim, 2, dtype=torch.float32, device=position.device) / head_dim)
    angle = position[..., None] * rate
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, cos], -1).flatten(-2), torch.stack([-sin, sin], -1).flatten(-2)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn every pair of features of `x` (B, H, N, head_dim) by the angle of its table entry; the dtype is kept."""
    if torch.compiler.is_compiling():
        return _rotate_real(x, cos, sin)
    return _rotate_complex(x, cos, sin)


def _rotate_real(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Four plain operators (Mul, Gather, Mul, Add): what compilers and ONNX like best."""
    swap = torch.arange(x.shape[-1], device=x.device).view(-1, 2).flip(-1).flatten()
    return (x * cos + x.index_select(-1, swap) * sin).to(x.dtype)


def _rotate_complex(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """One complex product: several times faster than the real form where operators run one by one."""
    wide = x if x.dtype == torch.float64 else x.float()
    turn = torch.complex(cos[..., ::2].to(wide.dtype), sin[..., 1::2].to(wide.dtype))
    pairs = torch.view_as_complex(wide.reshape(*wide.shape[:-1], wide.shape[-1] // 2, 2))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)
