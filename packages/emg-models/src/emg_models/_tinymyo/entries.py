"""The TinyMyo rows of the registry."""

from emg_models._entry import ModelEntry

from .encoder import TinyMyoEncoder
from .heads import TinyMyoClassifier, TinyMyoEventDetector, TinyMyoPretrainer
from .neuromotor import TinyMyoNeuromotor
from .regression import TinyMyoRegressor
from .speech import TinyMyoSpeechProduction, TinyMyoSpeechRecognition

__all__ = ["ENTRIES"]

_LICENCE = "Apache-2.0 (code); published weights CC BY-ND 4.0, not shipped"
_WRITTEN = "Apache-2.0 (this code, written from facts); published code {}; weights CC BY-ND 4.0, not shipped"
_SPEECH = "separate code base of arXiv 2512.15729 for front end and heads; the blocks' norms and position as in TinyMyo"
_MODELS = (TinyMyoClassifier, TinyMyoRegressor, TinyMyoEventDetector, TinyMyoEncoder, TinyMyoPretrainer)

ENTRIES: dict[str, ModelEntry] = {
    "tinymyo": ModelEntry(
        summary="TinyMyo, 8 blocks, rotary position per channel and channel embedding working as meant",
        source="arXiv 2512.15729, corrected code release of 2026",
        licence=_LICENCE,
        models=_MODELS,
    ),
    "tinymyo-released": ModelEntry(
        summary="TinyMyo as first released: rotary position without effect, no channel embedding",
        source="arXiv 2512.15729 v1/v2, first code release",
        licence=_LICENCE,
        models=_MODELS,
        settings={"rope": "released", "channel_embedding": False, "attn_dropout": 0.1, "output_times": 500},
        positional=False,
    ),
    "tinyissimomyo": ModelEntry(
        summary="TinyissimoMyo: TinyMyo (corrected) with 4 blocks",
        source="configuration in the code release of arXiv 2512.15729",
        licence=_LICENCE,
        models=_MODELS,
        settings={"n_blocks": 4},
    ),
    "tinymyo-neuromotor": ModelEntry(
        summary="TinyMyo's blocks, causal, on frames of all channels: gesture events of a wristband at 200 Hz",
        source="separate code base of arXiv 2512.15729; rates and initialisation as in TinyMyo",
        licence=_WRITTEN.format("in a repository named after the CC BY-NC 4.0 neuromotor interface, not used"),
        models=(TinyMyoNeuromotor,),
    ),
    "tinymyo-speech-production": ModelEntry(
        summary="TinyMyo's blocks behind residual convolutions: silent speech to MFCC and phonemes",
        source=f"{_SPEECH}; phonemes of dgaddy/silent_speech (MIT)",
        licence=_WRITTEN.format("MIT"),
        models=(TinyMyoSpeechProduction,),
    ),
    "tinymyo-speech-recognition": ModelEntry(
        summary="TinyMyo's blocks behind residual convolutions: silent speech to characters",
        source=_SPEECH,
        licence=_WRITTEN.format("MIT"),
        models=(TinyMyoSpeechRecognition,),
    ),
}
