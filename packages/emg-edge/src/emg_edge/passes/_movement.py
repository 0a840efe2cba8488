"""Data movement: canonical nodes read row-major memory, so a chain that keeps the order costs nothing.

Each chain of movement in front of a canonical node is composed into one map; (1) the identity disappears, (2) a
permutation of at most four axes becomes one ``transpose``, (3) anything else is refused.
"""

from __future__ import annotations

import numpy as np

from emg_edge.graph._graph import Graph, Node
from emg_edge.graph.operations import CANONICAL, MOVEMENT

from ._pass import Notes, Pass, rewrite
from ._views import as_transpose, index_map

_ADVICE = "keep the order of elements, or permute whole axes (at most four)"


def _resolve(graph: Graph, name: str, notes: Notes) -> Graph | None:
    """Replace the chain that ends in ``name``."""
    node = graph.producers[name]
    source, index = index_map(graph, name)
    size = int(np.prod(graph.shape(source)))
    if len(index) == size and np.array_equal(index, np.arange(size)):  # case 1
        return graph.alias(name, source)
    move = as_transpose(index) if len(index) == size else None
    if move is None or len(move[0]) > 4:  # case 3
        notes.refuse(
            node, f"moves {graph.shape(source)} to {graph.shape(name)} in no order that is one transposition", _ADVICE
        )
        return None
    fused = Node(
        op="transpose",
        name=node.name,
        inputs=(source,),
        output=name,
        attrs={"view": move[0], "perm": move[1], "shape": graph.shape(name)},
        scope=node.scope,
    )
    return graph.substitute(name, [fused]).handed_on(name, source)  # case 2


def _run(graph: Graph, notes: Notes) -> Graph:
    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op not in MOVEMENT:
            return None
        readers = graph.consumers.get(node.output, [])
        wanted = node.output in graph.outputs or any(reader.op in CANONICAL for reader in readers)
        return _resolve(graph, node.output, notes) if wanted else None

    return rewrite(graph, match)


MOVEMENT_PASS = Pass(name="movement", run=_run)
