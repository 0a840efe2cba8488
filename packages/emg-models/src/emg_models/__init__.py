"""The field's sEMG networks, TinyMyo and the scaled Transformers among them: exact, tested, exportable."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import ModelConfig
    from ._costs import Costs, count_costs
    from ._errors import EmgModelsError
    from ._folder import from_pretrained, load_evaluation, load_labels, load_preprocessing, save_pretrained
    from ._model import EmgModel
    from ._onnx import export_onnx
    from ._preprocessing import check_preprocessing
    from ._registry import create_model, list_models, model_info
    from ._streams import ModelStream
    from ._tds.config import TDSConfig
    from ._tds.network import TDSConvNet
    from ._tinymyo.config import TinyMyoConfig
    from ._tinymyo.encoder import TinyMyoEncoder
    from ._tinymyo.heads import TinyMyoClassifier, TinyMyoPretrainer
    from ._tinymyo.published import read_published
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "Costs",
    "EmgModel",
    "EmgModelsError",
    "ModelConfig",
    "ModelStream",
    "TDSConfig",
    "TDSConvNet",
    "TinyMyoClassifier",
    "TinyMyoConfig",
    "TinyMyoEncoder",
    "TinyMyoPretrainer",
    "check_preprocessing",
    "count_costs",
    "create_model",
    "export_onnx",
    "from_pretrained",
    "list_models",
    "load_evaluation",
    "load_labels",
    "load_preprocessing",
    "model_info",
    "read_published",
    "save_pretrained",
]
