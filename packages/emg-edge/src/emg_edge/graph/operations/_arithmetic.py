"""Canonical element-wise nodes: arithmetic of two values, gains and offsets per channel, functions of one variable."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need
from emg_edge.kernels._strided import offsets

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _pair_shape(shapes: list[Shape], node: Node) -> Shape:
    """Two operands of one size, or attributes extent, stride_a and stride_b that broadcast them."""
    shape = tuple(node.attrs["shape"])
    extent = node.attrs.get("extent", ())
    equal = prod(shapes[0]) == prod(shapes[1]) == prod(shape)
    need(len(shapes) == 2 and (prod(extent) == prod(shape) if extent else equal), "sizes differ")
    return shape


def _pair(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        a, b = (array.reshape(len(array), -1) for array in arrays)
        if extent := node.attrs.get("extent"):
            a, b = (x[:, offsets(extent, node.attrs[key])] for x, key in ((a, "stride_a"), (b, "stride_b")))
        result: NDArray[Any] = function(a, -b if node.attrs.get("subtract") else b)
        return result.reshape(-1, *node.attrs["shape"])

    return run


def _affine_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    outer, rows, repeat, width = (node.attrs[key] for key in ("outer", "rows", "repeat", "width"))
    need(outer * rows * repeat * width == prod(shapes[0]) == prod(shape), "sizes differ")
    need(len(shapes) in {3, 4} and set(shapes[1:]) <= {(1, 1), (rows, width)}, "constants do not fit")
    return shape


def _affine(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    outer, rows, repeat, width = (node.attrs[key] for key in ("outer", "rows", "repeat", "width"))
    x = arrays[0].reshape(-1, outer, rows, repeat, width)
    constants = [array[0][:, None, :] for array in arrays[1:]]
    gain = constants[0] if len(constants) == 2 else np.where(x < 0, constants[2], constants[0])
    y: NDArray[Any] = x * gain + constants[1]
    return y.reshape(len(x), *node.attrs["shape"])


def _table_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(len(shapes) == 1 and prod(shape) == prod(shapes[0]), "sizes differ")
    return shape


def _table(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    from emg_edge.graph._float import apply_body

    return apply_body(node.attrs["body"], arrays[0]).reshape(-1, *node.attrs["shape"])


_PAIRS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "div": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
}
OPERATIONS = {
    **{name: Operation(group="canonical", shape=_pair_shape, run=_pair(f)) for name, f in _PAIRS.items()},
    "affine": Operation(group="canonical", shape=_affine_shape, run=_affine),
    "table": Operation(group="canonical", shape=_table_shape, run=_table),
}
