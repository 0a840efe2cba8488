"""Which grids of a quantised file its program does not have, and why, for the warnings of compile."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ._given import channels_fit, demand, handed_back
from ._grids import fused_channels, readers_of
from .lowering import LOWERINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emg_edge.graph._graph import GivenGrid, Graph

_INSIDE = "lives inside an integer operator, whose own arithmetic is finer"
_ATTENTION = "is q, k or v, which attention reads on one symmetric int8 grid a head"
_KEPT = "is copied or chosen from a value with another grid, which it keeps"


def grid_warnings(graph: Graph) -> list[str]:
    """Return one warning per reason, naming the QuantizeLinear nodes.

    Parameters
    ----------
    graph
        Canonical.
    """
    graph = handed_back(graph)
    found: dict[str, list[str]] = defaultdict(list)
    for grid in graph.superseded:
        found[_INSIDE].append(grid.node)
    fused = fused_channels(graph)
    for name, grids in graph.given.items():
        for grid, why in _dropped(graph, name, grids, fused):
            found[why].append(grid.node)
    return [
        f"{len(nodes)} grids of the file give way, because each one's value {why}: {', '.join(nodes)}"
        for why, nodes in found.items()
    ]


def _dropped(
    graph: Graph, name: str, grids: tuple[GivenGrid, ...], fused: dict[str, list[NDArray[np.int64]]]
) -> list[tuple[GivenGrid, str]]:
    node = graph.producers.get(name)
    if name in fused:
        count = graph.shape(graph.producers[name].inputs[1])[0]
        fits = all(channels_fit(grids, index, count) for index in fused[name])
        return [] if fits else [(grid, _ATTENTION) for grid in grids]
    if node is not None and LOWERINGS[node.op].keeps_grid:
        return [] if grids == graph.given.get(node.inputs[0]) else [(grid, _KEPT) for grid in grids]
    found = demand(graph, name, readers_of(graph, name)[0])
    return [(grid, f"has a writer or reader that cannot use it ({why})") for grid, why in found.dropped]


def honoured_grids(graph: Graph) -> Graph:
    """Return the graph with the grids alone that its program has."""
    fused = fused_channels(graph)
    kept = {}
    for name, grids in graph.given.items():
        dropped = [grid for grid, _ in _dropped(graph, name, grids, fused)]
        kept[name] = tuple(grid for grid in grids if grid not in dropped)
    return replace(graph, given={name: grids for name, grids in kept.items() if grids})
