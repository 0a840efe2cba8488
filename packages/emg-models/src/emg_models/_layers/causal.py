"""Attention that looks back only: over whole recordings, and frame by frame as they come."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from emg_models._errors import EmgModelsError

from .rotary import rotate
from .transformer import Attention, Block, Rotary

__all__ = ["CausalAttention", "CausalBlock", "KeyValueCache", "banded_attention"]

_BLOCK = 128
_WHOLE = 512


class CausalAttention(Attention):
    """Every frame attends to itself and to what came before; parameters are those of `Attention`.

    Parameters
    ----------
    width, n_heads : int
        Frame width D and heads; D must be divisible by `n_heads`.
    context : int or None
        Frames that a frame sees, itself included, >= 1; None for all since the start.
    dropout, attn_dropout : float
        As in `Attention`.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        *,
        context: int | None = None,
        dropout: float = 0.0,
        attn_dropout: float = 0.0,
    ) -> None:
        super().__init__(width, n_heads, dropout=dropout, attn_dropout=attn_dropout)
        self.context = context

    def forward(
        self,
        x: Float[Tensor, "batch frames width"],
        rotary: Rotary | None,
        keys: Bool[Tensor, "#batch 1 1 frames"] | None = None,
    ) -> Float[Tensor, "batch frames width"]:
        """Attend over a whole sequence, at a cost that grows with frames times context.

        Raises
        ------
        EmgModelsError
            `keys` is given: this attention masks by time alone.
        """
        if keys is not None:
            raise EmgModelsError(
                "a mask of keys was given to causal attention, which takes None; put padding after the last frame, "
                "where no earlier frame sees it"
            )
        dropout = self.attn_dropout if self.training else 0.0
        y = banded_attention(*self._queries_keys_values(x, rotary), self.context, dropout)
        return self.dropout(self.proj(y.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]

    @torch.no_grad()
    def step(
        self,
        x: Float[Tensor, "batch frames width"],
        rotary: Rotary | None,
        cache: "KeyValueCache",
    ) -> Float[Tensor, "batch frames width"]:
        """Attend from the next n >= 1 frames, which the cache takes up; as `forward` in evaluation on the whole.

        `rotary` holds the tables of these n frames, at their position since the start.
        """
        q, k, v = self._queries_keys_values(x, rotary)
        parts = []
        for start in range(0, q.shape[2], cache.room):
            piece = slice(start, start + cache.room)
            kept = cache.append(k[:, :, piece], v[:, :, piece])
            parts.append(_attend(q[:, :, piece].to(kept[0]), *kept, cache.context))  # autocast may come and go
        y = (torch.cat(parts, 2) if len(parts) > 1 else parts[0]).to(q)
        return self.proj(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def cache(self) -> "KeyValueCache":
        """Return an empty memory for `step`.

        Raises
        ------
        EmgModelsError
            The context is unbounded.
        """
        if self.context is None:
            raise EmgModelsError("context=None: attention since the start would fill any memory; give context >= 1")
        return KeyValueCache(self.context)

    def _queries_keys_values(self, x: Tensor, rotary: Rotary | None) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (part.unflatten(-1, self.heads).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        return q, k, v


class CausalBlock(Block):
    """The pre-LN block over causal attention, which can also take frames as they come."""

    attn: CausalAttention

    def step(
        self,
        x: Float[Tensor, "batch frames width"],
        rotary: Rotary | None,
        cache: "KeyValueCache",
    ) -> Float[Tensor, "batch frames width"]:
        """Map the next n >= 1 frames as `forward` in evaluation maps them inside the whole."""
        x = x + self.attn.step(self.norm1(x), rotary, cache)
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class KeyValueCache:
    """Keys and values of the last ``context - 1`` frames of one attention, 2·D values a frame.

    Frames are written behind each other and moved to the front when the end is reached, once in `room` frames, so that
    a frame costs the same whatever the context, and what is attended lies in one piece.

    Parameters
    ----------
    context : int
        Frames that a frame sees, itself included, >= 1.

    Attributes
    ----------
    room : int
        Frames that `append` takes at most.
    """

    def __init__(self, context: int) -> None:
        self.context = context
        self.room = max(context, _BLOCK)
        self._store: Tensor | None = None
        self._end = 0

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take up n <= room frames (B, H, n, d); return them behind the frames that the first of them sees.

        Returns
        -------
        tuple of Tensor, shape (B, H, m + n, d), m <= context - 1
            Views of the memory, good until the next call.
        """
        batch, heads, n, width = keys.shape
        capacity = self.context - 1 + self.room
        if self._store is None:
            self._store = keys.new_empty((2, batch, heads, capacity, width))
        if self._end + n > capacity:
            kept = min(self._end, self.context - 1)
            self._store[..., :kept, :] = self._store[..., self._end - kept : self._end, :].clone()
            self._end = kept
        first = max(0, self._end - self.context + 1)
        for store, new in zip(self._store, (keys, values), strict=True):
            store[..., self._end : self._end + n, :] = new
        self._end += n
        seen = self._store[..., first : self._end, :]
        return seen[0], seen[1]

    def clear(self) -> None:
        """Forget all frames."""
        self._store = None
        self._end = 0


def banded_attention(q: Tensor, k: Tensor, v: Tensor, context: int | None, dropout: float = 0.0) -> Tensor:
    """Attend from each frame to the last `context` frames, itself included.

    Parameters
    ----------
    q, k, v : Tensor, shape (B, H, T, d)
        Queries, keys, values.
    context : int or None
        >= 1, or None for all frames since the start.
    dropout : float
        Rate on the attention weights.

    Returns
    -------
    Tensor, shape (B, H, T, d)
        Blocks of queries meet only the keys that one of them sees, so time and memory grow with T·context. Without
        bound one fused causal kernel runs, except on up to 512 frames on a CPU, whose kernel would compute all scores.
    """
    n_frames = q.shape[2]
    if context is None or n_frames <= context:
        if n_frames > _WHOLE or q.device.type != "cpu" or torch.compiler.is_compiling():
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
        context = n_frames
    parts = []
    for start in range(0, n_frames, _BLOCK):
        seen = slice(max(0, start - context + 1), start + _BLOCK)
        parts.append(_attend(q[:, :, start : start + _BLOCK], k[:, :, seen], v[:, :, seen], context, dropout))
    return torch.cat(parts, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor, context: int, dropout: float = 0.0) -> Tensor:
    """Attend from the last n of m frames to those of the m that they see."""
    n, m = q.shape[2], k.shape[2]
    if n == 1 and m <= context:
        return F.scaled_dot_product_attention(q, k, v)
    seen = torch.ones(n, m, dtype=torch.bool, device=q.device).tril(m - n).triu(m - n - context + 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=dropout)
