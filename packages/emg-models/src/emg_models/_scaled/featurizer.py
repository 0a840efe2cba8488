"""From samples to frames: convolutions over raw signals, or a log-spectrogram."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.spectrogram import LogSpectrogram

from .config import ScaledTransformerConfig

__all__ = ["ConvolutionFeaturizer", "SpectrogramFeaturizer", "make_featurizer"]


def make_featurizer(config: ScaledTransformerConfig) -> "ConvolutionFeaturizer | SpectrogramFeaturizer":
    """Build the featurizer that the configuration names."""
    return SpectrogramFeaturizer(config) if config.featurizer == "spectrogram" else ConvolutionFeaturizer(config)


class ConvolutionFeaturizer(nn.Module):
    """Strided convolutions without bias or padding, GELU after each; the first is normalised per feature over time."""

    def __init__(self, config: ScaledTransformerConfig) -> None:
        super().__init__()
        widths = (config.n_chans, *config.conv_widths)
        shapes = zip(widths, widths[1:], config.conv_kernels, config.conv_strides, strict=False)
        self.convolutions = nn.ModuleList(nn.Conv1d(*shape, bias=False) for shape in shapes)
        self.norm = _norm(config, widths[1])

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames features"]:
        """Map signals (B, C, n) to frames (B, T, F)."""
        for index, convolution in enumerate(self.convolutions):
            x = convolution(x)
            x = F.gelu(self.norm(x) if index == 0 else x)
        return x.transpose(1, 2)


class SpectrogramFeaturizer(nn.Module):
    """Log-power per electrode and bin, normalised per electrode over bins and time (our definition)."""

    def __init__(self, config: ScaledTransformerConfig) -> None:
        super().__init__()
        self.spectrogram = LogSpectrogram(config.stft_window, config.stft_hop)
        self.norm = _norm(config, config.n_chans)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames features"]:
        """Map signals (B, C, n) to frames (B, T, F), feature = electrode · bins + bin."""
        power = self.spectrogram(x).flatten(2)
        bins = self.spectrogram.n_bins
        return self.norm(power).unflatten(2, (bins, -1)).flatten(1, 2).transpose(1, 2)  # type: ignore[no-any-return]


def _norm(config: ScaledTransformerConfig, width: int) -> nn.Module:
    """One scale, one shift and one pair of statistics per feature: of each window, or running."""
    return nn.GroupNorm(width, width) if config.feature_norm == "instance" else nn.BatchNorm1d(width)
