"""TinyMyo for the neuromotor task: one token per frame of all channels, causal blocks, an event logit per frame."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.causal import CausalAttention, CausalBlock
from emg_models._layers.compression import FrameFrontEnd, FrameStream, count_frames

from .front import FrontEndModel
from .neuromotor_config import TinyMyoNeuromotorConfig

__all__ = ["TinyMyoNeuromotor"]


class TinyMyoNeuromotor(FrontEndModel):
    """Logits of gesture pulses at 200 Hz from a wristband, by TinyMyo's blocks with attention to the past.

    64x/(32+|x|); Conv1d over all channels, GELU, LayerNorm; causal blocks with rotary position by frame index;
    LayerNorm; Linear. The input is on the scale of the recording (neither in volts nor z-scored), since the compression
    is fixed. Position has no upper end (the released table has 65,536 rows, 328 s).

    Parameters
    ----------
    config : TinyMyoNeuromotorConfig
        Sizes; ``context`` bounds the past and lets the model stream.

    References
    ----------
    arXiv 2512.15729 (released code).
    """

    Config = TinyMyoNeuromotorConfig
    task = "events"
    streams = True

    def __init__(self, config: TinyMyoNeuromotorConfig) -> None:
        super().__init__(config, (_block(config) for _ in range(config.n_blocks)))
        self.front = FrameFrontEnd(
            config.n_chans, config.embed_dim, kernel_size=config.kernel_size, stride=config.stride, activation=F.gelu
        )
        self.head = nn.Linear(config.embed_dim, self.config.n_outputs)
        self._reset_parameters()

    def frames(self, n_times: int) -> int:
        """Return ⌊(n_times - kernel_size) / stride⌋ + 1, 0 for less than a frame."""
        return count_frames(n_times, self.config.kernel_size, self.config.stride)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames outputs"]:
        """Map recordings (B, C, T), T >= ``kernel_size``, to logits (B, frames, n_outputs).

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit.
        """
        tokens = self.front(x)
        rotary = self._rotary(tokens.shape[1])
        for block in self.blocks:
            tokens = block(tokens, rotary, None)
        return self.head(self.norm(tokens))  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> "TinyMyoNeuromotorStream":
        """Put this model into evaluation mode and return a live form of it with empty memory.

        Parameters
        ----------
        batch : int
            Recordings that run side by side.

        Raises
        ------
        EmgModelsError
            ``config.context`` is None.
        """
        if self.config.context is None:
            raise EmgModelsError(
                "context=None: every frame attends to all since the start, so a stream would grow without end; build "
                "the model with context >= 1 frames (the weights are the same)"
            )
        return TinyMyoNeuromotorStream(self, batch)


class TinyMyoNeuromotorStream(FrameStream):
    """Frames through the blocks as they come; the memory is keys and values of ``context - 1`` frames per block."""

    def __init__(self, model: TinyMyoNeuromotor, batch: int) -> None:
        self._blocks = [block for block in model.blocks if isinstance(block, CausalBlock)]
        self._caches = [block.attn.cache() for block in self._blocks]
        super().__init__(model, batch, model.config.receptive_field)

    def _advance(self, frames: Tensor) -> Tensor:
        model = self._model
        cos, sin = model._tables(self._position, frames.shape[1])  # noqa: SLF001  the model's own stream
        rotary = cos.to(model.rotary_cos), sin.to(model.rotary_sin)
        self._position += frames.shape[1]
        for block, cache in zip(self._blocks, self._caches, strict=True):
            frames = block.step(frames, rotary, cache)
        return model.head(model.norm(frames))  # type: ignore[no-any-return]

    def _forget(self) -> None:
        super()._forget()
        self._position = 0
        for cache in self._caches:
            cache.clear()


def _block(config: TinyMyoNeuromotorConfig) -> CausalBlock:
    attention = CausalAttention(
        config.embed_dim,
        config.n_heads,
        context=config.context,
        dropout=config.dropout,
        attn_dropout=config.attn_dropout,
    )
    hidden = config.embed_dim * config.mlp_ratio
    return CausalBlock(attention, hidden, dropout=config.dropout, drop_path=config.drop_path)
