"""Grids that a quantised file demands: handed on to the value behind pure movement, and refused where none is left.

What only moves has the grid of its source, so a grid that stands behind a Reshape or Transpose belongs in front of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge._errors import Unsupported, UnsupportedError
from emg_edge.graph.operations import MOVEMENT

from ._pass import Notes, Pass
from ._views import index_map

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph

_ADVICE = "quantise inputs, weights and results of layers, nothing inside attention, LayerNorm or an activation"


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    for name in list(graph.given):
        node = graph.producers.get(name)
        if node is not None and node.op in MOVEMENT and len(graph.dynamic(node)) == 1:
            whole = all(len(grid.scale) == 1 for grid in graph.given[name])
            graph = graph.handed_on(name, index_map(graph, name)[0]) if whole else graph
    return graph


GIVEN = Pass(name="given", run=_run)


def refuse_lost_grids(graph: Graph) -> None:
    """Raise for grids of values that the canonical graph no longer has, or that are demanded twice.

    Raises
    ------
    UnsupportedError
        Listing every QuantizeLinear node whose grid cannot be honoured.
    """
    found = []
    for name, grids in graph.given.items():
        lost = name not in graph.values
        dtypes = [grid.dtype for grid in grids]
        for grid in grids:
            if lost or dtypes.count(grid.dtype) > 1:
                why = (
                    "its value is computed inside an integer operator that has grids of its own"
                    if lost
                    else f"its value has two {grid.dtype} grids"
                )
                found.append(Unsupported(grid.node, "QuantizeLinear", why, _ADVICE if lost else "give it one"))
    if found:
        raise UnsupportedError(found)
