"""TinyMyo and the field's other sEMG architectures: exact, tested, exportable."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import TinyMyoConfig
    from ._errors import EmgModelsError
    from ._folder import from_pretrained, load_evaluation, load_labels, load_preprocessing, save_pretrained
    from ._heads import TinyMyoClassifier, TinyMyoPretrainer
    from ._macs import count_macs
    from ._onnx import export_onnx
    from ._preprocessing import check_preprocessing
    from ._published import read_published
    from ._registry import create_model, list_models, model_info
    from ._tinymyo import TinyMyoEncoder
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "EmgModelsError",
    "TinyMyoClassifier",
    "TinyMyoConfig",
    "TinyMyoEncoder",
    "TinyMyoPretrainer",
    "check_preprocessing",
    "count_macs",
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
