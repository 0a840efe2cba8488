"""Sums: of two values of one shape (``add``), and of a value and a constant that repeats over rows (``add_constant``).

The constant's layout (rows, repeat, width) is found by comparing its broadcast elements.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._pass import Notes, Pass, rewrite, scope_of, split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

_ADVICE = "add two values of one shape, or a constant that broadcasts over whole rows"


def _factor(full: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return ``(rows, width)`` values and how many neighbouring rows share each, the most that fits."""
    shape = full.shape
    best = full.reshape(1, -1), 1
    for start in range(len(shape)):
        for stop in range(start, len(shape) + 1):
            rows, repeat, width = prod(shape[:start]), prod(shape[start:stop]), prod(shape[stop:])
            blocks = full.reshape(rows, repeat, width)
            if repeat > best[1] and np.array_equal(blocks, np.broadcast_to(blocks[:, :1], blocks.shape)):
                best = blocks[:, 0], repeat
    return best


def _constant(graph: Graph, node: Node, x: str, name: str) -> Graph | None:
    shape = graph.shape(node.output)
    if graph.shape(x) != shape:
        return None
    full = np.broadcast_to(graph.constants[name], shape).astype(np.float32)
    value, repeat = _factor(-full if node.op == "Sub" else full)
    stem = graph.fresh(f"{node.output}.value")
    fused = replace(
        node, op="add_constant", inputs=(x, stem), attrs={"repeat": repeat, "shape": shape}, scope=scope_of(graph, node)
    )
    return graph.substitute(node.output, [fused], constants={stem: np.ascontiguousarray(value)})


def _match(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    if node.op not in {"Add", "Sub"}:
        return None
    pair = split_constant(graph, node)
    result = None
    if pair is not None and (node.op == "Add" or pair[0] == node.inputs[0]):
        result = _constant(graph, node, *pair)
    elif pair is None and node.op == "Add" and graph.shape(node.inputs[0]) == graph.shape(node.inputs[1]):
        fused = replace(node, op="add", attrs={"shape": graph.shape(node.output)}, scope=scope_of(graph, node))
        result = graph.substitute(node.output, [fused])
    if result is None:
        notes.refuse(node, f"operands of shapes {[graph.shape(name) for name in node.inputs]}", _ADVICE)
    return result


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


RESIDUAL = Pass(name="residual", run=_run, ensures=frozenset({"Add", "Sub"}))
