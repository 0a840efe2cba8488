"""Canonical element-wise nodes: sums, sums with constants, any function of one variable."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _add_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(len(shapes) == 2 and prod(shapes[0]) == prod(shapes[1]) == prod(shape), "sizes differ")
    return shape


def _add(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    a, b = (array.reshape(-1, *node.attrs["shape"]) for array in arrays)
    result: NDArray[Any] = a + b
    return result


def _add_constant_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(
        len(shapes[1]) == 2 and prod(shapes[1]) * node.attrs["repeat"] == prod(shapes[0]) == prod(shape), "sizes differ"
    )
    return shape


def _add_constant(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, value = arrays[0], arrays[1][0]
    rows, width = value.shape
    y: NDArray[Any] = x.reshape(len(x), rows, node.attrs["repeat"], width) + value[:, None, :]
    return y.reshape(len(x), *node.attrs["shape"])


def _table_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(len(shapes) == 1 and prod(shape) == prod(shapes[0]), "sizes differ")
    return shape


def _table(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    from emg_edge.graph._float import apply_body

    return apply_body(node.attrs["body"], arrays[0]).reshape(-1, *node.attrs["shape"])


OPERATIONS = {
    "add": Operation(group="canonical", shape=_add_shape, run=_add),
    "add_constant": Operation(group="canonical", shape=_add_constant_shape, run=_add_constant),
    "table": Operation(group="canonical", shape=_table_shape, run=_table),
}
