"""The encoder of emg2pose: strided valid convolutions and time-depth-separable blocks."""

from collections.abc import Iterator

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.tds import Stage, Stages, TDSBlock

from .config import Emg2PoseConfig

__all__ = ["PoseEncoder"]


class ConvStage(Stage):
    """Conv1d with bias, ReLU, LayerNorm over features."""

    def __init__(self, n_inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__(kernel, stride)
        self.conv = nn.Conv1d(n_inputs, width, kernel, stride)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch inputs time"]) -> Float[Tensor, "batch width frames"]:
        """Map signals or features, time last, to features of frames."""
        return self.norm(F.relu(self.conv(x)).transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


class PoseEncoder(nn.Module):
    """Features of 25 Hz frames from raw signals, 2,633,856 parameters as published (released code; layers derived)."""

    def __init__(self, config: Emg2PoseConfig) -> None:
        super().__init__()
        self.stages = Stages(config.n_chans, _chain(config))
        self.project = nn.Linear(config.width, config.n_features)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames features"]:
        """Encode signals.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, or the signal is shorter than the receptive field.
        """
        return self.project(self.stages(x).transpose(1, 2))  # type: ignore[no-any-return]


def _chain(config: Emg2PoseConfig) -> Iterator[Stage]:
    """Plain convolutions; the last ones each open a stage and are followed by its blocks."""
    plain = len(config.kernels) - len(config.block_kernels)
    n_inputs = config.n_chans
    for place, (kernel, stride) in enumerate(zip(config.kernels, config.strides, strict=True)):
        yield ConvStage(n_inputs, config.width, kernel, stride)
        n_inputs = config.width
        if place >= plain:
            for _ in range(config.stage_blocks):
                yield TDSBlock(config.width, config.block_channels, config.block_kernels[place - plain])
