"""Sums, sums with constants, functions of one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.kernels import (
    Add,
    AddConstant,
    Table,
    multiplier,
)

from ._common import function_table, int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _add(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    (a, b), out = (grids.read(node, name) for name in node.inputs), grids.tensors[node.output]
    mul, shift = multiplier([a.scale / out.scale, b.scale / out.scale])
    return Add(
        name=node.name, inputs=(a.name, b.name), output=out.name, mul_a=int(mul[0]), mul_b=int(mul[1]), shift=shift
    )


def _add_constant(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    value = graph.constants[node.inputs[1]].astype(np.float64) / out.scale
    _, widest = multiplier(x.scale / out.scale)
    room = 30.0 - np.log2(max(float(np.abs(value).max()), 1e-9))
    shift = int(max(1, min(widest, np.floor(room))))
    return AddConstant(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        value=int32(value * 2.0**shift, f"constant of {node.name!r}"),
        mul=int(int32(np.array([x.scale / out.scale * 2.0**shift]), f"multiplier of {node.name!r}")[0]),
        shift=shift,
        repeat=node.attrs["repeat"],
    )


def _look_up(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    return Table(
        name=node.name, inputs=(x.name,), output=out.name, table=function_table(node, x.scale, x.zero_point, out)
    )


LOWERINGS = {
    "add": Lowering(lower=_add),
    "add_constant": Lowering(lower=_add_constant),
    "table": Lowering(lower=_look_up, reads="int8", writes="int8"),
}
