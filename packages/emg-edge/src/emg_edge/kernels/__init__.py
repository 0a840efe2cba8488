"""Integer operators: the one definition of bit-exact, as readable numpy."""

from ._attention import STEP, Attention, exp_table
from ._convolution import Conv
from ._elementwise import Affine, Requantise, Table
from ._fixed import isqrt, multiplier, rounding_shift
from ._gru import Gru
from ._layernorm import FRACTION, MAX_EPS, LayerNorm
from ._linear import Linear
from ._lstm import Lstm
from ._matmul import MatMul
from ._movement import Concat, Gather, Move
from ._pairwise import Add, Div, Maximum, Minimum, Mul
from ._pool import AveragePool, MaxPool
from ._recurrent import GATE_BITS, HIDDEN_SCALE, gate_table
from ._reduce import Mean, ReduceMax
from ._registry import OPERATORS
from ._rmsnorm import RmsNorm
from ._softmax import FINE, LogSoftmax, Softmax, exponential_tables, log_table

__all__ = [
    "FINE",
    "FRACTION",
    "GATE_BITS",
    "HIDDEN_SCALE",
    "MAX_EPS",
    "OPERATORS",
    "STEP",
    "Add",
    "Affine",
    "Attention",
    "AveragePool",
    "Concat",
    "Conv",
    "Div",
    "Gather",
    "Gru",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "Lstm",
    "MatMul",
    "MaxPool",
    "Maximum",
    "Mean",
    "Minimum",
    "Move",
    "Mul",
    "ReduceMax",
    "Requantise",
    "RmsNorm",
    "Softmax",
    "Table",
    "exp_table",
    "exponential_tables",
    "gate_table",
    "isqrt",
    "log_table",
    "multiplier",
    "rounding_shift",
]
