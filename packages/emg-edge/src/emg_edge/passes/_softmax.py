"""Softmax that belongs to no attention: rows over the last axis, with a constant mask in front of it.

Cases: (1) Softmax and LogSoftmax over the last axis; (2) over another axis, between two transpositions; (3) behind
``Add``, ``Sub`` or ``Where`` with a constant that masks elements (-10000 or less): the mask becomes the operator's,
what else the constant adds stays a sum. Requires the attention pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._pass import Notes, Pass, rewrite, scope_of
from ._scores import MASKED, RefusedError, step_back

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}


def _masked(graph: Graph, node: Node) -> tuple[str, NDArray[np.float64] | None]:
    """Case 3: return what stands in front of constant masks, and their sum with the scores' shape."""
    shape, value, total = graph.shape(node.output), node.inputs[0], np.zeros(graph.shape(node.output))
    found = False
    while (producer := graph.producers.get(value)) is not None and producer.op in {"Add", "Sub", "Where"}:
        try:
            behind, _, term = step_back(graph, producer)
        except RefusedError:
            break
        if term is None or term.name not in graph.constants or graph.shape(behind) != shape:
            break
        added = term.evaluate(graph.constants[term.name].astype(np.float64))
        if not (added <= MASKED).any():
            break
        total, value, found = total + np.maximum(added, -1e30), behind, True
    return (value, total) if found else (value, None)


def _period(visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the fewest rows of a mask that repeat."""
    rows = len(visible)
    for count in (c for c in range(1, rows + 1) if rows % c == 0):
        if (visible.reshape(-1, count, visible.shape[1]) == visible[:count]).all():
            return visible[:count]
    return visible


@dataclass
class _Chain:
    """Nodes in the place of one, with their inner values and constants; ``value`` is the last one written."""

    graph: Graph
    stem: str
    value: str
    nodes: list[Node] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def constant(self, label: str, array: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        name = self.graph.fresh(f"{self.stem}.{label}")
        self.constants[name] = array
        return name

    def add(self, node: Node, shape: tuple[int, ...] | None) -> None:
        """Add a node that reads the last value first; without shape it writes the output."""
        name = self.graph.fresh(f"{self.stem}.{node.op.lower()}{len(self.nodes)}") if shape else self.stem
        self.nodes.append(replace(node, inputs=(self.value, *node.inputs), output=name))
        self.values += [Value(name=name, shape=shape)] if shape else []
        self.value = name


def _match(graph: Graph, node: Node) -> Graph | None:
    if node.op not in _KINDS:
        return None
    shape, axis = graph.shape(node.output), node.attrs["axis"]
    source, total = _masked(graph, node) if node.op == "Softmax" else (node.inputs[0], None)
    chain = _Chain(graph, node.output, source)
    order = (*(a for a in range(len(shape)) if a != axis), axis)
    turned, wide = axis != len(shape) - 1, tuple(shape[a] for a in order)
    bare = replace(node, inputs=(), attrs={})
    mask: tuple[str, ...] = ()
    if total is not None:
        bias = np.where(total > MASKED, total, 0.0).astype(np.float32)
        if bias.any():
            chain.add(replace(bare, op="Add", inputs=(chain.constant("bias", bias),)), shape)
        rows = _period((total > MASKED).transpose(order).reshape(-1, shape[axis]))
        mask = (chain.constant("mask", rows.astype(np.int64)),)
    if turned:
        chain.add(replace(bare, op="Transpose", attrs={"perm": order}), wide)
    attrs = {"width": shape[axis], "shape": wide, "dtype": "int8"}
    kind = _KINDS[node.op]
    chain.add(replace(bare, op=kind, inputs=mask, attrs=attrs, scope=scope_of(graph, node)), wide if turned else None)
    if turned:
        back = tuple(int(a) for a in np.argsort(order))
        chain.add(replace(bare, op="Transpose", attrs={"perm": back}), None)
    result = graph.substitute(node.output, chain.nodes, values=chain.values, constants=chain.constants)
    return result.handed_on(node.output, chain.nodes[-2].output) if turned else result


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _match)


SOFTMAX = Pass(name="softmax", run=_run, ensures=frozenset(_KINDS))


WIDE_DEPTH = 256
"""Products that int32 can sum of int16 with zero point 0 and int8 with any."""

_COPIES = {"move", "gather"}


def _room(graph: Graph, name: str) -> bool:
    """Whether every reader of a value, or of a copy of it, takes int16: outputs, and products with room for it."""
    return all(
        _room(graph, reader.output)
        if reader.op in _COPIES
        else reader.op == "matmul" and reader.inputs[1] != name and reader.attrs["depth"] <= WIDE_DEPTH
        for reader in graph.consumers.get(name, [])
    )


def _wide(graph: Graph, node: Node) -> Graph | None:
    if node.op != "softmax" or node.attrs["dtype"] == "int16" or not _room(graph, node.output):
        return None
    return graph.substitute(node.output, [replace(node, attrs={**node.attrs, "dtype": "int16"})])


def _run_wide(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(graph, _wide)


PROBABILITIES = Pass(name="probabilities", run=_run_wide)
