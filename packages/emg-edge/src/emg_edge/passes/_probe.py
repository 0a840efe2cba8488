"""Subgraphs of rows that are recognised by what they compute: closed, from one value to one other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge.graph._float import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node


def reach(graph: Graph, inside: Iterable[str], allowed: frozenset[str]) -> list[Node]:
    """Return the nodes that are computed from the values ``inside`` and nothing else, in order."""
    known = set(inside)
    found: list[Node] = []
    for node in graph.nodes:
        inputs = graph.dynamic(node)
        if node.op in allowed and inputs and set(inputs) <= known and node.output not in known:
            known.add(node.output)
            found.append(node)
    return found


def closed(graph: Graph, x: str, sink: Node, allowed: frozenset[str], least: int) -> Graph | None:
    """Return the subgraph of at least ``least`` nodes from x to the sink, if nothing else reads its inner values."""
    if graph.shape(sink.output) != graph.shape(x):
        return None
    nodes = graph.ancestors(sink.output, stop=[x])
    outputs = {node.output for node in nodes}
    leaks = [
        name
        for name in outputs - {sink.output}
        if name in graph.outputs or any(reader.output not in outputs for reader in graph.consumers[name])
    ]
    if leaks or len(nodes) < least or any(node.op not in allowed for node in nodes):
        return None
    return replace(graph, nodes=tuple(nodes), inputs=(x,), outputs=(sink.output,)).pruned()


def run_rows(body: Graph, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Run a body on one array of its input's shape; return its output as rows."""
    result: NDArray[np.float64] = evaluate(body, {body.inputs[0]: x[None]})[body.outputs[0]][0]
    return result.reshape(-1, x.shape[-1])
