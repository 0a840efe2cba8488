"""Choices by a constant condition: elements of a value, or a constant in their place.

Cases: (1) ``Where(c, x, k)`` and ``Where(c, k, x)`` with finite k become a product with 0 and 1 and a sum. Requires the
attention and softmax passes, which read masks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Value

from ._pass import Notes, Pass, rewrite

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op != "Where" or node.inputs[0] not in graph.constants:
        return None
    taken = graph.constants[node.inputs[0]] != 0
    x, fill = node.inputs[1:]
    kept = taken
    if x in graph.constants:
        x, fill, kept = fill, x, ~taken
    if x in graph.constants or fill not in graph.constants or not np.isfinite(graph.constants[fill]).all():
        return None
    shape = graph.shape(node.output)
    gain, offset, product = (graph.fresh(f"{node.output}.{part}") for part in ("kept", "fill", "product"))
    nodes = [
        replace(node, op="Mul", inputs=(x, gain), output=product),
        replace(node, op="Add", inputs=(product, offset)),
    ]
    constants = {
        gain: np.broadcast_to(kept, shape).astype(np.float32),
        offset: np.where(kept, 0.0, graph.constants[fill]).astype(np.float32),
    }
    return graph.substitute(node.output, nodes, values=[Value(name=product, shape=shape)], constants=constants)


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


WHERE = Pass(name="where", run=_run)
