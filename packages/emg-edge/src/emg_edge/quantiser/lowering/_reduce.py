"""Reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge.kernels import Mean, ReduceMax, multiplier

from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _mean(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    count = 1 if node.attrs.get("total") else node.attrs["axis"]
    mul, shift = multiplier(x.scale / (out.scale * count))
    return Mean(
        name=node.name,
        inputs=(x.name,),
        output=out.name,
        outer=node.attrs["outer"],
        axis=node.attrs["axis"],
        inner=node.attrs["inner"],
        mul=int(mul[0]),
        shift=shift,
    )


def _reduce_max(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    extents = {key: int(node.attrs[key]) for key in ("outer", "axis", "inner", "lowest")}
    return ReduceMax(name=node.name, inputs=(x.name,), output=out.name, **extents)


LOWERINGS = {"mean": Lowering(lower=_mean), "reduce_max": Lowering(lower=_reduce_max, keeps_grid=True)}
