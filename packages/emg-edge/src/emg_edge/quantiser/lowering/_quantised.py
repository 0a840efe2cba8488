"""Changes of grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge.kernels import Requantise, multiplier

from ._lowering import Lowering

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


def _requantise(graph: Graph, node: Node, grids: Grids) -> Op:
    del graph
    x, out = grids.read(node, node.inputs[0]), grids.tensors[node.output]
    mul, shift = multiplier(x.scale / out.scale)
    return Requantise(name=node.name, inputs=(x.name,), output=out.name, mul=int(mul[0]), shift=shift)


LOWERINGS = {"requantise": Lowering(lower=_requantise)}
