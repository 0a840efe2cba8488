"""Products: of two values, of a value and a weight, and convolutions."""

from __future__ import annotations

import math
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


def _conv_shape(shapes: list[Shape], node: Node) -> Shape:
    x, w = shapes[0], shapes[1]
    strides, pads, dilations = (tuple(node.attrs[key]) for key in ("strides", "pads", "dilations"))
    spatial = len(x) - 2
    need(spatial in {1, 2} and len(w) == len(x), "only 1-D and 2-D convolutions")
    need(
        len(strides) == len(dilations) == spatial and len(pads) == 2 * spatial, "strides, pads or dilations do not fit"
    )
    need(min(*strides, *dilations) >= 1 and min(pads) >= 0, "strides and dilations must be >= 1, pads >= 0")
    group = node.attrs["group"]
    need(group >= 1 and x[1] == w[1] * group and w[0] % group == 0, "channels do not fit the groups")
    need(len(shapes) == 2 or shapes[2] == (w[0],), "bias does not fit")
    out = [
        (x[i + 2] + pads[i] + pads[i + spatial] - dilations[i] * (w[i + 2] - 1) - 1) // strides[i] + 1
        for i in range(spatial)
    ]
    return (x[0], w[0], *out)


def _conv(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Convolve by gathering windows: ``(n, 1, Cin, *spatial)`` with ``(Cout, Cin / group, *kernel)``."""
    x, w = arrays[0][:, 0], arrays[1][0]
    group, kernel = node.attrs["group"], w.shape[2:]
    spatial, pads = len(kernel), node.attrs["pads"]
    x = np.pad(x, ((0, 0), (0, 0), *((pads[i], pads[i + spatial]) for i in range(spatial))))
    axes = tuple(range(2, 2 + spatial))
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, node.attrs["dilations"], strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    step = tuple(slice(None, None, s) for s in node.attrs["strides"])
    taps = tuple(slice(None, None, d) for d in node.attrs["dilations"])
    windows = windows[(slice(None), slice(None), *step, *taps)]
    n, out = len(x), windows.shape[2 : 2 + spatial]
    order = (0, 1, *(2 + i for i in range(1, 1 + spatial)), 2, *(2 + i for i in range(1 + spatial, 1 + 2 * spatial)))
    split = windows.reshape(n, group, -1, *out, *kernel)  # n, group, cin, *out, *kernel
    patches = split.transpose(order).reshape(n, group, math.prod(out), -1)
    y = patches @ w.reshape(group, w.shape[0] // group, -1).swapaxes(1, 2)
    y = y.swapaxes(2, 3).reshape(n, 1, w.shape[0], *out)
    result: NDArray[Any] = y + arrays[2][0].reshape(-1, *(1,) * spatial) if len(arrays) > 2 else y
    return result


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
    "Conv": Operation(group="product", shape=_conv_shape, run=_conv),
    "MatMul": Operation(group="product", shape=_matmul_shape, run=_matmul),
    "linear": Operation(group="canonical", shape=_linear_shape, run=_linear),
}
