"""Products: of two values, of a value and a weight."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

from ._elementwise import aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _matmul_shape(shapes: list[Shape], node: Node) -> Shape:
    del node
    a, b = shapes
    need(len(a) >= 2 and len(b) >= 2 and a[-1] == b[-2], "inner extents differ")
    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])


def _linear_shape(shapes: list[Shape], node: Node) -> Shape:
    x, w, b = shapes
    shape = tuple(node.attrs["shape"])
    need(len(w) == 2 and prod(x) % w[1] == 0 and b == w[:1], "input, weight (N, K) and bias (N,) do not fit")
    need(prod(shape) == prod(x) // w[1] * w[0], f"rows of {w[0]} do not fill {shape}")
    return shape


def _linear(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, weight, bias = arrays[0], arrays[1][0], arrays[2][0]
    y: NDArray[Any] = (x.reshape(-1, weight.shape[1]) @ weight.T + bias).reshape(len(x), *node.attrs["shape"])
    body = node.attrs.get("body")
    if body is None:
        return y
    from emg_edge.graph._float import apply_body

    return apply_body(body, y)


def _matmul(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    del node
    result: NDArray[Any] = np.matmul(*aligned(arrays))
    return result


OPERATIONS = {
    "MatMul": Operation(group="product", shape=_matmul_shape, run=_matmul),
    "linear": Operation(group="canonical", shape=_linear_shape, run=_linear),
}
