"""Identity removal.

Cases: (1) Reshape, Expand to the same shape; (2) Transpose that keeps the order; (3) Slice of everything; (4) Concat of
one part; (5) Mul, Div by 1 and Add, Sub of 0, where the shape stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge.graph.operations import MOVEMENT

from ._pass import Notes, Pass, rewrite, split_constant

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node

_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def _is_identity(graph: Graph, node: Node) -> bool:
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if node.op in {"Reshape", "Expand", "Concat"}:  # cases 1 and 4
        return before == after and len(node.inputs) == 1
    if node.op == "Transpose":  # case 2
        return list(node.attrs["perm"]) == sorted(node.attrs["perm"])
    if node.op == "Slice":  # case 3
        return all(tuple(s) == (0, extent, 1) for s, extent in zip(node.attrs["slices"], before, strict=True))
    return False


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op in MOVEMENT:
        return graph.alias(node.output, node.inputs[0]) if _is_identity(graph, node) else None
    pair = split_constant(graph, node) if node.op in _NEUTRAL else None
    if pair is None or (node.op in {"Sub", "Div"} and pair[0] != node.inputs[0]):
        return None
    neutral = bool((graph.constants[pair[1]] == _NEUTRAL[node.op]).all())  # case 5
    return graph.alias(node.output, pair[0]) if neutral and graph.shape(pair[0]) == graph.shape(node.output) else None


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


IDENTITY = Pass(name="identity", run=_run)
