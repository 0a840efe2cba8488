"""The wrist network of the neuromotor interface: spectral features, LSTM, change of angle."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.lstm import LSTM
from emg_models._model import EmgModel
from emg_models._streams import ModelStream

from .feature_config import NeuromotorWristConfig
from .features import TurnedFeatures

__all__ = ["NeuromotorWrist"]


class NeuromotorWrist(EmgModel):
    """Change of the wrist's angle per 20 ms, in rad, from ``MultivariatePowerFrequency(window=200, neighbours=3)``.

    Linear over neighbouring electrodes in three turns of the ring; LSTM; LeakyReLU; Linear. Output t belongs to the
    angle at sample 253 + 40·t less that 40 samples before, so the first one has no label; × 57.3 × 50 it is in °/s.

    Parameters
    ----------
    config : NeuromotorWristConfig
        Sizes.

    Notes
    -----
    All 4,400,129 parameters follow from the released layer list. Weights are drawn as PyTorch draws them (our choice).

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w; layers and count as in its released code.
    """

    Config = NeuromotorWristConfig
    task = "regression"
    output = "angle_changes"
    streams = True

    def __init__(self, config: NeuromotorWristConfig) -> None:
        super().__init__(config)
        self.features = TurnedFeatures(config, config.width)
        self.lstm = LSTM(config.width, config.width, config.n_layers)
        self.head = nn.Linear(config.width, self.config.n_outputs)

    def frames(self, n_times: int) -> int:
        """Return `n_times`: one output per feature frame."""
        return n_times

    def forward(self, x: Float[Tensor, "batch features time"]) -> Float[Tensor, "batch time outputs"]:
        """Map features (B, n_chans, T) to changes of angle (B, T, n_outputs).

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit, or there is no frame.
        """
        frames = self.features(x)
        if frames.shape[1] == 0:
            raise EmgModelsError("input has 0 feature frames; give at least 1")
        return self.regress(self.lstm(frames)[0])

    def regress(self, frames: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time outputs"]:
        """Map the recurrent features to changes of angle."""
        return self.head(F.leaky_relu(frames))  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> "NeuromotorWristStream":
        """Put this model into evaluation mode and return a live form of it; it takes features, sees back to the start.

        Parameters
        ----------
        batch : int
            Recordings that run side by side.
        """
        return NeuromotorWristStream(self, batch)


class NeuromotorWristStream(ModelStream):
    """Feature frames through the LSTM as they come; the memory is its state, of fixed size."""

    def __init__(self, model: NeuromotorWrist, batch: int) -> None:
        super().__init__(model, batch, receptive_field=None)
        self._forget()

    def _forget(self) -> None:
        self._state: tuple[Tensor, Tensor] | None = None

    def _push(self, chunk: Tensor) -> Tensor:
        frames = self._model.features(chunk)
        if frames.shape[1]:
            frames, self._state = self._model.lstm.step(frames, self._state)
        return self._model.regress(frames)  # type: ignore[no-any-return]
