"""Grids that a quantised file demands: each finds the value that it belongs to, or is listed as superseded.

What only moves has the grid of its source, so a grid behind a Reshape or Transpose belongs in front of it; where the
parts of one value have different grids, each part is requantised. A grid whose value lives inside one canonical node
(scores of attention, the variance of a LayerNorm, the inside of a GELU) is superseded by that node's arithmetic.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge._errors import Unsupported, UnsupportedError
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.graph.operations import MOVEMENT

from ._pass import Notes, Pass
from ._views import index_map


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    given = graph.given
    sources = {name: source for name in given if (source := _source(graph, name)) is not None}
    for name, source in sources.items():
        demands = {given[other] for other, root in sources.items() if root == source}
        demands |= {given[source]} if source in given else set()
        alone = len(demands) == 1 or given.get(source) == given[name]
        graph = graph.handed_on(name, source) if alone else _requantised(graph, name)
    return graph


def _source(graph: Graph, name: str) -> str | None:
    """Return the value that one with grids is moved from, or None where it is none that is moved."""
    node = graph.producers.get(name)
    moved = node is not None and node.op in MOVEMENT and len(graph.dynamic(node)) == 1
    whole = all(len(grid.scale) == 1 for grid in graph.given[name])
    return index_map(graph, name)[0] if moved and whole else None


def _requantised(graph: Graph, name: str) -> Graph:
    """Let every reader of a value read it on its own grid."""
    fresh = graph.fresh(f"{name}.requantised")
    grids, shape = graph.given[name], graph.shape(name)
    node = Node(op="requantise", name=grids[0].node, inputs=(name,), output=fresh, attrs={"shape": shape})
    body: list[Node] = []
    for other in graph.nodes:
        body.append(replace(other, inputs=tuple(fresh if i == name else i for i in other.inputs)))
        if other.output == name:
            body.append(node)
    given = {key: value for key, value in graph.given.items() if key != name}
    return replace(
        graph,
        nodes=tuple(body),
        values={**graph.values, fresh: Value(name=fresh, shape=shape)},
        outputs=tuple(fresh if output == name else output for output in graph.outputs),
        given={**given, fresh: grids},
    )


GIVEN = Pass(name="given", run=_run)


def settle_grids(graph: Graph) -> Graph:
    """Return the canonical graph with the grids of values that it has, the others listed as superseded.

    Raises
    ------
    UnsupportedError
        Listing every QuantizeLinear node whose value has two grids of one type.
    """
    kept = {name: grids for name, grids in graph.given.items() if name in graph.values}
    lost = tuple(grid for name, grids in graph.given.items() if name not in kept for grid in grids)
    twice = [
        Unsupported(grid.node, "QuantizeLinear", f"its value has two {grid.dtype} grids", "give it one")
        for grids in kept.values()
        for grid in grids
        if [other.dtype for other in grids].count(grid.dtype) > 1
    ]
    if twice:
        raise UnsupportedError(twice)
    return replace(graph, given=kept, superseded=(*graph.superseded, *lost))
