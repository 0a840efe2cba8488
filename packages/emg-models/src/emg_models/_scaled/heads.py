"""Scaled Transformers with a task on top: characters by CTC, and classes."""

from dataclasses import replace

from jaxtyping import Bool, Float
from torch import Tensor, nn

from emg_models._layers.dropout import Dropout
from emg_models._model import EmgModel

from .config import ScaledTransformerConfig
from .encoder import ScaledTransformerEncoder, normal_
from .stream import ScaledTransformerStream, make_stream

__all__ = ["ScaledTransformerCTC", "ScaledTransformerClassifier"]


class _Headed(EmgModel):
    """Encoder, dropout, one linear."""

    Config = ScaledTransformerConfig

    def __init__(self, config: ScaledTransformerConfig) -> None:
        super().__init__(config)
        self.encoder = ScaledTransformerEncoder(replace(config, n_outputs=None))
        self.head_dropout = Dropout(config.head_dropout)
        self.head = nn.Linear(config.embed_dim, self.config.n_outputs)
        normal_(self.head)


class ScaledTransformerCTC(_Headed):
    """Log-probabilities of symbols per frame, for connectionist temporal classification; the blank is the last.

    Parameters
    ----------
    config : ScaledTransformerConfig
        Network; ``n_outputs`` counts the blank: 99 for the 98 keys of emg2qwerty.
    """

    task = "ctc"
    output = "log_probs"
    streams = True

    def frames(self, n_times: int) -> int:
        """Return the frames of `n_times` samples: the input length that a CTC loss needs."""
        return self.encoder.frames(n_times)

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        frame_mask: Bool[Tensor, "batch frames"] | None = None,
    ) -> Float[Tensor, "batch frames outputs"]:
        """Map windows (B, C, n) to log-probabilities (B, T, n_outputs); arguments and errors as the encoder's."""
        return self._outputs(self.encoder(x, frame_mask))

    def stream(self, batch: int = 1) -> ScaledTransformerStream:
        """Return a live form; see `EmgModel.stream`. The model is put into evaluation mode."""
        return make_stream(self, self.encoder, self._outputs, batch)

    def _outputs(self, features: Tensor) -> Tensor:
        return self.head(self.head_dropout(features)).log_softmax(-1)  # type: ignore[no-any-return]


class ScaledTransformerClassifier(_Headed):
    """One class per window, from the mean of its frames.

    The original framework has a pooled classifier; how it pools is not on record, the mean is our definition.

    Parameters
    ----------
    config : ScaledTransformerConfig
        Network; ``n_outputs`` must be given.
    """

    task = "classification"

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        frame_mask: Bool[Tensor, "batch frames"] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Map windows (B, C, n) to logits (B, n_outputs); arguments and errors as the encoder's."""
        return self.head(self.head_dropout(self.encoder(x, frame_mask).mean(1)))  # type: ignore[no-any-return]
