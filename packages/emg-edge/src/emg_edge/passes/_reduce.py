"""Reductions over axes of a value seen as (outer, axis, inner), whatever was moved in front of it.

Means and sums become ``mean``, extremes ``reduce_max``. Cases: (1) elements that lie at one stride in their source, as
behind transpositions that only rearrange what stays (TinyMyo's head concatenates channels, then averages over time),
are reduced in the source's own order, and a movement that usually turns out to be none restores the result's; (2) any
other axes are moved to the end first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._pass import Notes, Pass, rewrite, scope_of
from ._views import as_transpose, index_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ReduceMax": ("reduce_max", {"lowest": False}),
    "ReduceMean": ("mean", {}),
    "ReduceMin": ("reduce_max", {"lowest": True}),
    "ReduceSum": ("mean", {"total": True}),
}
_MOST = 32768


@dataclass(frozen=True)
class _Found:
    """Case 1: extents, and the view and order that bring the result into place."""

    outer: int
    axis: int
    inner: int
    view: tuple[int, ...]
    perm: tuple[int, ...]


def _count(graph: Graph, node: Node) -> int:
    shape = graph.shape(node.inputs[0])
    return prod(shape[axis] for axis in node.attrs["axes"])


def _grouped(graph: Graph, node: Node) -> tuple[str, NDArray[np.int64]]:
    """Return the source and, per output element, the sorted indices that are reduced."""
    source, index = index_map(graph, node.inputs[0])
    shape, axes = graph.shape(node.inputs[0]), node.attrs["axes"]
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    groups = index.reshape(shape).transpose(*kept, *axes).reshape(-1, _count(graph, node))
    return source, np.sort(groups, axis=1)


def _strided(groups: NDArray[np.int64], size: int) -> _Found | None:
    """Recognise case 1."""
    count = groups.shape[1]
    inner = int(groups[0, 1] - groups[0, 0]) if count > 1 else 1
    if groups.size != size or inner < 1 or size % (count * inner):
        return None
    outer, first = size // (count * inner), groups[:, 0]
    target = first // (count * inner) * inner + first % inner  # place of each output element in (outer, inner)
    covered = np.array_equal(groups, first[:, None] + inner * np.arange(count))
    move = as_transpose(target) if covered and np.array_equal(np.sort(target), np.arange(outer * inner)) else None
    return None if move is None else _Found(outer, count, inner, *move)


def _reduced(graph: Graph, node: Node, source: str, output: str, extents: dict[str, int]) -> Node:
    op, extra = _KINDS[node.op]
    attrs = {**extents, **extra, "shape": graph.shape(node.output)}
    return Node(op=op, name=node.name, inputs=(source,), output=output, attrs=attrs, scope=scope_of(graph, node))


def _in_place(graph: Graph, node: Node, source: str, found: _Found) -> Graph:
    shape = graph.shape(node.output)
    packed, view, turned = (graph.fresh(f"{node.output}.{part}") for part in ("packed", "view", "turned"))
    nodes = [
        _reduced(graph, node, source, packed, {key: getattr(found, key) for key in ("outer", "axis", "inner")}),
        Node(op="Reshape", name=node.name, inputs=(packed,), output=view, attrs={"shape": found.view}),
        Node(op="Transpose", name=node.name, inputs=(view,), output=turned, attrs={"perm": found.perm}),
        Node(op="Reshape", name=node.name, inputs=(turned,), output=node.output, attrs={"shape": shape}),
    ]
    values = [
        Value(name=packed, shape=shape),
        Value(name=view, shape=found.view),
        Value(name=turned, shape=tuple(found.view[axis] for axis in found.perm)),
    ]
    return graph.substitute(node.output, nodes, values=values).handed_on(node.output, packed)


def _behind_a_turn(graph: Graph, node: Node) -> Graph:
    """Apply case 2."""
    shape, axes = graph.shape(node.inputs[0]), tuple(node.attrs["axes"])
    perm = (*(axis for axis in range(len(shape)) if axis not in axes), *axes)
    turned, count = graph.fresh(f"{node.output}.turned"), _count(graph, node)
    nodes = [
        Node(op="Transpose", name=node.name, inputs=node.inputs, output=turned, attrs={"perm": perm}),
        _reduced(graph, node, turned, node.output, {"outer": prod(shape) // count, "axis": count, "inner": 1}),
    ]
    value = Value(name=turned, shape=tuple(shape[axis] for axis in perm))
    return graph.substitute(node.output, nodes, values=[value])


def _match(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    if node.op not in _KINDS:
        return None
    if _count(graph, node) > _MOST and _KINDS[node.op][0] == "mean":
        notes.refuse(node, f"it reduces {_count(graph, node)} elements to one", f"reduce at most {_MOST} at a time")
        return None
    source, groups = _grouped(graph, node)
    found = _strided(groups, prod(graph.shape(source)))
    return _behind_a_turn(graph, node) if found is None else _in_place(graph, node, source, found)


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


REDUCE = Pass(name="reduce", run=_run, ensures=frozenset(_KINDS))
