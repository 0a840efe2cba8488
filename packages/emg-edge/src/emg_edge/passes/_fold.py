"""Constant folding: a node that reads only constants becomes one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge.graph._float import run_node

from ._pass import Notes, Pass, rewrite

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node


def _match(graph: Graph, node: Node) -> Graph | None:
    if graph.dynamic(node) or node.output in graph.outputs:
        return None
    array = run_node(node, [graph.constants[name][None] for name in node.inputs])[0]
    nodes = tuple(n for n in graph.nodes if n is not node)
    values = {name: value for name, value in graph.values.items() if name != node.output}
    return replace(graph, nodes=nodes, values=values, constants={**graph.constants, node.output: array}).pruned()


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


FOLD = Pass(name="fold", run=_run)
