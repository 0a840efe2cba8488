"""Grids that a quantised file demands: each finds the value that it belongs to, or is listed as superseded.

What only moves has the grid of its source, so a grid behind a Reshape or Transpose belongs in front of it; where the
parts of one value have different grids, each part is requantised in the end. A grid whose value lives inside one
canonical node (scores of attention, the variance of a LayerNorm, the inside of a GELU) is superseded by that node's
arithmetic.
"""

from __future__ import annotations

from dataclasses import replace

from emg_edge._errors import Unsupported, UnsupportedError
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.graph.operations import MOVEMENT

from ._pass import Notes, Pass
from ._views import index_map

_THROUGH = MOVEMENT - {"Requantise"}


def _hand_on(graph: Graph, notes: Notes) -> Graph:
    """Give the source of what moves the grid that all its parts agree on."""
    del notes
    for source, names in _moved(graph).items():
        demands = {graph.given[name] for name in (*names, source) if name in graph.given}
        for name in names if len(demands) == 1 else ():
            graph = graph.handed_on(name, source)
    return graph


def _moved(graph: Graph) -> dict[str, list[str]]:
    """Return the values with grids that are moved from another one, by that one."""
    found: dict[str, list[str]] = {}
    for name, grids in graph.given.items():
        node = graph.producers.get(name)
        if node is not None and node.op in _THROUGH and len(graph.dynamic(node)) == 1 and len(grids[0].scale) == 1:
            found.setdefault(index_map(graph, name, _THROUGH)[0], []).append(name)
    return found


def _regrid(graph: Graph, notes: Notes) -> Graph:
    """Requantise the parts of a value that have grids of their own, and make every change of grid canonical."""
    del notes
    for source, names in _moved(graph).items():
        for name in names:
            same = graph.given[name] == graph.given.get(source)
            graph = graph.handed_on(name, source) if same else _requantised(graph, name)
    nodes = (
        replace(node, op="requantise", attrs={"shape": graph.shape(node.output)}) if node.op == "Requantise" else node
        for node in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes))


def _requantised(graph: Graph, name: str) -> Graph:
    """Let every reader of a value read it on its own grid."""
    fresh = graph.fresh(f"{name}.requantised")
    grids, shape = graph.given[name], graph.shape(name)
    node = Node(op="Requantise", name=grids[0].node, inputs=(name,), output=fresh)
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


GIVEN = Pass(name="given", run=_hand_on)
REGRID = Pass(name="regrid", run=_regrid, ensures=frozenset({"Requantise"}))


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
