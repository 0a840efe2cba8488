"""Products of two values that belong to no attention.

Each operand is followed back through movement to a source in whose memory it lies at constant strides over two batch
axes, rows and columns; else the operand itself is that source. Requires the attention pass.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._pass import Notes, Pass, rewrite, scope_of
from ._views import index_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

_ADVICE = "multiply values that are broadcast over leading or trailing batch axes only"


def strides(index: NDArray[np.int64]) -> tuple[int, ...] | None:
    """Return (base, one stride an axis) of a map of elements, or None where there are none >= 0."""
    base = int(index.reshape(-1)[0])
    steps = []
    for axis, extent in enumerate(index.shape):
        at = tuple(1 if a == axis else 0 for a in range(index.ndim))
        steps.append(int(index[at]) - base if extent > 1 else 0)
    axes = np.ogrid[tuple(slice(extent) for extent in index.shape)]
    fits = min(steps) >= 0 and np.array_equal(index, base + sum(a * s for a, s in zip(axes, steps, strict=True)))
    return (base, *steps) if fits else None


def _operand(graph: Graph, name: str, lead: tuple[int, ...]) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the sources of an operand with the places of its elements, the farthest first."""
    shape = graph.shape(name)
    source, index = index_map(graph, name)
    plain = np.arange(prod(shape))
    return [(s, np.broadcast_to(i.reshape(shape), (*lead, *shape[-2:]))) for s, i in ((source, index), (name, plain))]


def _layout(found: list[tuple[str, NDArray[np.int64]]], batch: tuple[int, int]) -> tuple[str, tuple[int, ...]] | None:
    for source, index in found:
        layout = strides(np.ascontiguousarray(index).reshape(*batch, *index.shape[-2:]))
        if layout is not None:
            return source, layout
    return None


def _match(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    if node.op != "MatMul" or graph.dynamic(node) != node.inputs:
        return None
    shape, depth = graph.shape(node.output), graph.shape(node.inputs[0])[-1]
    lead = shape[:-2]
    operands = [_operand(graph, name, lead) for name in node.inputs]
    for split in range(len(lead) + 1):
        batch = prod(lead[:split]), prod(lead[split:])
        a, b = (_layout(operand, batch) for operand in operands)
        if a is not None and b is not None:
            attrs = {
                "batch": batch,
                "rows": shape[-2],
                "depth": depth,
                "columns": shape[-1],
                "a_layout": a[1],
                "b_layout": b[1],
                "shape": shape,
            }
            fused = replace(node, op="matmul", inputs=(a[0], b[0]), attrs=attrs, scope=scope_of(graph, node))
            return graph.substitute(node.output, [fused])
    notes.refuse(node, f"operands of shapes {[graph.shape(name) for name in node.inputs]}", _ADVICE)
    return None


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


MATMUL = Pass(name="matmul", run=_run)
