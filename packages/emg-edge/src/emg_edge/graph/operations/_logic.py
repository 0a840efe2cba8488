"""Conditions, as masks are made of: true is 1, anything but 0 counts as true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

from ._elementwise import aligned, same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _condition(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        del node
        result: NDArray[Any] = function(*aligned(arrays))
        return result.astype(np.result_type(*arrays))

    return run


def _broadcast(count: int) -> Callable[[list[Shape], Node], Shape]:
    def rule(shapes: list[Shape], node: Node) -> Shape:
        del node
        need(len(shapes) == count, f"takes {count} inputs")
        return np.broadcast_shapes(*shapes)

    return rule


def _where(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    del node
    condition, a, b = aligned(arrays)
    return np.where(condition != 0, a, b)


_UNARY: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {"IsNaN": np.isnan, "Not": np.logical_not}
_BINARY: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
}
OPERATIONS = {
    **{name: Operation(group="unary", shape=same_shape, run=_condition(f)) for name, f in _UNARY.items()},
    **{name: Operation(group="binary", shape=_broadcast(2), run=_condition(f)) for name, f in _BINARY.items()},
    "Where": Operation(group="binary", shape=_broadcast(3), run=_where),
}
