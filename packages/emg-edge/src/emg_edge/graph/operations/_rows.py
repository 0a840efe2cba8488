"""Canonical softmax of rows, its logarithm, and products of two values."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

from ._normalise import log_softmax, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _rows_shape(shapes: list[Shape], node: Node) -> Shape:
    shape, width = tuple(node.attrs["shape"]), node.attrs["width"]
    need(prod(shape) == prod(shapes[0]) and prod(shape) % width == 0, "rows do not fit")
    need(len(shapes) == 1 or (len(shapes[1]) == 2 and shapes[1][1] == width), "a mask needs (period, width)")
    return shape


def _softmax(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = arrays[0].reshape(len(arrays[0]), -1, node.attrs["width"])
    if len(arrays) == 2:
        mask = arrays[1][0]
        x = np.where(mask[np.arange(x.shape[1]) % len(mask)] != 0, x, -np.inf).astype(x.dtype)
    return softmax(x, -1).reshape(len(x), *node.attrs["shape"])


def _log_softmax(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = arrays[0].reshape(len(arrays[0]), -1, node.attrs["width"])
    return log_softmax(x, -1).reshape(len(x), *node.attrs["shape"])


def _extents(node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    batch, rows, depth, columns = (node.attrs[key] for key in ("batch", "rows", "depth", "columns"))
    return (*batch, rows, depth), (*batch, depth, columns)


def _matmul_shape(shapes: list[Shape], node: Node) -> Shape:
    shape, a = tuple(node.attrs["shape"]), _extents(node)[0]
    need(prod(shape) == prod(a[:3]) * node.attrs["columns"], "extents do not fit")
    for own, layout, extents in zip(
        shapes, (node.attrs["a_layout"], node.attrs["b_layout"]), _extents(node), strict=True
    ):
        last = layout[0] + sum(step * (extent - 1) for step, extent in zip(layout[1:], extents, strict=True))
        need(min(layout) >= 0 and last < prod(own), "a layout leaves its operand")
    return shape


def _matmul(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    parts = []
    for array, layout, extents in zip(
        arrays, (node.attrs["a_layout"], node.attrs["b_layout"]), _extents(node), strict=True
    ):
        axes = np.ogrid[tuple(slice(extent) for extent in extents)]
        places = layout[0] + sum(axis * step for axis, step in zip(axes, layout[1:], strict=True))
        parts.append(array.reshape(len(array), -1)[:, places])
    product: NDArray[Any] = parts[0] @ parts[1]
    return product.reshape(len(product), *node.attrs["shape"])


OPERATIONS = {
    "log_softmax": Operation(group="canonical", shape=_rows_shape, run=_log_softmax),
    "matmul": Operation(group="canonical", shape=_matmul_shape, run=_matmul),
    "softmax": Operation(group="canonical", shape=_rows_shape, run=_softmax),
}
