"""Names of the face, resolved at first use: `import emg_edge` and `emg-edge --help` read no numpy."""

from importlib import import_module
from typing import Any

__all__ = ["MODULES"]

MODULES = {
    "BACKENDS": "execute._execute",
    "TARGETS": "targets",
    "ArenaPlan": "plan._plan",
    "BudgetError": "_errors",
    "Comparison": "execute._compare",
    "CompiledModel": "_model",
    "Difference": "execute._compare",
    "EmgEdgeError": "_errors",
    "FrontEnd": "frontend._frontend",
    "Graph": "graph._graph",
    "Op": "program._op",
    "Program": "program._program",
    "QuantiseOptions": "quantiser._options",
    "RawInput": "frontend._raw",
    "Stream": "execute._stream",
    "StreamEvent": "execute._stream",
    "Target": "targets",
    "Tensor": "program._tensor",
    "Unsupported": "_errors",
    "UnsupportedError": "_errors",
    "canonicalise": "passes",
    "compile_model": "_compile",
    "compile_program": "_compile",
    "compile_quantized": "_quantize",
    "get_target": "targets",
    "layer_sqnr": "quantiser._sqnr",
    "load_compiled": "_model",
    "load_onnx": "onnx_reader._onnx",
    "plan_arena": "plan._plan",
    "quantise": "quantiser._quantise",
    "quantize_model": "_quantize",
    "run_float": "graph._float",
    "run_reference": "program._program",
    "simulate": "_cost",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public object
    if name not in MODULES:
        raise AttributeError(f"module 'emg_edge' has no attribute {name!r}")
    return getattr(import_module(f"emg_edge.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(MODULES)
