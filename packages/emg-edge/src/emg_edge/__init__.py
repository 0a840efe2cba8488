"""From an ONNX file to integer C for GAP9 and friends, bit-exact, without a vendor SDK."""

from ._compare import Comparison, Difference
from ._compile import compile_model, compile_program
from ._cost import simulate
from ._errors import BudgetError, EmgEdgeError, Unsupported, UnsupportedError
from ._execute import BACKENDS
from ._float import run_float
from ._graph import Graph
from ._model import CompiledModel, load_compiled
from ._onnx import load_onnx
from ._options import QuantiseOptions
from ._plan import ArenaPlan, plan_arena
from ._program import Op, Program, Tensor, run_reference
from ._quantise import quantise
from ._sqnr import layer_sqnr
from .passes import canonicalise
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
    "Graph",
    "Op",
    "Program",
    "QuantiseOptions",
    "Target",
    "Tensor",
    "Unsupported",
    "UnsupportedError",
    "canonicalise",
    "compile_model",
    "compile_program",
    "get_target",
    "layer_sqnr",
    "load_compiled",
    "load_onnx",
    "plan_arena",
    "quantise",
    "run_float",
    "run_reference",
    "simulate",
]
