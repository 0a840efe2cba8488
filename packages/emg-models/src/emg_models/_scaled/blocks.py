"""The Transformer block with its norms inside the branches or after the sums."""

from jaxtyping import Bool, Float
from torch import Tensor

from emg_models._layers.causal import CausalAttention, CausalBlock, KeyValueCache
from emg_models._layers.transformer import Attention, Rotary

from .config import ScaledTransformerConfig

__all__ = ["PostNormBlock", "make_block"]


def make_block(config: ScaledTransformerConfig) -> CausalBlock:
    """Build a block with the attention and the norm placement that the configuration names."""
    rates = {"dropout": config.dropout, "attn_dropout": config.attn_dropout}
    attention = (
        CausalAttention(config.embed_dim, config.n_heads, context=config.context, **rates)
        if config.causal
        else Attention(config.embed_dim, config.n_heads, **rates)
    )
    kind = CausalBlock if config.norm_placement == "pre" else PostNormBlock
    hidden = config.embed_dim * config.mlp_ratio
    return kind(attention, hidden, dropout=config.dropout, drop_path=config.drop_path)


class PostNormBlock(CausalBlock):
    """``x = LN(x + Attn(x)); x = LN(x + MLP(x))`` on frames (B, T, d), as in stock wav2vec2."""

    def branches(
        self,
        x: Float[Tensor, "batch frames width"],
        rotary: Rotary | None,
        keys: Bool[Tensor, "#batch 1 1 frames"] | None,
    ) -> Float[Tensor, "batch frames width"]:
        """Map frames to frames."""
        x = self.norm1(self.drop_path.add(x, lambda x, keys: self.attn(x, rotary, keys), keys))
        return self.norm2(self.drop_path.add(x, lambda x, _: self.mlp(x)))  # type: ignore[no-any-return]

    def step(
        self,
        x: Float[Tensor, "batch frames width"],
        rotary: Rotary | None,
        cache: KeyValueCache,
    ) -> Float[Tensor, "batch frames width"]:
        """Map the next n >= 1 frames as `forward` in evaluation maps them inside the whole."""
        x = self.norm1(x + self.attn.step(x, rotary, cache))
        return self.norm2(x + self.mlp(x))  # type: ignore[no-any-return]
