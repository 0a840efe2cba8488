"""Who can write a value divided by a factor per channel, and which constants that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_edge.graph._float import apply_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

    Constants = dict[str, NDArray[Any]]

_GRID = np.concatenate([-np.geomspace(1e-3, 30.0, 60), [0.0], np.geomspace(1e-3, 30.0, 60)])


@dataclass(frozen=True, kw_only=True)
class Absorber:
    """How one operation takes a factor.

    Parameters
    ----------
    family
        ``"migration"``: out of an activation that a normalisation or an attention writes; ``"equalisation"``: between
        two products.
    width
        Channels of the last axis of what the node writes, or None where it cannot take a factor.
    source
        The node whose constants change, which is the node itself but for attention.
    divide
        New arrays of the source's constant inputs, its outputs divided by the factor.
    """

    family: Literal["migration", "equalisation"]
    width: Callable[[Graph, Node], int | None]
    divide: Callable[[Graph, Node, NDArray[np.float64]], Constants]
    source: Callable[[Graph, Node], Node]


def _itself(graph: Graph, node: Node) -> Node:
    del graph
    return node


def _norm_width(graph: Graph, node: Node) -> int | None:
    if node.attrs.get("repeat", 1) != 1 or node.attrs.get("groups", 1) != 1:
        return None  # channels of groups do not stand on the last axis
    return int(graph.shape(node.inputs[1])[0])


def _norm_divide(graph: Graph, node: Node, factor: NDArray[np.float64]) -> Constants:
    return {name: graph.constants[name] / factor for name in node.inputs[1:]}


def _product_width(graph: Graph, node: Node) -> int | None:
    if "steps" in node.attrs or node.attrs.get("before") or not _homogeneous(node):
        return None
    return int(graph.shape(node.inputs[1])[0])


def _homogeneous(node: Node) -> bool:
    """Whether what is fused behind a product commutes with positive factors, as ReLU does."""
    body = node.attrs.get("body")
    if body is None:
        return True
    with np.errstate(all="ignore"):
        plain, half = (apply_body(body, factor * _GRID) for factor in (1.0, 0.5))
    return bool(np.allclose(half, 0.5 * plain, rtol=1e-6, atol=1e-9))


def _product_divide(graph: Graph, node: Node, factor: NDArray[np.float64]) -> Constants:
    weight, bias = node.inputs[1:3]
    rows = graph.constants[weight]
    return {
        weight: rows / factor.reshape(-1, *(1,) * (rows.ndim - 1)),
        bias: graph.constants[bias] / factor,
    }


def _values(graph: Graph, node: Node) -> tuple[Node, NDArray[np.int64]] | None:
    """Return the linear node that writes v, and its rows ``(heads * width,)`` in the order of the output."""
    producer = graph.producers.get(node.inputs[2])
    if producer is None or producer.op != "linear" or "body" in producer.attrs or "steps" in producer.attrs:
        return None
    if graph.sole_consumer(producer.output) is not node or producer.output in graph.given:
        return None
    if node.attrs.get("group", 1) != 1:
        return None
    rows, row = _channels(node, 2), node.attrs["layout"][8]
    others = [_channels(node, part) for part in range(2) if node.inputs[part] == node.inputs[2]]
    total = graph.shape(producer.inputs[1])[0]
    apart = not np.isin(rows, np.concatenate(others)).any() if others else True
    own = len(np.unique(rows)) == len(rows) and int(rows.max()) < total == row
    return (producer, rows) if own and apart else None


def _channels(node: Node, part: int) -> NDArray[np.int64]:
    """Return the channels ``(heads * width,)`` of q, k or v within a row of its source."""
    base, head, _ = node.attrs["layout"][3 * part : 3 * part + 3]
    index: NDArray[np.int64] = base + head * np.arange(node.attrs["heads"])[:, None] + np.arange(node.attrs["width"])
    return index.reshape(-1)


def _attention_width(graph: Graph, node: Node) -> int | None:
    found = _values(graph, node)
    return None if found is None else len(found[1])


def _attention_source(graph: Graph, node: Node) -> Node:
    found = _values(graph, node)
    return node if found is None else found[0]


def _attention_divide(graph: Graph, node: Node, factor: NDArray[np.float64]) -> Constants:
    found = _values(graph, node)
    if found is None:
        return {}
    producer, rows = found
    whole = np.ones(graph.shape(producer.inputs[1])[0])
    whole[rows] = factor
    return _product_divide(graph, producer, whole)


_NORM = Absorber(family="migration", width=_norm_width, divide=_norm_divide, source=_itself)
_PRODUCT = Absorber(family="equalisation", width=_product_width, divide=_product_divide, source=_itself)
ABSORBERS: dict[str, Absorber] = {
    "attention": Absorber(
        family="migration", width=_attention_width, divide=_attention_divide, source=_attention_source
    ),
    "conv": _PRODUCT,
    "layernorm": _NORM,
    "linear": _PRODUCT,
    "rmsnorm": _NORM,
}
