"""Names of the face, resolved at first use: `emg-models --help` and the configuration need no torch."""

from importlib import import_module
from typing import Any

__all__ = ["MODULES"]

MODULES = {
    "Costs": "_costs",
    "EmgModel": "_model",
    "EmgModelsError": "_errors",
    "ModelConfig": "_config",
    "ModelStream": "_streams",
    "TDSConfig": "_tds.config",
    "TDSConvNet": "_tds.network",
    "TinyMyoClassifier": "_tinymyo.heads",
    "TinyMyoConfig": "_tinymyo.config",
    "TinyMyoEncoder": "_tinymyo.encoder",
    "TinyMyoPretrainer": "_tinymyo.heads",
    "check_preprocessing": "_preprocessing",
    "count_costs": "_costs",
    "create_model": "_registry",
    "export_onnx": "_onnx",
    "from_pretrained": "_folder",
    "list_models": "_registry",
    "load_evaluation": "_folder",
    "load_labels": "_folder",
    "load_preprocessing": "_folder",
    "model_info": "_registry",
    "read_published": "_tinymyo.published",
    "save_pretrained": "_folder",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public object
    if name not in MODULES:
        raise AttributeError(f"module 'emg_models' has no attribute {name!r}")
    return getattr(import_module(f"emg_models.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(MODULES)
