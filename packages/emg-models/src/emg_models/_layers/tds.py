"""Time-depth-separable blocks, and chains of valid convolutions that also run chunk by chunk."""

from collections.abc import Iterable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError

from .inputs import require_input
from .linear import Linear

__all__ = ["Stage", "StageMemory", "Stages", "TDSBlock"]


class Stage(nn.Module):
    """What maps (B, D, T) to (B, D', ⌊(T - kernel) / stride⌋ + 1), frame t from inputs t·stride … t·stride+kernel-1.

    Parameters
    ----------
    kernel, stride : int
        ``1 <= stride <= kernel``, so that no input is skipped.
    """

    def __init__(self, kernel: int, stride: int = 1) -> None:
        super().__init__()
        if not 1 <= stride <= kernel:
            raise EmgModelsError(f"kernel={kernel}, stride={stride}: 1 <= stride <= kernel is required")
        self.kernel = kernel
        self.stride = stride

    def frames(self, n_times: int) -> int:
        """Return the frames that `n_times` inputs give, 0 below one kernel."""
        return max(0, (n_times - self.kernel) // self.stride + 1)


class TDSBlock(Stage):
    """Convolution over time inside each of `width` / `channels` rows, then two linears over all features.

    ``x = LN(x' + ReLU(Conv2d(x)))`` on features seen as channels × rows, x' being the newest inputs;
    ``x = LN(x + Linear(ReLU(Linear(x))))``. Nothing is padded.

    Parameters
    ----------
    width : int
        Features D, channel-major.
    channels : int
        Channels of the convolution; divides `width`.
    kernel : int
        Frames of the convolution; the output is ``kernel - 1`` frames shorter.

    References
    ----------
    Hannun et al. 2019, arXiv 1904.02619; order of the parts as in emg2qwerty (released code).
    """

    def __init__(self, width: int, channels: int, kernel: int) -> None:
        super().__init__(kernel)
        self.grid = (channels, width // channels)
        self.conv = nn.Conv2d(channels, channels, (1, kernel))
        self.conv_norm = nn.LayerNorm(width)
        self.dense = nn.Sequential(Linear(width, width), nn.ReLU(), Linear(width, width))
        self.dense_norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch width time"]) -> Float[Tensor, "batch width frames"]:
        """Map features, time last, to as many features of fewer frames."""
        y = F.relu(self.conv(x.view(x.shape[0], *self.grid, x.shape[2]))).flatten(1, 2) + x[..., self.kernel - 1 :]
        y = self.conv_norm(y.transpose(1, 2))
        return self.dense_norm(y + self.dense(y)).transpose(1, 2)  # type: ignore[no-any-return]


class Stages(nn.Module):
    """Stages one after the other, on signals.

    Parameters
    ----------
    n_chans : int
        Channels of the signal.
    stages : iterable of Stage
        At least one.

    Attributes
    ----------
    receptive_field, hop : int
        Samples that one frame sees, and samples between frames: frame t sees t·hop … t·hop+receptive_field-1.
    """

    def __init__(self, n_chans: int, stages: Iterable[Stage]) -> None:
        super().__init__()
        self.n_chans = n_chans
        self.chain = nn.ModuleList(stages)
        self.receptive_field, self.hop = 1, 1
        for stage in self:
            self.receptive_field += (stage.kernel - 1) * self.hop
            self.hop *= stage.stride

    def __iter__(self) -> Iterator[Stage]:
        return iter(cast("Iterable[Stage]", self.chain))

    def frames(self, n_times: int) -> int:
        """Return the frames that `n_times` samples give: ⌊(n - receptive_field) / hop⌋ + 1, 0 below one."""
        return max(0, (n_times - self.receptive_field) // self.hop + 1)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch width frames"]:
        """Map signals (B, C, n) to features of frames, time last.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, or the signal is shorter than the receptive field.
        """
        require_input(
            x,
            self,
            (None, self.n_chans, None),
            f"(batch, {self.n_chans}, samples) is required; add a batch axis with x[None] or convert with x.float()",
        )
        if x.shape[2] < self.receptive_field:
            raise EmgModelsError(
                f"input has {x.shape[2]} samples, the first frame needs {self.receptive_field} (nothing is padded); "
                "give a longer signal"
            )
        for stage in self:
            x = stage(x)
        return x


class StageMemory:
    """The same stages on a live signal: each keeps the inputs that its next frame needs.

    Parameters
    ----------
    stages : Stages
        In evaluation mode.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = list(stages)
        self.tails: list[Tensor | None] = [None] * len(self.stages)

    def push(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch width frames"] | None:
        """Take the next samples, return the features of the frames they complete; None where there are none."""
        for place, stage in enumerate(self.stages):
            tail = self.tails[place]
            x = x if tail is None else torch.cat([tail, x], -1)
            n_frames = stage.frames(x.shape[-1])
            self.tails[place] = x[..., n_frames * stage.stride :].clone()
            if n_frames == 0:
                return None
            x = stage(x)
        return x

    def reset(self) -> None:
        """Forget everything heard so far."""
        self.tails = [None] * len(self.stages)
