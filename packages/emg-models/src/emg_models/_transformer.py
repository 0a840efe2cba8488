"""The pre-LN Transformer block that TinyMyo stacks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._config import TinyMyoConfig
from ._rotary import rotate

__all__ = ["Block"]


class Block(nn.Module):
    """``x += DropPath(Attn(LN(x))); x += DropPath(MLP(LN(x)))`` on tokens (B, N, D)."""

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.embed_dim)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.embed_dim)
        self.mlp = MLP(config)
        self.drop_path = DropPath(config.drop_path)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None, keys: Tensor | None) -> Tensor:
        """Map tokens (B, N, D) to tokens; `rotary` holds cos and sin, `keys` (B, 1, 1, N) is True where to attend."""
        x = x + self.drop_path(self.attn(self.norm1(x), rotary, keys))
        return x + self.drop_path(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Full bidirectional self-attention; q, k and v come from one linear, in that order, heads inside each."""

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__()
        self.heads = (config.n_heads, config.head_dim)
        self.attn_dropout = config.attn_dropout
        self.qkv = nn.Linear(config.embed_dim, 3 * config.embed_dim)
        self.proj = nn.Linear(config.embed_dim, config.embed_dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None, keys: Tensor | None) -> Tensor:
        """Attend from every token to every token that `keys` allows."""
        q, k, v = (part.unflatten(-1, self.heads).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        dropout = self.attn_dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keys, dropout_p=dropout)
        return self.dropout(self.proj(y.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Linear, exact (erf) GELU, Linear, with dropout after each linear."""

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__()
        hidden = config.embed_dim * config.mlp_ratio
        self.fc1 = nn.Linear(config.embed_dim, hidden)
        self.fc2 = nn.Linear(hidden, config.embed_dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(x)))))  # type: ignore[no-any-return]


class DropPath(nn.Module):
    """Skip the branch for a whole sample at `rate` while training; the rest is scaled to keep the expectation."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Scale or drop each sample of (B, ...)."""
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * (kept / (1 - self.rate)).to(x.dtype)
