"""Names of the face, resolved at first use: `emg-models --help` and the configuration need no torch."""

from importlib import import_module
from typing import Any

__all__ = ["MODULES"]

MODULES = {
    "AllConvNet": "_hdsemg.allconvnet",
    "AllConvNetConfig": "_hdsemg.config",
    "Costs": "_costs",
    "Emg2Pose": "_pose.rollout",
    "Emg2PoseConfig": "_pose.config",
    "EmgModel": "_model",
    "EmgModelsError": "_errors",
    "GengNet": "_hdsemg.gengnet",
    "GengNetConfig": "_hdsemg.config",
    "GridConfig": "_hdsemg.config",
    "ModelConfig": "_config",
    "ModelStream": "_streams",
    "MultivariatePowerFrequency": "_neuromotor.mpf",
    "NeuroPose": "_pose.neuropose",
    "NeuroPoseConfig": "_pose.neuropose_config",
    "NeuromotorGestures": "_neuromotor.gestures",
    "NeuromotorGesturesConfig": "_neuromotor.config",
    "NeuromotorHandwriting": "_neuromotor.handwriting",
    "NeuromotorHandwritingConfig": "_neuromotor.feature_config",
    "NeuromotorWrist": "_neuromotor.wrist",
    "NeuromotorWristConfig": "_neuromotor.feature_config",
    "SConvNet": "_hdsemg.sconvnet",
    "SConvNetConfig": "_hdsemg.config",
    "ScaledTransformerCTC": "_scaled.heads",
    "ScaledTransformerClassifier": "_scaled.heads",
    "ScaledTransformerConfig": "_scaled.config",
    "ScaledTransformerEncoder": "_scaled.encoder",
    "SourceBatchNorm": "_hdsemg.norm",
    "TDSConfig": "_tds.config",
    "TDSConvNet": "_tds.network",
    "TinyMyoClassifier": "_tinymyo.heads",
    "TinyMyoConfig": "_tinymyo.config",
    "TinyMyoEncoder": "_tinymyo.encoder",
    "TinyMyoEventDetector": "_tinymyo.heads",
    "TinyMyoNeuromotor": "_tinymyo.neuromotor",
    "TinyMyoNeuromotorConfig": "_tinymyo.neuromotor_config",
    "TinyMyoPretrainer": "_tinymyo.heads",
    "TinyMyoRegressor": "_tinymyo.regression",
    "TinyMyoSpeechProduction": "_tinymyo.speech",
    "TinyMyoSpeechProductionConfig": "_tinymyo.speech_config",
    "TinyMyoSpeechRecognition": "_tinymyo.speech",
    "TinyMyoSpeechRecognitionConfig": "_tinymyo.speech_config",
    "VoteAccuracy": "_hdsemg.votes",
    "VoteStream": "_hdsemg.live",
    "accumulate": "_layers.checkpointing",
    "adapt_batchnorm": "_hdsemg.adabn",
    "check_preprocessing": "_preprocessing",
    "checkpoint_blocks": "_layers.checkpointing",
    "count_costs": "_costs",
    "create_model": "_registry",
    "describe_published": "_tinymyo.loading",
    "download_folder": "_hub",
    "export_onnx": "_onnx",
    "fold_batchnorm": "_hdsemg.fold",
    "from_hub": "_hub",
    "from_pretrained": "_folder",
    "list_models": "_registry",
    "load_evaluation": "_folder",
    "load_labels": "_folder",
    "load_preprocessing": "_folder",
    "load_published": "_tinymyo.loading",
    "majority_vote": "_hdsemg.votes",
    "model_info": "_registry",
    "predict_frames": "_hdsemg.predict",
    "push_to_hub": "_hub",
    "read_published": "_tinymyo.published",
    "save_pretrained": "_folder",
    "set_sources": "_hdsemg.norm",
    "vote_accuracy": "_hdsemg.votes",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public object
    if name not in MODULES:
        raise AttributeError(f"module 'emg_models' has no attribute {name!r}")
    return getattr(import_module(f"emg_models.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(MODULES)
