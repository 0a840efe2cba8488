"""Names of the face, resolved at first use: `emg-models --help` and the configuration need no torch."""

from importlib import import_module
from typing import Any

__all__ = ["MODULES"]

MODULES = {
    "EmgModelsError": "_errors",
    "TinyMyoClassifier": "_heads",
    "TinyMyoConfig": "_config",
    "TinyMyoEncoder": "_tinymyo",
    "TinyMyoPretrainer": "_heads",
    "check_preprocessing": "_preprocessing",
    "count_macs": "_macs",
    "create_model": "_registry",
    "export_onnx": "_onnx",
    "from_pretrained": "_folder",
    "list_models": "_registry",
    "load_evaluation": "_folder",
    "load_labels": "_folder",
    "load_preprocessing": "_folder",
    "model_info": "_registry",
    "read_published": "_published",
    "save_pretrained": "_folder",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public object
    if name not in MODULES:
        raise AttributeError(f"module 'emg_models' has no attribute {name!r}")
    return getattr(import_module(f"emg_models.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(MODULES)
