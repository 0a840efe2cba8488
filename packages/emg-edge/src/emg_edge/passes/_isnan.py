"""Softmax of rows that see no key: exporters replace its NaN by 0, which is what attention gives here anyway.

Cases: (1) ``Where(IsNaN(p), 0, p)`` is p.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._pass import Notes, Pass, rewrite

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op != "Where":
        return None
    condition, fill, value = node.inputs
    test = graph.producers.get(condition)
    if test is None or test.op != "IsNaN" or test.inputs[0] != value or fill not in graph.constants:
        return None
    same = graph.shape(value) == graph.shape(node.output)
    return graph.alias(node.output, value) if same and not graph.constants[fill].any() else None


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


ISNAN = Pass(name="isnan", run=_run)
