"""Integer operators: the one definition of bit-exact, as readable numpy."""

from ._attention import STEP, Attention, exp_table
from ._convolution import Conv
from ._elementwise import Add, AddConstant, Requantise, Table
from ._fixed import isqrt, multiplier, rounding_shift
from ._layernorm import FRACTION, MAX_EPS, LayerNorm
from ._linear import Linear
from ._reduce import Mean, Transpose
from ._registry import OPERATORS

__all__ = [
    "FRACTION",
    "MAX_EPS",
    "OPERATORS",
    "STEP",
    "Add",
    "AddConstant",
    "Attention",
    "Conv",
    "LayerNorm",
    "Linear",
    "Mean",
    "Requantise",
    "Table",
    "Transpose",
    "exp_table",
    "isqrt",
    "multiplier",
    "rounding_shift",
]
