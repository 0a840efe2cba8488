"""Copies and concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.kernels import Concat, Gather, Move, multiplier

from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._grids import Grids


def _move(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    box = {key: node.attrs[key] for key in ("extent", "stride", "base", "out_stride", "out_base")}
    return Move(name=node.name, inputs=(x.name,), output=out.name, **box)


def _gather(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out, index = grids.read(node, node.inputs[0]), grids.tensors[node.output], np.asarray(node.attrs["index"])
    short = index.max() < 2**15
    return Gather(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        index16=index.astype(np.int16) if short else None,
        index32=None if short else index.astype(np.int32),
        **{key: node.attrs[key] for key in ("inner", "outer", "step")},
    )


def _factor(x: Tensor, out: Tensor) -> tuple[int, int]:
    """Return (mul, shift) between two grids; shift 0 where they are one."""
    if (x.dtype, x.scale, x.zero_point) == (out.dtype, out.scale, out.zero_point):
        return 0, 0
    mul, shift = multiplier(x.scale / out.scale)
    return int(mul[0]), shift


def _concat(graph: Graph, node: Node, grids: Grids) -> Op:
    out, around = grids.tensors[node.output], node.attrs["outer"] * node.attrs["inner"]
    sizes = [graph.constants[n].size if n in graph.constants else graph.values[n].size for n in node.inputs]
    parts = {p: grids.read(node, n) for p, n in enumerate(node.inputs) if n not in graph.constants}
    factors = [_factor(parts[p], out) if p in parts else (0, 0) for p in range(len(node.inputs))]
    fixed = [out.quantise(graph.constants[n]).reshape(-1) for n in node.inputs if n in graph.constants]
    return Concat(
        name=node.name,
        inputs=tuple(part.name for part in parts.values()),
        output=out.name,
        outer=node.attrs["outer"],
        inner=node.attrs["inner"],
        extent=tuple(size // around for size in sizes),
        source=tuple(list(parts).index(p) if p in parts else -1 for p in range(len(node.inputs))),
        mul=tuple(mul for mul, _ in factors),
        shift=tuple(shift for _, shift in factors),
        constant=np.concatenate(fixed).astype(np.int16) if fixed else None,
    )


LOWERINGS = {
    "concat": Lowering(lower=_concat),
    "gather": Lowering(lower=_gather, keeps_grid=True),
    "move": Lowering(lower=_move, keeps_grid=True),
}
