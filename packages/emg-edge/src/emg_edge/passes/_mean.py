"""Mean over one axis of a value seen as (outer, axis, inner), whatever was moved in front of it.

A ReduceMean behind transpositions that only rearranges what stays (TinyMyo's head concatenates channels, then averages
over time) becomes a mean over the source in its own order, and a movement that usually turns out to be none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._pass import Notes, Pass, rewrite, scope_of
from ._views import as_transpose, index_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADVICE = "average over one axis (or neighbouring axes) of a value, all elements of it"


def _grouped(graph: Graph, node: Node) -> tuple[str, NDArray[np.int64]]:
    """Return the source and, per output element, the sorted indices that are averaged."""
    source, index = index_map(graph, node.inputs[0])
    shape, axes = graph.shape(node.inputs[0]), node.attrs["axes"]
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    count = int(np.prod([shape[axis] for axis in axes]))
    groups = index.reshape(shape).transpose(*kept, *axes).reshape(-1, count)
    return source, np.sort(groups, axis=1)


def _match(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    if node.op != "ReduceMean":
        return None
    source, groups = _grouped(graph, node)
    size = int(np.prod(graph.shape(source)))
    count = groups.shape[1]
    inner = int(groups[0, 1] - groups[0, 0]) if count > 1 else 1
    outer = size // (count * inner)
    first = groups[:, 0]
    target = first // (count * inner) * inner + first % inner  # place of each output element in (outer, inner)
    covered = groups.size == size and np.array_equal(groups, first[:, None] + inner * np.arange(count))
    move = as_transpose(target) if covered and np.array_equal(np.sort(target), np.arange(outer * inner)) else None
    if move is None or len(move[0]) > 4:
        notes.refuse(node, "it averages elements that do not lie at one stride in its source", _ADVICE)
        return None
    shape = graph.shape(node.output)
    packed, view, turned = (graph.fresh(f"{node.output}.{part}") for part in ("mean", "view", "turned"))
    extents = tuple(move[0][axis] for axis in move[1])
    nodes = [
        Node(
            op="mean",
            name=node.name,
            inputs=(source,),
            output=packed,
            attrs={"outer": outer, "axis": count, "inner": inner, "shape": shape},
            scope=scope_of(graph, node),
        ),
        Node(op="Reshape", name=node.name, inputs=(packed,), output=view, attrs={"shape": move[0]}),
        Node(op="Transpose", name=node.name, inputs=(view,), output=turned, attrs={"perm": move[1]}),
        Node(op="Reshape", name=node.name, inputs=(turned,), output=node.output, attrs={"shape": shape}),
    ]
    values = [
        Value(name=packed, shape=shape),
        Value(name=view, shape=move[0]),
        Value(name=turned, shape=extents),
    ]
    return graph.substitute(node.output, nodes, values=values).handed_on(node.output, packed)


def _run(graph: Graph, notes: Notes) -> Graph:
    return rewrite(graph, lambda graph, node: _match(graph, node, notes))


MEAN = Pass(name="mean", run=_run, ensures=frozenset({"ReduceMean"}))
