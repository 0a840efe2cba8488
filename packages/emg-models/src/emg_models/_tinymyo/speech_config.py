"""What TinyMyo for silent speech is made of (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

from .front_config import FrontEndConfig

__all__ = ["TinyMyoSpeechConfig", "TinyMyoSpeechProductionConfig", "TinyMyoSpeechRecognitionConfig"]


@dataclass(frozen=True, kw_only=True)
class TinyMyoSpeechConfig(FrontEndConfig):
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
    arXiv 2512.15729 (released code); data of Gaddy and Klein 2020, doi 10.18653/v1/2020.emnlp-main.445.
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
        Acoustic features (26 MFCC as published) and phonemes together.
    n_phonemes : int
        Phonemes of the auxiliary output, >= 1 and < `n_outputs`. Their number is not published with TinyMyo; 48,
        silence included, is the inventory of the code that came with the data (dgaddy/silent_speech, MIT).

    Raises
    ------
    EmgModelsError
        A value is outside its range, or no acoustic feature is left.
    """

    n_outputs: int | None = 74
    n_phonemes: int = 48

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("n_phonemes", self.n_phonemes)
        if self.n_outputs is not None and self.n_phonemes >= self.n_outputs:
            raise EmgModelsError(
                f"n_phonemes={self.n_phonemes} of n_outputs={self.n_outputs} leave no acoustic feature; give "
                "n_outputs = features + phonemes, 26 + n_phonemes as published"
            )

    @property
    def n_features(self) -> int:
        """Acoustic features of a frame."""
        return (self.n_outputs or 0) - self.n_phonemes
