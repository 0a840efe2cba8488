"""What a pass is: a function from graph to graph with a contract, run between two calls of the verifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.graph._graph import Graph, Node


@dataclass
class Notes:
    """Why patterns that looked right were refused, by the output of the node to blame; the first reason stands."""

    refused: dict[str, Unsupported] = field(default_factory=dict)

    def refuse(self, node: Node, why: str, change: str) -> None:
        """Remember why a node stays as it is."""
        self.refused.setdefault(node.output, Unsupported(node.name, node.op, why, change))


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A rewriting step.

    Parameters
    ----------
    name
        For messages.
    run
        From a verified graph to a graph; never changes what the outputs compute.
    ensures
        Operations that no longer occur afterwards, unless a note says why.
    """

    name: str
    run: Callable[[Graph, Notes], Graph]
    ensures: frozenset[str] = frozenset()

    def __call__(self, graph: Graph, notes: Notes) -> Graph:
        """Run, verify, and check the promise."""
        result = self.run(graph, notes)
        result.verify()
        left = [n for n in result.nodes if n.op in self.ensures and n.output not in notes.refused]
        if left:
            raise EmgEdgeError(f"pass {self.name!r} left {[(n.op, n.name) for n in left]} behind without a reason")
        return result


def rewrite(graph: Graph, match: Callable[[Graph, Node], Graph | None]) -> Graph:
    """Offer every node, in order, to ``match``; take the graph that it returns, if any."""
    for output in [node.output for node in graph.nodes]:
        node = graph.producers.get(output)
        if node is not None:
            graph = match(graph, node) or graph
    return graph


def split_constant(graph: Graph, node: Node) -> tuple[str, str] | None:
    """Return (dynamic, constant) input of a node with one of each, else None."""
    if len(node.inputs) != 2:
        return None
    a, b = node.inputs
    if (a in graph.constants) == (b in graph.constants):
        return None
    return (b, a) if a in graph.constants else (a, b)


def scope_of(graph: Graph, *nodes: Node) -> str:
    """Return the module path of nodes: their scope, else the stem of a parameter such as ``blocks.0.fc1.bias``."""
    for node in nodes:
        if node.scope:
            return node.scope
    for node in reversed(nodes):
        for name in node.inputs:
            if name in graph.constants and name.endswith((".weight", ".bias")):
                return name.rsplit(".", 1)[0]
    return nodes[0].name
