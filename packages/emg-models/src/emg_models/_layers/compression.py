"""The front end of the neuromotor task: compressed amplitudes, one strided convolution over all channels, LayerNorm."""

from abc import abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel
from emg_models._streams import ModelStream

from .inputs import require_input

__all__ = ["FrameFrontEnd", "FrameStream", "compress", "count_frames"]


def compress(x: Tensor) -> Tensor:
    """Squeeze amplitudes: 64·x / (32 + |x|), odd, rising, of slope 2 at 0 and bounded by ±64.

    Parameters
    ----------
    x : Tensor, any shape
        Signal on the scale of the recording itself, where 32 is a medium amplitude; a z-scored signal or one in volts
        would only be doubled.

    Returns
    -------
    Tensor
        Same shape and dtype.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code).
    """
    return 64 * (x / (32 + x.abs()))  # in this order no finite value overflows


def count_frames(n_times: int, kernel_size: int, stride: int) -> int:
    """Return ⌊(n_times - kernel_size) / stride⌋ + 1, 0 for less than a frame."""
    return max(0, (n_times - kernel_size) // stride + 1)


class FrameFrontEnd(nn.Module):
    """Compression, Conv1d that mixes all channels, activation, LayerNorm: samples (B, C, T) to frames (B, F, D).

    Parameters
    ----------
    n_chans, width : int
        Channels C and frame width D.
    kernel_size, stride : int
        Samples under the convolution, and from one frame to the next; nothing is padded, so frame f sees the samples
        from f·stride to f·stride + kernel_size - 1.
    activation : callable
        Element-wise, Tensor to Tensor.
    """

    def __init__(
        self, n_chans: int, width: int, *, kernel_size: int, stride: int, activation: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_chans, width, kernel_size, stride)
        self.norm = nn.LayerNorm(width)
        self.kernel_size = kernel_size
        self.stride = stride
        self.activation = activation

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames width"]:
        """Map samples to frames.

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit, or there are fewer samples than one frame needs.
        """
        self._check(x)
        return self.norm(self.activation(self.conv(compress(x))).transpose(1, 2))  # type: ignore[no-any-return]

    def frames(self, n_times: int) -> int:
        """Return the number of complete frames in `n_times` samples."""
        return count_frames(n_times, self.kernel_size, self.stride)

    def _check(self, x: Tensor) -> None:
        n_chans = self.conv.in_channels
        require_input(
            x,
            self,
            (None, n_chans, None),
            f"windows (batch, {n_chans}, time) are required; add a batch axis with x[None], convert with x.float(), or "
            "build the model for these channels",
        )
        if x.shape[2] < self.kernel_size:
            raise EmgModelsError(
                f"input has {x.shape[2]} samples, one frame needs {self.kernel_size}; give longer windows"
            )


class FrameStream(ModelStream):
    """Live form of a model behind a `FrameFrontEnd`: keeps the samples that belong to frames still to come.

    Parameters
    ----------
    model : EmgModel
        What is at work; its ``front`` is a `FrameFrontEnd`.
    batch : int
        Number of recordings.
    receptive_field : int or None
        In samples; None where it reaches back to the start.

    Raises
    ------
    EmgModelsError
        `batch` is no count.
    """

    _rest: Tensor

    def __init__(self, model: EmgModel, batch: int, receptive_field: int | None) -> None:
        super().__init__(model, batch, receptive_field)
        self._forget()

    def _push(self, chunk: Tensor) -> Tensor:
        samples = torch.cat([self._rest, chunk], 2)
        front = self._model.front
        n_frames = front.frames(samples.shape[2])
        self._rest = samples[:, :, n_frames * front.stride :].clone()
        if n_frames == 0:
            return samples.new_empty(self._batch, 0, self._model.config.n_outputs)
        return self._advance(front(samples))

    @abstractmethod
    def _advance(self, frames: Tensor) -> Tensor:
        """Map the next frames (B, n, D), n >= 1, to outputs (B, n, n_outputs)."""

    def _forget(self) -> None:
        self._rest = self._home.new_empty(self._batch, self.n_chans, 0)
