"""The field's sEMG networks, TinyMyo and the scaled Transformers among them: exact, tested, exportable."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import ModelConfig
    from ._costs import Costs, count_costs
    from ._errors import EmgModelsError
    from ._folder import from_pretrained, load_evaluation, load_labels, load_preprocessing, save_pretrained
    from ._hdsemg.adabn import adapt_batchnorm
    from ._hdsemg.allconvnet import AllConvNet
    from ._hdsemg.config import AllConvNetConfig, GengNetConfig, GridConfig, SConvNetConfig
    from ._hdsemg.fold import fold_batchnorm
    from ._hdsemg.gengnet import GengNet
    from ._hdsemg.live import VoteStream
    from ._hdsemg.norm import SourceBatchNorm, set_sources
    from ._hdsemg.predict import predict_frames
    from ._hdsemg.sconvnet import SConvNet
    from ._hdsemg.votes import VoteAccuracy, majority_vote, vote_accuracy
    from ._hub import download_folder, from_hub, push_to_hub
    from ._layers.checkpointing import accumulate, checkpoint_blocks
    from ._model import EmgModel
    from ._neuromotor.config import NeuromotorGesturesConfig
    from ._neuromotor.feature_config import NeuromotorHandwritingConfig, NeuromotorWristConfig
    from ._neuromotor.gestures import NeuromotorGestures
    from ._neuromotor.handwriting import NeuromotorHandwriting
    from ._neuromotor.mpf import MultivariatePowerFrequency
    from ._neuromotor.wrist import NeuromotorWrist
    from ._onnx import export_onnx
    from ._pose.config import Emg2PoseConfig
    from ._pose.neuropose import NeuroPose
    from ._pose.neuropose_config import NeuroPoseConfig
    from ._pose.rollout import Emg2Pose
    from ._preprocessing import check_preprocessing
    from ._registry import create_model, list_models, model_info
    from ._scaled.config import ScaledTransformerConfig
    from ._scaled.encoder import ScaledTransformerEncoder
    from ._scaled.heads import ScaledTransformerClassifier, ScaledTransformerCTC
    from ._streams import ModelStream
    from ._tds.config import TDSConfig
    from ._tds.network import TDSConvNet
    from ._tinymyo.config import TinyMyoConfig
    from ._tinymyo.encoder import TinyMyoEncoder
    from ._tinymyo.heads import TinyMyoClassifier, TinyMyoEventDetector, TinyMyoPretrainer
    from ._tinymyo.loading import describe_published, load_published
    from ._tinymyo.neuromotor import TinyMyoNeuromotor
    from ._tinymyo.neuromotor_config import TinyMyoNeuromotorConfig
    from ._tinymyo.published import read_published
    from ._tinymyo.regression import TinyMyoRegressor
    from ._tinymyo.speech import TinyMyoSpeechProduction, TinyMyoSpeechRecognition
    from ._tinymyo.speech_config import TinyMyoSpeechProductionConfig, TinyMyoSpeechRecognitionConfig
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "AllConvNet",
    "AllConvNetConfig",
    "Costs",
    "Emg2Pose",
    "Emg2PoseConfig",
    "EmgModel",
    "EmgModelsError",
    "GengNet",
    "GengNetConfig",
    "GridConfig",
    "ModelConfig",
    "ModelStream",
    "MultivariatePowerFrequency",
    "NeuroPose",
    "NeuroPoseConfig",
    "NeuromotorGestures",
    "NeuromotorGesturesConfig",
    "NeuromotorHandwriting",
    "NeuromotorHandwritingConfig",
    "NeuromotorWrist",
    "NeuromotorWristConfig",
    "SConvNet",
    "SConvNetConfig",
    "ScaledTransformerCTC",
    "ScaledTransformerClassifier",
    "ScaledTransformerConfig",
    "ScaledTransformerEncoder",
    "SourceBatchNorm",
    "TDSConfig",
    "TDSConvNet",
    "TinyMyoClassifier",
    "TinyMyoConfig",
    "TinyMyoEncoder",
    "TinyMyoEventDetector",
    "TinyMyoNeuromotor",
    "TinyMyoNeuromotorConfig",
    "TinyMyoPretrainer",
    "TinyMyoRegressor",
    "TinyMyoSpeechProduction",
    "TinyMyoSpeechProductionConfig",
    "TinyMyoSpeechRecognition",
    "TinyMyoSpeechRecognitionConfig",
    "VoteAccuracy",
    "VoteStream",
    "accumulate",
    "adapt_batchnorm",
    "check_preprocessing",
    "checkpoint_blocks",
    "count_costs",
    "create_model",
    "describe_published",
    "download_folder",
    "export_onnx",
    "fold_batchnorm",
    "from_hub",
    "from_pretrained",
    "list_models",
    "load_evaluation",
    "load_labels",
    "load_preprocessing",
    "load_published",
    "majority_vote",
    "model_info",
    "predict_frames",
    "push_to_hub",
    "read_published",
    "save_pretrained",
    "set_sources",
    "vote_accuracy",
]
