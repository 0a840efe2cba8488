"""The table of integer operators: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._attention import Attention
from ._convolution import Conv
from ._elementwise import Affine, Requantise, Table
from ._gru import Gru
from ._layernorm import LayerNorm
from ._linear import Linear
from ._lstm import Lstm
from ._matmul import MatMul
from ._movement import Concat, Gather, Move
from ._pairwise import Add, Div, Maximum, Minimum, Mul
from ._pool import AveragePool, MaxPool
from ._reduce import Mean, ReduceMax
from ._rmsnorm import RmsNorm
from ._softmax import LogSoftmax, Softmax

if TYPE_CHECKING:
    from emg_edge.program._op import Op

OPERATORS: dict[str, type[Op]] = {
    op.kind: op
    for op in (
        Add,
        Affine,
        Attention,
        AveragePool,
        Concat,
        Conv,
        Div,
        Gather,
        Gru,
        LayerNorm,
        Linear,
        LogSoftmax,
        Lstm,
        MatMul,
        MaxPool,
        Maximum,
        Mean,
        Minimum,
        Move,
        Mul,
        ReduceMax,
        Requantise,
        RmsNorm,
        Softmax,
        Table,
    )
}
