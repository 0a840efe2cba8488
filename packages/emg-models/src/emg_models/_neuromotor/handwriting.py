"""The handwriting network of the neuromotor interface: spectral features, a causal Conformer, CTC."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel
from emg_models._streams import ModelStream

from .conformer import BlockStream, ConformerBlock
from .feature_config import NeuromotorHandwritingConfig
from .features import TurnedFeatures

__all__ = ["NeuromotorHandwriting"]


class NeuromotorHandwriting(EmgModel):
    """Log-probabilities of symbols at 6.25 Hz from features at 50 Hz: ``MultivariatePowerFrequency(window=160)``.

    Linear over all pairs of electrodes in three turns of the ring; two frames side by side, Linear; Conformer blocks of
    which two halve the rate; Linear, log-softmax. The blank is the last symbol.

    Parameters
    ----------
    config : NeuromotorHandwritingConfig
        Sizes.

    Notes
    -----
    All 1,021,284 parameters follow from the released layer list. Our readings, which no count can decide: attention is
    masked near the start instead of dropping frames (the published 19,014 + 974 samples around a prompt cover the
    19,853 that the convolutions need, not the 49,053 that attention would) and counts the frame that asks among the 16
    or 8 it sees, a convolution adds to the frame under its last tap, frames are stacked in pairs from the first on, no
    dropout, weights drawn as PyTorch draws them.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w; layers and count as in its released code.
    """

    Config = NeuromotorHandwritingConfig
    task = "ctc"
    output = "log_probs"
    streams = True

    def __init__(self, config: NeuromotorHandwritingConfig) -> None:
        super().__init__(config)
        width = config.width
        self.features = TurnedFeatures(config, width)
        self.pair = nn.Linear(2 * width, width)
        self.blocks = nn.ModuleList(
            ConformerBlock(
                width, config.hidden, config.n_heads, context=context, kernel_size=config.kernel_size, stride=stride
            )
            for context, stride in zip(config.contexts, config.strides, strict=True)
        )
        self.head = nn.Linear(width, self.config.n_outputs)

    def frames(self, n_times: int) -> int:
        """Return the outputs that `n_times` feature frames give, 0 below ``config.least_frames``."""
        return self.config.frames(n_times)  # type: ignore[no-any-return]

    def forward(self, x: Float[Tensor, "batch features time"]) -> Float[Tensor, "batch frames outputs"]:
        """Map features (B, n_chans, T), T >= ``config.least_frames``, to log-probabilities (B, frames, n_outputs).

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit.
        """
        frames = self.features(x)
        if self.frames(frames.shape[1]) == 0:
            raise EmgModelsError(
                f"input has {frames.shape[1]} feature frames, one output needs {self.config.least_frames}; give longer "
                "windows"
            )
        y = self.stack(frames)
        for block in self.blocks:
            y = block(y)
        return self.classify(y)

    def stack(self, frames: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch half width"]:
        """Map pairs of frames, (0, 1), (2, 3), …, to one each; an odd last one is left out."""
        even = frames[:, : frames.shape[1] // 2 * 2]
        return self.pair(even.reshape(even.shape[0], even.shape[1] // 2, 2 * even.shape[2]))  # type: ignore[no-any-return]

    def classify(self, frames: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch frames outputs"]:
        """Map the frames of the last block to log-probabilities."""
        return self.head(frames).log_softmax(-1)  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> "NeuromotorHandwritingStream":
        """Put this model into evaluation mode and return a live form of it with empty memory; it takes features.

        Parameters
        ----------
        batch : int
            Recordings that run side by side.
        """
        return NeuromotorHandwritingStream(self, batch)


class NeuromotorHandwritingStream(ModelStream):
    """Feature frames through the blocks as they come; memory of fixed size."""

    def __init__(self, model: NeuromotorHandwriting, batch: int) -> None:
        super().__init__(model, batch, model.config.receptive_field)
        self._forget()

    def _forget(self) -> None:
        self._blocks = [BlockStream(block) for block in self._model.blocks if isinstance(block, ConformerBlock)]
        self._odd = self._home.new_empty(self._batch, self.n_chans, 0)

    def _push(self, chunk: Tensor) -> Tensor:
        features = torch.cat([self._odd, chunk], 2)
        even = features.shape[2] // 2 * 2
        self._odd = features[:, :, even:].clone()
        frames = self._model.stack(self._model.features(features[:, :, :even]))
        for block in self._blocks:
            frames = block.push(frames)
        return self._model.classify(frames)  # type: ignore[no-any-return]
