"""The table of integer operators: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._attention import Attention
from ._convolution import Conv
from ._elementwise import Add, AddConstant, Requantise, Table
from ._layernorm import LayerNorm
from ._linear import Linear
from ._reduce import Mean, Transpose

if TYPE_CHECKING:
    from emg_edge.program._op import Op

OPERATORS: dict[str, type[Op]] = {
    op.kind: op for op in (Add, AddConstant, Attention, Conv, LayerNorm, Linear, Mean, Requantise, Table, Transpose)
}
