"""What TinyMyo for silent speech is made of (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

from .blocks_config import BlocksConfig

__all__ = ["TinyMyoSpeechConfig", "TinyMyoSpeechProductionConfig", "TinyMyoSpeechRecognitionConfig"]

PUBLISHED_FEATURES = 26


@dataclass(frozen=True, kw_only=True)
class TinyMyoSpeechConfig(BlocksConfig):
    """The front end both speech tasks share: three residual convolutions of stride 2, one token per 8 samples.

    Parameters
    ----------
    n_chans : int
        Electrodes on face and neck.
    n_times : int
        Samples of a training window; 1.6 s as published.
    sfreq : float
        Sampling rate in Hz; 1 kHz as published, so 125 tokens a second.

    References
    ----------
    arXiv 2512.15729 (released code); data of Gaddy and Klein 2020, doi 10.18653/v1/2020.emnlp-main.445. The released
    networks have no drop-path; that of the default is TinyMyo's.
    """

    n_chans: int = 8
    n_times: int = 1600
    sfreq: float = 1000.0


@dataclass(frozen=True, kw_only=True)
class TinyMyoSpeechRecognitionConfig(TinyMyoSpeechConfig):
    """Silent speech to text.

    Parameters
    ----------
    n_outputs : int
        Characters and, last, the CTC blank; 37 + 1 as published.
    """

    n_outputs: int | None = 38


@dataclass(frozen=True, kw_only=True)
class TinyMyoSpeechProductionConfig(TinyMyoSpeechConfig):
    """Silent speech to features of audible speech.

    Parameters
    ----------
    n_outputs : int
        Acoustic features and phonemes together.
    n_phonemes : int
        Phonemes of the auxiliary output, >= 0 and < `n_outputs`. None (the default) resolves to what `n_outputs` has
        above the 26 MFCC of the published network, 0 if nothing; the field always holds the resolved number. How many
        phonemes the published network tells apart is not known: 48, silence included, which the default `n_outputs`
        makes room for, is the inventory of the code that came with the data (dgaddy/silent_speech, MIT).

    Raises
    ------
    EmgModelsError
        A value is outside its range, or no acoustic feature is left.
    """

    n_outputs: int | None = PUBLISHED_FEATURES + 48
    n_phonemes: int = None  # type: ignore[assignment]  # resolved below, never None afterwards

    def __post_init__(self) -> None:
        super().__post_init__()
        outputs = self.n_outputs or 0
        object.__setattr__(self, "n_phonemes", _n_phonemes(self.n_phonemes, outputs))
        require_count("n_phonemes", self.n_phonemes, least=0)
        if self.n_outputs is not None and self.n_phonemes >= outputs:
            raise EmgModelsError(
                f"n_phonemes={self.n_phonemes} of n_outputs={outputs} leave no acoustic feature; give n_outputs = "
                f"features + phonemes, {PUBLISHED_FEATURES} + n_phonemes as published"
            )

    @property
    def n_features(self) -> int:
        """Acoustic features of a frame."""
        return (self.n_outputs or 0) - self.n_phonemes


def _n_phonemes(given: int | None, n_outputs: int) -> int:
    return max(0, n_outputs - PUBLISHED_FEATURES) if given is None else given
