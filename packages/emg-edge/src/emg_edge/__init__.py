"""From an ONNX file to integer C for GAP9 and friends, bit-exact, without a vendor SDK."""

from ._compare import Comparison, Difference
from ._compile import compile_model, compile_program
from ._cost import simulate
from ._errors import BudgetError, EmgEdgeError, Unsupported, UnsupportedError
from ._execute import BACKENDS
from ._model import CompiledModel, load_compiled
from ._onnx import load_onnx
from ._options import QuantiseOptions
from ._plan import ArenaPlan, plan_arena
from ._program import Op, Program, Tensor, run_reference
from ._quantise import layer_sqnr, quantise
from .targets import TARGETS, Target, get_target

__all__ = [
    "BACKENDS",
    "TARGETS",
    "ArenaPlan",
    "BudgetError",
    "Comparison",
    "CompiledModel",
    "Difference",
    "EmgEdgeError",
    "Op",
    "Program",
    "QuantiseOptions",
    "Target",
    "Tensor",
    "Unsupported",
    "UnsupportedError",
    "compile_model",
    "compile_program",
    "get_target",
    "layer_sqnr",
    "load_compiled",
    "load_onnx",
    "plan_arena",
    "quantise",
    "run_reference",
    "simulate",
]
