"""Arithmetic of two values, gains and offsets, functions of one variable."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.kernels import Add, Affine, Div, Maximum, Minimum, Mul, Table, multiplier

from ._common import function_table, int32
from ._lowering import Lowering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _box(node: Node) -> dict[str, Any]:
    """Return the broadcasting of a node as fields of its operator."""
    return {key: node.attrs.get(key, ()) for key in ("extent", "stride_a", "stride_b")}


def _scaled(graph: Graph, node: Node, grids: Grids, *, kind: type[Add | Maximum]) -> Op:
    """Lower sums and extremes: either operand is brought to the output's steps."""
    del graph
    (a, b), out = (grids.read(node, name) for name in node.inputs), grids.tensors[node.output]
    mul, shift = multiplier([a.scale / out.scale, b.scale / out.scale])
    return kind(
        name=node.name,
        inputs=(a.name, b.name),
        output=out.name,
        mul_a=int(mul[0]),
        mul_b=-int(mul[1]) if node.attrs.get("subtract") else int(mul[1]),
        shift=shift,
        **_box(node),
    )


def _product(graph: Graph, node: Node, grids: Grids, *, kind: type[Mul | Div]) -> Op:
    """Lower products and quotients: one factor for the result."""
    del graph
    (a, b), out = (grids.read(node, name) for name in node.inputs), grids.tensors[node.output]
    factor = a.scale * b.scale if kind is Mul else a.scale / b.scale
    mul, shift = multiplier(factor / out.scale)
    return kind(name=node.name, inputs=(a.name, b.name), output=out.name, mul=int(mul[0]), shift=shift, **_box(node))


def _affine(graph: Graph, node: Node, grids: Grids) -> Op:
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    gains = [graph.constants[name].astype(np.float64) for name in (node.inputs[1], *node.inputs[3:])]
    factors = [gain * (x.scale / out.scale) for gain in gains]
    offset = graph.constants[node.inputs[2]].astype(np.float64) / out.scale
    peak = max(float(np.abs(factor).max()) for factor in factors)
    widest = multiplier(peak)[1] if peak > 0.0 else 30
    room = 30.0 - np.log2(max(float(np.abs(offset).max()), 1e-9))
    shift = int(max(1, min(widest, np.floor(room))))

    def whole(values: NDArray[np.float64], what: str) -> NDArray[np.int32]:
        return int32(values * 2.0**shift, f"{what} of {node.name!r}")

    return Affine(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        mul=whole(factors[0], "multiplier"),
        add=whole(offset, "constant"),
        negative=whole(factors[1], "multiplier") if len(factors) > 1 else None,
        shift=shift,
        **{key: node.attrs[key] for key in ("rows", "width", "repeat", "outer")},
    )


def _look_up(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    table = function_table(node, (x.scale, x.zero_point), out, grids.seen[node.inputs[0]])
    return Table(name=node.name, inputs=(x.name,), output=out.name, table=table)


LOWERINGS = {
    "add": Lowering(lower=partial(_scaled, kind=Add)),
    "affine": Lowering(lower=_affine),
    "div": Lowering(lower=partial(_product, kind=Div)),
    "maximum": Lowering(lower=partial(_scaled, kind=Maximum)),
    "minimum": Lowering(lower=partial(_scaled, kind=Minimum)),
    "mul": Lowering(lower=partial(_product, kind=Mul)),
    "table": Lowering(lower=_look_up, reads="int8", writes="int8"),
}
