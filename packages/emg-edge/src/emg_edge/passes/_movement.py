"""Data movement: canonical nodes read row-major memory, so a chain that keeps the order costs nothing.

Each chain of movement and padding in front of a canonical node is composed into one map; (1) the identity disappears,
(2) a map that is affine in each axis (transposition, slice, reversal, repetition, zeros around) becomes one ``move``,
(3) anything else becomes one ``gather`` of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.graph._graph import Graph, Node
from emg_edge.graph.operations import CANONICAL, MOVEMENT, PADDING

from ._boxes import as_box, as_rows
from ._pass import Notes, Pass
from ._views import padded_map

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _resolve(graph: Graph, node: Node) -> Graph:
    """Replace the chain that ends in a node."""
    name = node.output
    source, index = padded_map(graph, name)
    size = int(np.prod(graph.shape(source)))
    if len(index) == size and np.array_equal(index, np.arange(size)):  # case 1
        return graph.alias(name, source)
    op, attrs = written(index)
    copy = Node(
        op=op,
        name=node.name,
        inputs=(source,),
        output=name,
        attrs={**attrs, "shape": graph.shape(name)},
        scope=node.scope,
    )
    return graph.substitute(name, [copy]).handed_on(name, source)


def written(index: NDArray[np.int64]) -> tuple[str, dict[str, object]]:
    """Return operation and attributes that move elements by a map (-1: a zero)."""
    box = as_box(index)
    if box is not None:  # case 2
        return "move", dict(vars(box))
    return "gather", dict(vars(as_rows(index)))  # case 3


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes

    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op not in MOVEMENT | PADDING:
            return None
        readers = graph.consumers.get(node.output, [])
        wanted = node.output in graph.outputs or any(reader.op in CANONICAL for reader in readers)
        return _resolve(graph, node) if wanted else None

    for output in [node.output for node in reversed(graph.nodes)]:  # whole chains before their parts
        node = graph.producers.get(output)
        graph = (match(graph, node) if node is not None else None) or graph
    return graph


MOVEMENT_PASS = Pass(name="movement", run=_run, ensures=MOVEMENT | PADDING)
