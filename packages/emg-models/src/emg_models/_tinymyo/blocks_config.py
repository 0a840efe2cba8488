"""What TinyMyo's blocks are made of, whatever stands in front of them (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count, require_rate
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["BlocksConfig"]


@dataclass(frozen=True, kw_only=True)
class BlocksConfig(ModelConfig):
    """The blocks; a front end adds how samples become tokens.

    Parameters
    ----------
    embed_dim : int
        Token width D, divisible by `n_heads`; the head width D / n_heads must be even where tokens are rotated.
    n_blocks, n_heads : int
        Transformer blocks and attention heads, >= 1.
    mlp_ratio : int
        Hidden width of a block's MLP in units of `embed_dim`.
    dropout, attn_dropout, drop_path : float
        Rates in [0, 1), placed and chosen as in `TinyMyoConfig`.

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
        self._check_width()

    def _check_width(self) -> None:
        if self.embed_dim % self.n_heads:
            raise EmgModelsError(
                f"embed_dim={self.embed_dim} is not divisible by n_heads={self.n_heads}; "
                f"choose embed_dim={self.embed_dim // self.n_heads * self.n_heads or self.n_heads} or other heads"
            )
        if self.rotated and self.head_dim % 2:
            raise EmgModelsError(
                f"embed_dim={self.embed_dim} / n_heads={self.n_heads} gives heads of odd width {self.head_dim}; rotary "
                "embedding turns pairs, so choose an even width (of TinyMyoConfig also rope='none')"
            )

    @property
    def rotated(self) -> bool:
        """Whether queries and keys are turned by their position."""
        return True

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.embed_dim // self.n_heads
