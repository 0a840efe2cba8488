"""The causal Conformer block: over whole sequences, and as frames come."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.causal import CausalAttention, KeyValueCache

__all__ = ["BlockStream", "ConformerBlock"]


class ConformerBlock(nn.Module):
    """Feed-forward, attention, convolution, feed-forward, LayerNorm; no frame sees a later one.

    The convolution pads nothing: it drops the first ``kernel_size - 1`` frames and keeps every `stride`-th of the rest.
    Attention has no positions and, near the start, fewer frames to see.

    Parameters
    ----------
    width, hidden, n_heads : int
        Frame width D, width inside the feed-forward parts, heads.
    context : int
        Frames that attention sees, itself included.
    kernel_size, stride : int
        Of the depthwise convolution.
    """

    def __init__(self, width: int, hidden: int, n_heads: int, *, context: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.before = FeedForward(width, hidden)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalAttention(width, n_heads, context=context)
        self.convolution = GatedConvolution(width, kernel_size, stride)
        self.after = FeedForward(width, hidden)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch fewer width"]:
        """Map (B, F, D) to (B, ⌊(F - kernel_size) / stride⌋ + 1, D)."""
        x = self.before(x)
        x = x + self.attention(self.attention_norm(x), None)
        return self.finish(x)

    def step(self, x: Float[Tensor, "batch frames width"], cache: KeyValueCache) -> Float[Tensor, "batch frames width"]:
        """Attend from the next n >= 1 frames; their convolution is left to `finish`."""
        x = self.before(x)
        return x + self.attention.step(self.attention_norm(x), None, cache)

    def finish(self, x: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch fewer width"]:
        """Convolve what has been attended, and what follows."""
        return self.norm(self.after(self.convolution(x)))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """``x / 2 + Linear(SiLU(Linear(LN(x))))``: as in the released code the skip is halved, not the branch."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch frames width"]:
        """Map frame by frame."""
        return 0.5 * x + self.narrow(F.silu(self.wide(self.norm(x))))  # type: ignore[no-any-return]


class GatedConvolution(nn.Module):
    """LN, Linear to 2·D, gate, depthwise convolution, LN, SiLU, Linear; the frame under the last tap is added."""

    def __init__(self, width: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel_size, stride, groups=width)
        self.depthwise_norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch fewer width"]:
        """Convolve frames (B, F, D), F >= ``kernel_size``."""
        gated = F.glu(self.gate(self.norm(x)))
        y = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)
        return x[:, self.kernel_size - 1 :: self.stride] + self.mix(F.silu(self.depthwise_norm(y)))  # type: ignore[no-any-return]


class BlockStream:
    """A block at work on frames as they come: keys and values, and the frames that the convolution still needs."""

    def __init__(self, block: ConformerBlock) -> None:
        self._block = block
        self._cache = block.attention.cache()
        self._rest: Tensor | None = None

    def push(self, x: Tensor) -> Tensor:
        """Take frames (B, n, D), n >= 0; return those that the block completes, possibly none."""
        if x.shape[1] == 0:
            return x
        attended = self._block.step(x, self._cache)
        if self._rest is not None:
            attended = torch.cat([self._rest, attended], 1)
        convolution = self._block.convolution
        frames = max(0, (attended.shape[1] - convolution.kernel_size) // convolution.stride + 1)
        self._rest = attended[:, frames * convolution.stride :].clone()
        return self._block.finish(attended) if frames else x[:, :0]
