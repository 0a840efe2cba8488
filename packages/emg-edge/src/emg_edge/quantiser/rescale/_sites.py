"""Places where a factor per channel can move: a value, who writes it, and the products that alone read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._absorb import ABSORBERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

_RECEIVERS = {"conv", "linear"}


@dataclass(frozen=True, kw_only=True)
class Site:
    """One place.

    Parameters
    ----------
    value
        Its name.
    width
        Channels D of its last axis; the factor has one entry for each.
    family
        ``"migration"`` or ``"equalisation"``.
    """

    value: str
    width: int
    family: str


def find_sites(graph: Graph) -> list[Site]:
    """Return every place of a canonical graph, in order; grids and steps that the file gives are left alone."""
    found = []
    for node in graph.nodes:
        absorber = ABSORBERS.get(node.op)
        if absorber is None or node.output in graph.outputs or node.output in graph.given:
            continue
        width, readers = absorber.width(graph, node), graph.consumers.get(node.output, [])
        if width is not None and readers and all(_receives(graph, reader, node.output, width) for reader in readers):
            found.append(Site(value=node.output, width=width, family=absorber.family))
    return found


def _receives(graph: Graph, reader: Node, value: str, width: int) -> bool:
    if reader.op not in _RECEIVERS or "steps" in reader.attrs or reader.inputs.count(value) != 1:
        return False
    channels, grouped = _channels(graph, reader), reader.attrs.get("group", 1) > 1
    return reader.inputs[0] == value and (channels == width if grouped else channels % width == 0)


def _channels(graph: Graph, reader: Node) -> int:
    """Return how many neighbouring elements of its input a product's weights tell apart."""
    return int(graph.shape(reader.inputs[1])[-1]) * int(reader.attrs.get("group", 1))


def columns(graph: Graph, reader: Node, factor: NDArray[Any]) -> NDArray[Any]:
    """Return a factor per channel ``(D,)`` in a shape that multiplies the weights of a product."""
    weight, groups = graph.constants[reader.inputs[1]], int(reader.attrs.get("group", 1))
    whole = np.tile(factor, _channels(graph, reader) // len(factor))
    if groups == 1:
        return whole
    rows = np.repeat(whole.reshape(groups, -1), weight.shape[0] // groups, axis=0)  # (outputs, channels of a group)
    return rows.reshape(len(weight), *(1,) * (weight.ndim - 2), weight.shape[-1])


def apply(graph: Graph, site: Site, factor: NDArray[np.float64]) -> Graph:
    """Divide a value by a factor per channel where it is written and multiply it into the weights behind.

    Parameters
    ----------
    graph
        Canonical.
    site
        One of `find_sites`.
    factor
        ``(D,)``, > 0.

    Returns
    -------
    Graph
        That computes the same outputs; every constant that changed is a new one.
    """
    writer = graph.producers[site.value]
    absorber = ABSORBERS[writer.op]
    graph = _with(graph, absorber.source(graph, writer), absorber.divide(graph, writer, factor))
    for reader in graph.consumers[site.value]:
        weight = reader.inputs[1]
        graph = _with(graph, reader, {weight: graph.constants[weight] * columns(graph, reader, factor)})
    return graph


def _with(graph: Graph, node: Node, arrays: dict[str, NDArray[Any]]) -> Graph:
    """Return the graph with new constants for one node; other readers keep the old ones."""
    names = {old: graph.fresh(f"{old}.rescaled") for old in arrays}
    fresh = replace(node, inputs=tuple(names.get(name, name) for name in node.inputs))
    constants = {names[old]: array.astype(np.float32) for old, array in arrays.items()}
    return graph.substitute(node.output, [fresh], constants=constants)
