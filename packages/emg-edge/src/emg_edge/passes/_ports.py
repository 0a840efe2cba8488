"""Ports: every output of the model is a value of its own, in the model's shape.

An output that is (1) an input, or (2) the value of an output before it, as it comes about where they differ by nothing
but a Reshape or an Identity, becomes a copy of it; (3) the node that writes an output writes the model's shape,
whatever Reshape was dropped behind it: canonical nodes know their extents, and read and write row-major memory.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from emg_edge.graph._graph import Node, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_edge.graph._graph import Graph


def settle_ports(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> Graph:
    """Return the canonical graph with outputs of the given shapes, none of which is another port, too."""
    graph = replace(graph, output_names=graph.output_names or graph.outputs)
    for position, shape in enumerate(shapes):
        output = graph.outputs[position]
        taken = output in (*graph.inputs, *graph.outputs[:position])
        graph = _copied(graph, position, shape) if taken else _shaped(graph, output, shape)
    graph.verify()
    return graph


def _copied(graph: Graph, position: int, shape: tuple[int, ...]) -> Graph:
    """Let one output be a copy of the value that it names (cases 1 and 2)."""
    source = graph.outputs[position]
    name = graph.fresh(f"{source}.copy")
    box = {"extent": (prod(shape),), "stride": (1,), "base": 0, "out_stride": (1,), "out_base": 0}
    node = Node(op="move", name=name, inputs=(source,), output=name, attrs={**box, "shape": shape})
    outputs = (*graph.outputs[:position], name, *graph.outputs[position + 1 :])
    values = {**graph.values, name: Value(name=name, shape=shape)}
    return replace(graph, nodes=(*graph.nodes, node), values=values, outputs=outputs)


def _shaped(graph: Graph, output: str, shape: tuple[int, ...]) -> Graph:
    """Let the node that writes an output write this shape (case 3)."""
    nodes = (replace(n, attrs={**n.attrs, "shape": shape}) if n.output == output else n for n in graph.nodes)
    values = {**graph.values, output: replace(graph.values[output], shape=shape)}
    return replace(graph, nodes=tuple(nodes), values=values)
