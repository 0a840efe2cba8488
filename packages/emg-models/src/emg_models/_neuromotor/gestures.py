"""The discrete-gesture network of the neuromotor interface: compression, strided convolution, three LSTM layers."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.compression import FrameFrontEnd, FrameStream
from emg_models._layers.lstm import LSTM
from emg_models._model import EmgModel

from .config import NeuromotorGesturesConfig

__all__ = ["NeuromotorGestures"]


class NeuromotorGestures(EmgModel):
    """Logits of gesture pulses at 200 Hz from a wristband.

    64x/(32+|x|); Conv1d over all channels, ReLU, LayerNorm; LSTM; LayerNorm; Linear. The input is on the scale of the
    recording (high-passed at 40 Hz, neither in volts nor z-scored), since the compression is fixed.

    Parameters
    ----------
    config : NeuromotorGesturesConfig
        Sizes.

    Notes
    -----
    Where the published facts are silent, this is our choice: no dropout, LayerNorms over the features with eps 1e-5,
    weights drawn as PyTorch draws them. Electrode rotation is an augmentation and belongs to training.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w; layers and count as in its released code.
    """

    Config = NeuromotorGesturesConfig
    task = "events"
    streams = True

    def __init__(self, config: NeuromotorGesturesConfig) -> None:
        super().__init__(config)
        width = config.width
        self.front = FrameFrontEnd(
            config.n_chans, width, kernel_size=config.kernel_size, stride=config.stride, activation=F.relu
        )
        self.lstm = LSTM(width, width, config.n_layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.config.n_outputs)

    def frames(self, n_times: int) -> int:
        """Return ⌊(n_times - kernel_size) / stride⌋ + 1, 0 for less than a frame."""
        return self.front.frames(n_times)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames outputs"]:
        """Map recordings (B, C, T), T >= ``kernel_size``, to logits (B, frames, n_outputs).

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit.
        """
        return self._classify(self.lstm(self.front(x))[0])

    def stream(self, batch: int = 1) -> "NeuromotorGesturesStream":
        """Put this model into evaluation mode and return a live form of it with empty memory.

        It sees back to the start: its memory is the LSTM's state, of fixed size.

        Parameters
        ----------
        batch : int
            Recordings that run side by side.
        """
        return NeuromotorGesturesStream(self, batch)

    def _classify(self, frames: Tensor) -> Tensor:
        return self.head(self.norm(frames))  # type: ignore[no-any-return]


class NeuromotorGesturesStream(FrameStream):
    """Frames through the LSTM as they come; the memory is its state, of fixed size."""

    _state: tuple[Tensor, Tensor] | None

    def __init__(self, model: NeuromotorGestures, batch: int) -> None:
        super().__init__(model, batch, receptive_field=None)

    def _advance(self, frames: Tensor) -> Tensor:
        y, self._state = self._model.lstm.step(frames, self._state)
        return self._model._classify(y)  # type: ignore[no-any-return]  # noqa: SLF001  the model's own stream

    def _forget(self) -> None:
        super()._forget()
        self._state = None
