"""Softmax of rows, its logarithm, products of two values, RMSNorm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.kernels import (
    FINE,
    FRACTION,
    MAX_EPS,
    LogSoftmax,
    MatMul,
    RmsNorm,
    Softmax,
    exponential_tables,
    log_table,
    multiplier,
)

from ._common import int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._grids import Grids

_BITS = {"int8": 8, "int16": 15}


def _rows(node: Node, x: Tensor, out: Tensor) -> dict[str, Any]:
    mul, shift = multiplier(x.scale / FINE)
    coarse, fine = exponential_tables()
    return {
        "name": node.name,
        "inputs": (x.name,),
        "output": out.name,
        "width": node.attrs["width"],
        "mul": int(mul[0]),
        "shift": shift,
        "coarse": coarse,
        "fine": fine,
    }


def _softmax(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    mul, shift = multiplier(2.0**-15 / out.scale, 16)
    mask = None
    if len(node.inputs) == 2:
        mask = np.packbits(graph.constants[node.inputs[1]] != 0, axis=-1, bitorder="little")
    return Softmax(out_mul=int(mul[0]), out_shift=shift, mask=mask, **_rows(node, x, out))


def _softmax_grid(node: Node) -> tuple[str, float, int]:
    dtype = node.attrs["dtype"]
    return dtype, 2.0 ** -_BITS[dtype], -128 if dtype == "int8" else 0


def _log_softmax(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    mul, shift = multiplier([x.scale / out.scale, 2.0**-26 / out.scale])
    return LogSoftmax(
        out_mul=int(mul[0]), log_mul=int(mul[1]), out_shift=shift, logs=log_table(), **_rows(node, x, out)
    )


def _matmul(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    (a, b), out = (grids.read(node, name) for name in node.inputs), grids.tensors[node.output]
    mul, shift = multiplier(a.scale * b.scale / out.scale)
    extents = {key: node.attrs[key] for key in ("batch", "rows", "depth", "columns", "a_layout", "b_layout")}
    return MatMul(name=node.name, inputs=(a.name, b.name), output=out.name, mul=int(mul[0]), shift=shift, **extents)


def _rmsnorm(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    gamma = graph.constants[node.inputs[1]].astype(np.float64) / out.scale
    room = 30.0 + FRACTION - np.log2(max(float(np.abs(gamma).max()), 1e-30))
    shift = int(np.floor(min(30.0, room)))
    eps: float = node.attrs["eps"] * 2.0**30 / x.scale**2
    if shift < 1 or not eps <= MAX_EPS:
        raise EmgEdgeError(
            f"rmsnorm {node.name!r}: gamma is too large for its output's scale {out.scale:g}, or epsilon "
            f"{node.attrs['eps']:g} for its input's {x.scale:g}; scale the model's input up"
        )
    return RmsNorm(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        gamma=int32(gamma * 2.0 ** (shift - FRACTION), f"gamma of {node.name!r}"),
        shift=shift,
        eps=round(eps),
    )


LOWERINGS = {
    "log_softmax": Lowering(lower=_log_softmax),
    "matmul": Lowering(lower=_matmul, reads="int8"),
    "rmsnorm": Lowering(lower=_rmsnorm),
    "softmax": Lowering(lower=_softmax, grid=_softmax_grid),
}
