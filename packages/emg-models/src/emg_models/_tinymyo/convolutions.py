"""Residual convolutions over time that halve the rate, aware of where each signal ends."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["STRIDE", "MaskedBatchNorm", "ResidualConvolution", "ResidualConvolutions"]

_N_BLOCKS = 3
STRIDE = 8
_MOMENTUM = 0.1


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (B, D, T) whose statistics leave padded frames out; without a mask as in PyTorch."""

    def __init__(self, width: int) -> None:
        super().__init__(width, momentum=_MOMENTUM)

    def forward(
        self, x: Float[Tensor, "batch features time"], real: Bool[Tensor, "batch 1 time"] | None = None
    ) -> Float[Tensor, "batch features time"]:
        """Normalise all frames by the statistics of the real ones."""
        if real is None or not self.training:
            return super().forward(x)
        wide = x.float()
        count = real.sum()
        mean = (wide * real).sum((0, 2), keepdim=True) / count
        variance = ((wide - mean).square() * real).sum((0, 2), keepdim=True) / count
        self._remember(mean.flatten(), (variance * count / (count - 1).clamp(min=1)).flatten())
        scale = self.weight[:, None] * (variance + self.eps).rsqrt()
        return ((wide - mean) * scale + self.bias[:, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics as PyTorch does, the variance without bias."""
        self.get_buffer("running_mean").lerp_(mean, _MOMENTUM)
        self.get_buffer("running_var").lerp_(variance, _MOMENTUM)
        self.get_buffer("num_batches_tracked").add_(1)


class ResidualConvolution(nn.Module):
    """Two convolutions of kernel 3 beside a strided one of kernel 1, each with batch normalisation; T to ⌈T/2⌉.

    ``GELU(BN(conv2(GELU(BN(conv1(x))))) + BN(skip(x)))``; the first convolution and the skip have stride 2.

    Parameters
    ----------
    n_inputs, width : int
        Features of input and output.
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(n_inputs, width, 3, stride=2, padding=1)
        self.norm1 = MaskedBatchNorm(width)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1)
        self.norm2 = MaskedBatchNorm(width)
        self.skip = nn.Conv1d(n_inputs, width, 1, stride=2)
        self.skip_norm = MaskedBatchNorm(width)

    def forward(
        self, x: Float[Tensor, "batch inputs time"], real: Bool[Tensor, "batch 1 half"] | None
    ) -> Float[Tensor, "batch features half"]:
        """Map x, zero behind each end, to half the rate, zero behind each end; `real` is the mask at half the rate."""
        y = hide(F.gelu(self.norm1(self.conv1(x), real)), real)
        y = self.norm2(self.conv2(y), real) + self.skip_norm(self.skip(x), real)
        return hide(F.gelu(y), real)


class ResidualConvolutions(nn.Module):
    """Three residual convolutions: samples (B, C, T) to features (B, D, ⌈T/8⌉).

    Parameters
    ----------
    n_chans, width : int
        Channels C and features D; 8 and 192 make the published 638,016 parameters.
    """

    def __init__(self, n_chans: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualConvolution(n_chans if block == 0 else width, width) for block in range(_N_BLOCKS)
        )

    def forward(
        self, x: Float[Tensor, "batch chans time"], real: Bool[Tensor, "batch 1 time"] | None
    ) -> tuple[Float[Tensor, "batch features frames"], Bool[Tensor, "batch 1 frames"] | None]:
        """Return features and, where `real` (True for samples of the signal) is given, which of them are real."""
        x = hide(x, real)
        for block in self.blocks:
            real = None if real is None else real[..., ::2]
            x = block(x, real)
        return x, real


def hide(x: Tensor, real: Tensor | None) -> Tensor:
    """Zero, whatever was there, where `real` is False: what a shorter signal has as padding."""
    return x if real is None else x.masked_fill(~real, 0.0)
