"""Spellings that no integer operator has, in terms of those that have one.

Cases: (1) a constant per channel over a value is the constant times a reciprocal; (2) a choice by constant conditions
is a sum of two masked values; (3) a choice by computed conditions is one, too, with conditions as numbers 0 and 1;
(4) a comparison of two values is one of their difference with 0; (5) And, Or, Xor, Not of conditions are their product,
maximum, difference squared, and complement. Functions of one variable stay: a table holds them whatever their spelling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Node, Value

from ._pass import Notes, Pass
from ._table import function_roots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph

_COMPARED = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
_JOINED = {"And": "Mul", "Or": "Max"}


class _Writer:
    """Nodes in place of one, the last of which writes its output."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node
        self.nodes: list[Node] = []
        self.values: dict[str, Value] = {}
        self.constants: dict[str, NDArray[np.float32]] = {}

    def constant(self, array: NDArray[np.floating]) -> str:
        """Register a constant."""
        name = f"{self.node.output}.spelt{len(self.constants)}c"
        self.constants[name] = np.asarray(array, np.float32)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an operand."""
        if name in self.constants:
            return self.constants[name].shape
        return self.values[name].shape if name in self.values else self.graph.shape(name)

    def op(self, op: str, *inputs: str, last: bool = False) -> str:
        """Write one operation on operands that broadcast."""
        output = self.node.output if last else f"{self.node.output}.spelt{len(self.nodes)}"
        shape = np.broadcast_shapes(*(self.shape(name) for name in inputs))
        self.nodes.append(replace(self.node, op=op, inputs=inputs, output=output, attrs={}))
        if not last:
            self.values[output] = Value(name=output, shape=shape)
        return output

    def done(self) -> Graph:
        """Return the graph with the nodes in place of the one."""
        return self.graph.substitute(
            self.node.output, self.nodes, values=self.values.values(), constants=self.constants
        )


def _choice(graph: Graph, node: Node) -> Graph | None:
    """Apply cases 2 and 3: ``c a + (1 - c) b``."""
    condition, a, b = node.inputs
    known = graph.constants.get(condition)
    if any(name in graph.constants and not np.isfinite(graph.constants[name]).all() for name in (a, b)):
        return None
    w = _Writer(graph, node)
    if known is not None:
        yes = (known != 0).astype(np.float32)
        masks = [w.constant(yes), w.constant(1.0 - yes)]
    else:
        masks = [condition, w.op("Sub", w.constant(np.ones(1)), condition)]
    parts = []
    for mask, name in zip(masks, (a, b), strict=True):
        if mask in w.constants and name in graph.constants:
            parts.append(w.constant(w.constants[mask] * graph.constants[name]))
        else:
            parts.append(w.op("Mul", name, mask))
    w.op("Add", *parts, last=True)
    return w.done()


def _logic(graph: Graph, node: Node) -> Graph | None:
    """Apply cases 4 and 5."""
    w = _Writer(graph, node)
    if node.op in _COMPARED:
        difference = w.op("Sub", *node.inputs)
        w.op(node.op, difference, w.constant(np.zeros(1)), last=True)
    elif node.op in _JOINED:
        w.op(_JOINED[node.op], *node.inputs, last=True)
    elif node.op == "Xor":
        difference = w.op("Sub", *node.inputs)
        w.op("Mul", difference, difference, last=True)
    else:
        w.op("Sub", w.constant(np.ones(1)), *node.inputs, last=True)
    return w.done()


def _quotient(graph: Graph, node: Node) -> Graph:
    """Apply case 1."""
    w = _Writer(graph, node)
    w.op("Mul", w.op("Reciprocal", node.inputs[1]), node.inputs[0], last=True)
    return w.done()


def _spelt(graph: Graph, node: Node) -> Graph | None:
    if node.op == "Div":
        return _quotient(graph, node) if node.inputs[0] in graph.constants else None
    if node.op == "Where":
        return _choice(graph, node)
    return _logic(graph, node) if node.op in {*_COMPARED, *_JOINED, "Xor", "Not"} else None


def _run(graph: Graph, notes: Notes) -> Graph:
    """Rewrite what is no function of one variable, the last node first: a reader of a condition needs it as it is."""
    del notes
    tables = function_roots(graph)
    for node in reversed(graph.nodes):
        if node.output not in tables and node.output in graph.producers:
            graph = _spelt(graph, graph.producers[node.output]) or graph
    return graph


SPELLING = Pass(name="spelling", run=_run)
