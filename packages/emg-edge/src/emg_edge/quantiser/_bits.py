"""How many bits the weights of each product have: written into its node as ``attrs["weight_bits"]``, where not 8."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

from .lowering import LOWERINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_edge.graph._graph import Graph, Node


def with_weight_bits(graph: Graph, choice: int | Mapping[str, int]) -> Graph:
    """Return a canonical graph whose products know the bits of their weights.

    Parameters
    ----------
    graph
        Canonical.
    choice
        For every product whose weights the file did not quantise, or by the name of a layer.

    Raises
    ------
    EmgEdgeError
        Naming the layers that are no products, or whose steps the file gives.
    """
    products = {node.name: node for node in graph.nodes if is_weighted(graph, node)}
    wanted = dict.fromkeys(products, choice) if isinstance(choice, int) else dict(choice)
    unknown = sorted(set(wanted) - set(products))
    if unknown:
        raise EmgEdgeError(
            f"weight_bits names {unknown}; layers with weights of their own are {sorted(products)}; name those"
        )
    chosen = {products[name].output: bits for name, bits in wanted.items() if bits != 8}
    nodes = tuple(
        replace(node, attrs={**node.attrs, "weight_bits": chosen[node.output]}) if node.output in chosen else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes) if chosen else graph


def is_weighted(graph: Graph, node: Node) -> bool:
    """Whether a node is a product whose constant weights may get steps of our choice."""
    reads = LOWERINGS[node.op].reads == "product"
    return reads and len(node.inputs) > 1 and node.inputs[1] in graph.constants and "steps" not in node.attrs
