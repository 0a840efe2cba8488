"""Position from a convolution over frames, as in wav2vec2."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .config import ScaledTransformerConfig

__all__ = ["PositionalConvolution"]

_FEW = 16


class PositionalConvolution(nn.Module):
    """``z + GELU(conv(z))`` with a long grouped convolution that keeps the length.

    The causal form pads ``kernel - 1`` frames before the first. The centred one pads ``kernel // 2`` frames before it
    and sees up to ``kernel - 1 - kernel // 2`` frames ahead, as stock wav2vec2 (padding on both sides, last output
    dropped where the kernel is even).

    With weight norm, `gain` (kernel,) is the Euclidean norm of each tap's matrix, and ``conv.weight`` its direction.
    """

    def __init__(self, config: ScaledTransformerConfig) -> None:
        super().__init__()
        width, kernel = config.embed_dim, config.position_kernel
        self.conv = nn.Conv1d(width, width, kernel, groups=config.position_groups)
        before = kernel - 1 if config.position == "causal" else kernel // 2
        self.padding = (before, kernel - 1 - before)
        self.gain: nn.Parameter | None
        self.register_parameter("gain", None)
        if config.weight_norm:
            self.gain = nn.Parameter(torch.empty(kernel))
        self._dropout = config.dropout

    def reset_parameters(self) -> None:
        """Draw as stock wav2vec2: normal of variance 4·(1 - dropout) / (kernel · width), zero bias."""
        width, _, kernel = self.conv.weight.shape
        nn.init.normal_(self.conv.weight, std=math.sqrt(4 * (1 - self._dropout) / (kernel * width)))
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        if self.gain is not None:
            with torch.no_grad():
                self.gain.copy_(self._norms())

    def forward(self, z: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch frames width"]:
        """Add position to frames (B, T, d)."""
        return z + self._mix(F.pad(z, (0, 0, *self.padding)))

    def memory(self, batch: int) -> Tensor:
        """Return what a causal stream has heard before its first frame: zeros (B, kernel - 1, d)."""
        return self.conv.weight.new_zeros(batch, self.padding[0], self.conv.in_channels)

    def step(
        self,
        z: Float[Tensor, "batch frames width"],
        memory: Float[Tensor, "batch history width"],
    ) -> tuple[Float[Tensor, "batch frames width"], Float[Tensor, "batch history width"]]:
        """Add position to the next n frames and return the memory for those after; causal form only."""
        heard = torch.cat([memory.to(z.dtype), z], 1)
        few = z.shape[0] * z.shape[1] <= _FEW
        return z + (self._mix_few(heard) if few else self._mix(heard)), heard[:, z.shape[1] :]

    def _mix(self, padded: Tensor) -> Tensor:
        y = F.conv1d(padded.transpose(1, 2), self._weight(), self.conv.bias, groups=self.conv.groups)
        return F.gelu(y).transpose(1, 2)

    def _mix_few(self, padded: Tensor) -> Tensor:
        """Multiply each group's stretch of frames by its matrix: for few frames, convolution mostly sorts weights."""
        weight, groups = self._weight(), self.conv.groups
        stretches = padded.reshape(*padded.shape[:2], groups, -1).unfold(1, weight.shape[-1], 1)
        matrices = weight.reshape(groups, -1, weight[0].numel())
        y = stretches.transpose(1, 2).flatten(3) @ matrices.transpose(1, 2)
        return F.gelu(y.transpose(1, 2).flatten(2) + self.conv.bias)  # type: ignore[operator]

    def _weight(self) -> Tensor:
        weight = self.conv.weight
        return weight if self.gain is None else weight * (self.gain / self._norms())

    def _norms(self) -> Tensor:
        return torch.linalg.vector_norm(self.conv.weight, dim=(0, 1))  # type: ignore[no-any-return]
