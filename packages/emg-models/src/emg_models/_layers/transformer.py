"""The pre-LN Transformer block that every Transformer here stacks."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .attend import attend
from .dropout import Dropout
from .linear import Linear
from .rotary import rotate

__all__ = ["MLP", "Attention", "Block", "DropPath", "Rotary"]

Rotary = tuple[Float[Tensor, "*positions head"], Float[Tensor, "*positions head"]]
Branch = Callable[[Tensor, Tensor | None], Tensor]


class Block(nn.Module):
    """``x += DropPath(Attn(LN(x))); x += DropPath(MLP(LN(x)))`` on tokens (B, N, D).

    Parameters
    ----------
    attention : Attention
        What mixes the tokens; its width is the block's.
    hidden : int
        Width inside the MLP.
    dropout, drop_path : float
        Rates after each MLP linear, and of skipping a branch for a whole sample.

    Attributes
    ----------
    checkpointing : bool
        Whether training forgets what is inside the block and computes it again on the way back: the same numbers from
        less memory, for about a third more time.
    """

    def __init__(self, attention: "Attention", hidden: int, *, dropout: float = 0.0, drop_path: float = 0.0) -> None:
        super().__init__()
        width = attention.width
        self.norm1 = nn.LayerNorm(width)
        self.attn = attention
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, hidden, dropout)
        self.drop_path = DropPath(drop_path)
        self.checkpointing = False

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        rotary: Rotary | None,
        keys: Bool[Tensor, "batch 1 1 tokens"] | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Map tokens (B, N, D) to tokens; `rotary` holds cos and sin, `keys` (B, 1, 1, N) is True where to attend."""
        if self.checkpointing and self.training and torch.is_grad_enabled() and not torch.compiler.is_compiling():
            again: Tensor = checkpoint(self.branches, x, rotary, keys, use_reentrant=False)
            return again
        return self.branches(x, rotary, keys)

    def branches(
        self,
        x: Float[Tensor, "batch tokens width"],
        rotary: Rotary | None,
        keys: Bool[Tensor, "batch 1 1 tokens"] | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Do what `forward` does, without looking at `checkpointing`."""
        x = self.drop_path.add(x, lambda x, keys: self.attn(self.norm1(x), rotary, keys), keys)
        return self.drop_path.add(x, lambda x, _: self.mlp(self.norm2(x)))


class Attention(nn.Module):
    """Full bidirectional self-attention; q, k and v come from one linear, in that order, heads inside each.

    Parameters
    ----------
    width, n_heads : int
        Token width D and heads; D must be divisible by `n_heads`.
    dropout, attn_dropout : float
        Rates after the projection, and on the attention weights while training.
    """

    def __init__(self, width: int, n_heads: int, *, dropout: float = 0.0, attn_dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.heads = (n_heads, width // n_heads)
        self.attn_dropout = attn_dropout
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        rotary: Rotary | None,
        keys: Bool[Tensor, "batch 1 1 tokens"] | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend from every token to every token that `keys` allows."""
        q, k, v = (part.unflatten(-1, self.heads).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        dropout = self.attn_dropout if self.training else 0.0
        y = attend(q, k, v, keys, dropout)
        return self.dropout(self.proj(y.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Linear, exact (erf) GELU, Linear, with dropout after each linear."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Map (..., D) to (..., D)."""
        return self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(x)))))  # type: ignore[no-any-return]


class DropPath(nn.Module):
    """Skip the branch for a whole sample at `rate` while training; the rest is scaled to keep the expectation."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Scale or drop each sample of (B, ...)."""
        if not self.training or self.rate == 0:
            return x
        return self._scaled(x, torch.rand(x.shape[0], device=x.device) >= self.rate)

    def add(self, x: Tensor, branch: Branch, keys: Tensor | None = None) -> Tensor:
        """Return ``x + self(branch(x, keys))`` for samples (B, ...); on a CPU, what is dropped is never computed."""
        if not self.training or self.rate == 0:
            return x + branch(x, keys)
        kept = torch.rand(x.shape[0], device=x.device) >= self.rate
        rows = None if torch.compiler.is_compiling() or not x.is_cpu else kept.nonzero().flatten()
        if rows is None or len(rows) in {0, len(x)}:
            return x + self._scaled(branch(x, keys), kept)
        update = branch(x[rows], None if keys is None else keys[rows])
        return x.index_add(0, rows, update.to(x.dtype), alpha=1 / (1 - self.rate))

    def _scaled(self, x: Tensor, kept: Tensor) -> Tensor:
        return x * (kept / (1 - self.rate)).to(x.dtype).view(-1, *[1] * (x.ndim - 1))
