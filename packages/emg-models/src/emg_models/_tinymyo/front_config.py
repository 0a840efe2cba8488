"""What TinyMyo's blocks are made of behind any front end of their own (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count, require_rate
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["FrontEndConfig"]


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(ModelConfig):
    """The blocks, as in `TinyMyoConfig`; a front end adds how samples become tokens.

    Parameters
    ----------
    embed_dim : int
        Token width D; D / `n_heads` must be a whole, even number, since tokens are rotated in pairs.
    n_blocks, n_heads : int
        Transformer blocks and attention heads, >= 1.
    mlp_ratio : int
        Hidden width of a block's MLP in units of `embed_dim`.
    dropout, attn_dropout, drop_path : float
        Rates in [0, 1), placed and chosen as in `TinyMyoConfig`; `attn_dropout` is 0.1 there as published and 0 here,
        for speed.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.
    """

    embed_dim: int = 192
    n_blocks: int = 8
    n_heads: int = 3
    mlp_ratio: int = 4
    dropout: float = 0.1
    attn_dropout: float = 0.0
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("embed_dim", "n_blocks", "n_heads", "mlp_ratio"):
            require_count(name, getattr(self, name))
        for name in ("dropout", "attn_dropout", "drop_path"):
            require_rate(name, getattr(self, name))
        if self.embed_dim % (2 * self.n_heads):
            raise EmgModelsError(
                f"embed_dim={self.embed_dim}: a multiple of 2·n_heads={2 * self.n_heads} is required, heads of even "
                "width; choose another width or other heads"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.embed_dim // self.n_heads
