"""TDS-ConvNet of emg2qwerty: log spectrogram, rotation-invariant first layer, time-depth-separable blocks, CTC head."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.linear import Linear
from emg_models._layers.rotation import RotationMLP
from emg_models._layers.spectrogram import LogSpectrogram
from emg_models._layers.tds import Stage, StageMemory, Stages, TDSBlock
from emg_models._model import EmgModel
from emg_models._streams import ModelStream

from .config import TDSConfig

__all__ = ["TDSConvNet"]


class SpectralFront(Stage):
    """Log spectrogram, batch normalisation per electrode, one rotation-invariant layer per band, side by side.

    Statistics of the normalisation run over batch, frequency and time.
    """

    def __init__(self, config: TDSConfig) -> None:
        super().__init__(config.window, config.hop)
        self.ring = (config.n_bands, config.n_chans // config.n_bands)
        self.spectrogram = LogSpectrogram(config.window, config.hop, floor=config.floor)
        self.norm = nn.BatchNorm2d(config.n_chans)
        n_inputs = self.ring[1] * self.spectrogram.n_bins
        self.bands = nn.ModuleList(
            RotationMLP(n_inputs, config.mlp_width, rolls=config.rolls) for _ in range(config.n_bands)
        )

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch width frames"]:
        """Map signals to features of spectrogram frames."""
        rings = self.norm(self.spectrogram(x)).unflatten(1, self.ring).permute(1, 0, 4, 2, 3)
        return torch.cat([band(ring) for band, ring in zip(self.bands, rings, strict=True)], -1).transpose(1, 2)


class TDSConvNet(EmgModel):
    """Log-probabilities of typed symbols from raw signals, one frame per spectrogram frame after the first 124.

    Convolutions are valid: frame t sees samples t·hop … t·hop+receptive_field-1, 2,048 samples (1.024 s) of which none
    is in the future. n samples give ⌊(n - 64) / 16⌋ + 1 - 124 frames. The model streams exactly.

    Parameters
    ----------
    config : TDSConfig
        Network; ``n_outputs`` must be given.

    References
    ----------
    emg2qwerty (arXiv 2410.20081), released code; written from its description.
    """

    Config = TDSConfig
    task = "ctc"
    output = "log_probs"
    streams = True

    def __init__(self, config: TDSConfig) -> None:
        super().__init__(config)
        blocks = (TDSBlock(config.width, config.block_channels, config.kernel) for _ in range(config.n_blocks))
        self.stages = Stages(config.n_chans, [SpectralFront(config), *blocks])
        self.head = Linear(config.width, self.config.n_outputs)

    @property
    def receptive_field(self) -> int:
        """Samples that one output frame sees."""
        return self.stages.receptive_field

    def frames(self, n_times: int) -> int:
        """Return the output frames of `n_times` samples, 0 below the receptive field."""
        return self.stages.frames(n_times)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames outputs"]:
        """Map signals (B, C, n), n >= `receptive_field`, to log-probabilities (B, frames, n_outputs), blank last.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, or the signal is shorter than the receptive field.
        """
        return self.classify(self.stages(x))

    def classify(self, features: Float[Tensor, "batch width frames"]) -> Float[Tensor, "batch frames outputs"]:
        """Map features of frames to log-probabilities."""
        return self.head(features.transpose(1, 2)).log_softmax(-1)  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> "TDSStream":
        """Put this model into evaluation mode and return a live form of it with empty memory.

        It keeps 31 frames per block and less than a spectrogram window of samples.
        """
        return TDSStream(self, batch)


class TDSStream(ModelStream):
    """A TDS-ConvNet at work on a live signal; see `ModelStream`."""

    def __init__(self, model: TDSConvNet, batch: int) -> None:
        super().__init__(model, batch, model.receptive_field)
        self._memory = StageMemory(model.stages)

    def _push(self, chunk: Tensor) -> Tensor:
        features = self._memory.push(chunk)
        if features is None:
            return chunk.new_empty(self._batch, 0, self._model.config.n_outputs)
        return self._model.classify(features)  # type: ignore[no-any-return]

    def _forget(self) -> None:
        self._memory.reset()
