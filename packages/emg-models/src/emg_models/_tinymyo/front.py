"""TinyMyo's blocks behind a front end of their own: what speech and the neuromotor task share."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from emg_models._layers.rotary import rotary_tables
from emg_models._layers.transformer import Block
from emg_models._model import EmgModel
from emg_models._state import load_strict

from .blocks import narrow_branches_, xavier_
from .blocks_config import BlocksConfig
from .encoder import TinyMyoEncoder
from .heads import TinyMyoClassifier, TinyMyoPretrainer

__all__ = ["FrontEndModel"]

_OWN_FRONT = ("mask_token", "channel_embed", "patch_embedding.")


class FrontEndModel(EmgModel):
    """Blocks and final norm of TinyMyo on one sequence of tokens, with rotary position by token index.

    Parameters
    ----------
    config : BlocksConfig
        Sizes.
    blocks : iterable of Block
        ``config.n_blocks`` of them.
    """

    def __init__(self, config: BlocksConfig, blocks: Iterable[Block]) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.embed_dim)
        cos, sin = self._tables(0, self.frames(config.n_times))
        self.rotary_cos: Tensor
        self.rotary_sin: Tensor
        self.register_buffer("rotary_cos", cos, persistent=False)
        self.register_buffer("rotary_sin", sin, persistent=False)

    def load_blocks(
        self, source: TinyMyoEncoder | TinyMyoPretrainer | TinyMyoClassifier | Mapping[str, Tensor]
    ) -> None:
        """Take over blocks and final norm of a pre-trained TinyMyo, all or none.

        Its patch embedding, channel embedding and mask token stay behind.

        Parameters
        ----------
        source : TinyMyoEncoder, TinyMyoPretrainer, TinyMyoClassifier or mapping of str to Tensor
            A model, or a state dict of an encoder.

        Raises
        ------
        EmgModelsError
            A key is missing, unexpected or of another shape; nothing was loaded then.
        """
        if isinstance(source, TinyMyoPretrainer | TinyMyoClassifier):
            source = source.encoder
        state = source.state_dict() if isinstance(source, nn.Module) else source
        taken = {key: value for key, value in state.items() if not key.startswith(_OWN_FRONT)}
        load_strict(nn.ModuleDict({"blocks": self.blocks, "norm": self.norm}), taken, "blocks of an encoder state dict")

    def _reset_parameters(self) -> None:
        """Draw linears and blocks as in TinyMyo (our choice); convolutions keep what PyTorch drew."""
        self.apply(xavier_)
        narrow_branches_(self.blocks)

    def _rotary(self, n_tokens: int) -> tuple[Tensor, Tensor]:
        """Tables of the first `n_tokens` positions: kept ones, or for longer input made on the spot."""
        if n_tokens <= len(self.rotary_cos):
            return self.rotary_cos[:n_tokens], self.rotary_sin[:n_tokens]
        cos, sin = self._tables(0, n_tokens)
        return cos.to(self.rotary_cos), sin.to(self.rotary_sin)

    def _tables(self, start: int, n_tokens: int) -> tuple[Tensor, Tensor]:
        """Tables from position `start` on, worked out in float64 so that they hold after hours of streaming too."""
        position = torch.arange(start, start + n_tokens, dtype=torch.float64)
        cos, sin = rotary_tables(position, self.config.head_dim)
        return cos.float(), sin.float()
