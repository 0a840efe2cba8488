"""From an ONNX file to integer C for GAP9 and friends, bit-exact, without a vendor SDK."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._compile import compile_model, compile_program
    from ._cost import simulate
    from ._errors import BudgetError, EmgEdgeError, Unsupported, UnsupportedError
    from ._model import CompiledModel, load_compiled
    from ._quantize import compile_quantized, quantize_model
    from .execute._compare import Comparison, Difference
    from .execute._execute import BACKENDS
    from .execute._stream import Stream, StreamEvent
    from .frontend._frontend import FrontEnd
    from .frontend._raw import RawInput
    from .graph._float import run_float
    from .graph._graph import Graph
    from .onnx_reader._onnx import load_onnx
    from .passes import canonicalise
    from .plan._plan import ArenaPlan, plan_arena
    from .program._op import Op
    from .program._program import Program, run_reference
    from .program._tensor import Tensor
    from .quantiser._options import QuantiseOptions
    from .quantiser._quantise import quantise
    from .quantiser._sqnr import layer_sqnr
    from .targets import TARGETS, Target, get_target
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "BACKENDS",
    "TARGETS",
    "ArenaPlan",
    "BudgetError",
    "Comparison",
    "CompiledModel",
    "Difference",
    "EmgEdgeError",
    "FrontEnd",
    "Graph",
    "Op",
    "Program",
    "QuantiseOptions",
    "RawInput",
    "Stream",
    "StreamEvent",
    "Target",
    "Tensor",
    "Unsupported",
    "UnsupportedError",
    "canonicalise",
    "compile_model",
    "compile_program",
    "compile_quantized",
    "get_target",
    "layer_sqnr",
    "load_compiled",
    "load_onnx",
    "plan_arena",
    "quantise",
    "quantize_model",
    "run_float",
    "run_reference",
    "simulate",
]
