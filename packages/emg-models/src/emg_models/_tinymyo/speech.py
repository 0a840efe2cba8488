"""TinyMyo for silent speech: residual convolutions in place of patches, then the blocks, then features or text."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.inputs import require_input

from .blocks import make_block
from .convolutions import STRIDE, ResidualConvolutions
from .front import FrontEndModel
from .speech_config import TinyMyoSpeechConfig, TinyMyoSpeechProductionConfig, TinyMyoSpeechRecognitionConfig

__all__ = ["TinyMyoSpeech", "TinyMyoSpeechProduction", "TinyMyoSpeechRecognition"]


class TinyMyoSpeech(FrontEndModel):
    """What both speech tasks share: utterances (B, C, T) to tokens (B, ⌈T/8⌉, D).

    Utterances of different lengths go into one batch with ``lengths``: what lies behind the end of an utterance never
    reaches its frames, neither through convolutions, attention nor, while training, the statistics of batch
    normalisation.
    """

    def __init__(self, config: TinyMyoSpeechConfig) -> None:
        super().__init__(config, (make_block(config) for _ in range(config.n_blocks)))
        self.front = ResidualConvolutions(config.n_chans, config.embed_dim)
        self.tokens = nn.Linear(config.embed_dim, config.embed_dim)

    def frames(self, n_times: int) -> int:
        """Return ⌈n_times / 8⌉: a frame for every 8 samples, also for the last few."""
        return -(-n_times // STRIDE)

    def _encode(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Map utterances to normalised tokens, zeros behind the end of each."""
        self._check(x, lengths)
        real = None
        if lengths is not None:
            real = (torch.arange(x.shape[2], device=x.device) < lengths.to(x.device)[:, None])[:, None]
        features, real = self.front(x, real)
        tokens: Tensor = self.tokens(features.transpose(1, 2))
        rotary = self._rotary(tokens.shape[1])
        keys = None if real is None else real[:, None]
        for block in self.blocks:
            tokens = block(tokens, rotary, keys)
        tokens = self.norm(tokens)
        return tokens if real is None else tokens.masked_fill(~real.transpose(1, 2), 0.0)

    def _check(self, x: Tensor, lengths: Tensor | None) -> None:
        n_chans = self.config.n_chans
        require_input(
            x,
            self,
            (None, n_chans, None),
            f"utterances (batch, {n_chans}, time) of >= 1 sample are required; add a batch axis with x[None], convert "
            "with x.float(), or build the model for these channels",
        )
        if x.shape[2] == 0:
            raise EmgModelsError("input has 0 samples; give at least 1, and drop utterances without signal")
        if lengths is None:
            return
        if lengths.is_floating_point() or lengths.dtype == torch.bool or tuple(lengths.shape) != (len(x),):
            raise EmgModelsError(
                f"lengths of shape {tuple(lengths.shape)} and {lengths.dtype}: integers ({len(x)},) are required, one "
                "number of samples per utterance"
            )
        if not torch.compiler.is_compiling() and not bool(((lengths >= 1) & (lengths <= x.shape[2])).all()):
            raise EmgModelsError(
                f"lengths={lengths.tolist()}: each must lie between 1 and the {x.shape[2]} samples of the batch"
            )


class TinyMyoSpeechRecognition(TinyMyoSpeech):
    """Silent speech to text: log-probabilities of characters, the CTC blank last.

    Parameters
    ----------
    config : TinyMyoSpeechRecognitionConfig
        Sizes.

    References
    ----------
    arXiv 2512.15729 (released code, a fork of dgaddy/silent_speech, MIT): front end, linear to tokens, heads, order of
    the characters, and shapes of the blocks' linears. The blocks themselves are TinyMyo's: LayerNorm inside the
    branches and after the last block, rotary position by token index. The released ones have it after the sums, and
    learned vectors for distances up to 99 tokens (4,546,982 parameters): their weights do not fit.
    """

    Config = TinyMyoSpeechRecognitionConfig
    task = "ctc"
    output = "log_probs"

    def __init__(self, config: TinyMyoSpeechRecognitionConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.embed_dim, self.config.n_outputs)
        self._reset_parameters()

    def forward(
        self, x: Float[Tensor, "batch chans time"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch frames outputs"]:
        """Map utterances to log-probabilities.

        Parameters
        ----------
        x : Tensor, shape (B, C, T)
            Utterances, T >= 1.
        lengths : Tensor of integers, shape (B,), optional
            Samples of each utterance, 1 to T; by default T.

        Returns
        -------
        Tensor, shape (B, ⌈T/8⌉, n_outputs)
            Of utterance b the first ``frames(lengths[b])`` count; those behind do not depend on the input.

        Raises
        ------
        EmgModelsError
            A shape, a dtype or a length does not fit.
        """
        return F.log_softmax(self.head(self._encode(x, lengths)), dim=-1)


class TinyMyoSpeechProduction(TinyMyoSpeech):
    """Silent speech to acoustic features (MFCC), with phonemes as a second, auxiliary output.

    Parameters
    ----------
    config : TinyMyoSpeechProductionConfig
        Sizes.

    References
    ----------
    As `TinyMyoSpeechRecognition`.
    """

    Config = TinyMyoSpeechProductionConfig
    task = "speech"
    output = "features"

    def __init__(self, config: TinyMyoSpeechProductionConfig) -> None:
        super().__init__(config)
        outputs = {"features": config.n_features, "phonemes": config.n_phonemes}
        self.heads = nn.ModuleDict({name: nn.Linear(config.embed_dim, n) for name, n in outputs.items() if n})
        self._reset_parameters()

    def forward(
        self, x: Float[Tensor, "batch chans time"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch frames outputs"]:
        """Map utterances to features and phoneme logits side by side; take them apart with `split`.

        Parameters
        ----------
        x : Tensor, shape (B, C, T)
            Utterances, T >= 1.
        lengths : Tensor of integers, shape (B,), optional
            Samples of each utterance, 1 to T; by default T.

        Returns
        -------
        Tensor, shape (B, ⌈T/8⌉, n_outputs)
            Of utterance b the first ``frames(lengths[b])`` count; those behind do not depend on the input.

        Raises
        ------
        EmgModelsError
            A shape, a dtype or a length does not fit.
        """
        tokens = self._encode(x, lengths)
        return torch.cat([head(tokens) for head in self.heads.values()], dim=-1)

    def split(self, y: Float[Tensor, "*batch outputs"]) -> tuple[Tensor, Tensor]:
        """Take an output apart into features (..., n_features) and phoneme logits (..., n_phonemes); both are views."""
        n_features = self.config.n_features
        return y[..., :n_features], y[..., n_features:]
