"""NeuroPose: an encoder, residual blocks and a decoder of images over time and electrodes."""

from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.inputs import require_input
from emg_models._model import EmgModel

from .neuropose_config import NeuroPoseConfig

__all__ = ["NeuroPose"]


class ConvUnit(nn.Module):
    """Conv2d over (time 3, electrode 2) with bias that keeps the size, BatchNorm, ReLU, dropout.

    Padding is one sample on either side, and one electrode after the last.
    """

    def __init__(self, n_inputs: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_inputs, n_outputs, (3, 2))
        self.norm = nn.BatchNorm2d(n_outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch inputs time elecs"]) -> Float[Tensor, "batch outputs time elecs"]:
        """Map images of one size."""
        return self.dropout(F.relu(self.norm(self.conv(F.pad(x, (0, 1, 1, 1))))))  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Several convolutions, whose result is added to the input."""

    def __init__(self, width: int, n_convs: int, dropout: float) -> None:
        super().__init__()
        self.convs = nn.Sequential(*[ConvUnit(width, width, dropout) for _ in range(n_convs)])

    def forward(self, x: Float[Tensor, "batch width time elecs"]) -> Float[Tensor, "batch width time elecs"]:
        """Map images of one size."""
        return x + self.convs(x)  # type: ignore[no-any-return]


class NeuroPose(EmgModel):
    """Joint angles in radians, one per input sample of whole frames: (B, 320·⌊n/320⌋, 20).

    Pooling makes a frame of 320 samples; what is left over at the end of a window gets no angles, so of the published
    4,000 samples the first 3,840 do. Windows below 320 samples are refused. Convolutions are centred, with zeros around
    the window, so the model does not stream.

    Parameters
    ----------
    config : NeuroPoseConfig
        Network; ``n_outputs`` must be given.

    References
    ----------
    emg2pose (arXiv 2412.02725), released code for sizes and factors. Our reconstruction: padding after the last
    electrode, pooling after and repeating before a convolution, the sum of a block without another ReLU.
    """

    Config = NeuroPoseConfig
    task = "regression"
    output = "angles"

    def __init__(self, config: NeuroPoseConfig) -> None:
        super().__init__(config)
        rate, widths = config.dropout, (1, *config.widths)
        self.encoder = nn.ModuleList(ConvUnit(before, after, rate) for before, after in pairwise(widths))
        blocks = [ResidualBlock(widths[-1], config.block_convs, rate) for _ in range(config.n_blocks)]
        self.blocks = nn.Sequential(*blocks)
        self.decoder = nn.ModuleList(ConvUnit(before, after, rate) for before, after in pairwise(widths[::-1]))
        self.head = nn.Linear(config.columns, self.config.n_outputs)

    def frames(self, n_times: int) -> int:
        """Return the angles that `n_times` samples give: whole multiples of 320."""
        return n_times // self.config.hop * self.config.hop  # type: ignore[no-any-return]

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames outputs"]:
        """Map signals (B, C, n), n >= 320, to angles in radians.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, or the signal is shorter than one frame.
        """
        self._check(x)
        config = self.config
        y = x.transpose(1, 2)[:, None]
        for unit, *factor in zip(self.encoder, config.time_factors, config.chan_pools, strict=True):
            y = F.max_pool2d(unit(y), factor)
        y = self.blocks(y)
        for unit, *factor in zip(self.decoder, config.time_factors, config.chan_repeats, strict=True):
            y = unit(F.interpolate(y, scale_factor=[float(value) for value in factor], mode="nearest"))
        return self.head(y[:, 0])  # type: ignore[no-any-return]

    def _check(self, x: Tensor) -> None:
        config = self.config
        require_input(
            x,
            self,
            (None, config.n_chans, None),
            f"(batch, {config.n_chans}, samples) is required; add a batch axis with x[None] or convert with x.float()",
        )
        if x.shape[2] < config.hop:
            raise EmgModelsError(
                f"input has {x.shape[2]} samples, pooling makes frames of {config.hop}; give at least that many"
            )
