"""Pooling: windows over some axes of a value, as exporters write it and as (outer, H, W, inner).

A node in ONNX's name carries ``axes`` (those that windows run over, in any order) and one entry each in ``kernel``,
``strides``, ``dilations``, ``begin`` (padding in front), ``out`` (windows), ``low`` and ``high``: places from ``low``
up to ``high`` count in the divisor of an average, the padded ones of them as zeros.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node

WINDOW = ("kernel", "strides", "dilations", "begin", "out", "low", "high")


def taps(node: Node, axis: int, tap: int) -> NDArray[np.int64]:
    """Return the place that one tap of every window reads, ``(out,)``; it may lie outside."""
    strides, dilations, begin, out = (node.attrs[key][axis] for key in ("strides", "dilations", "begin", "out"))
    places: NDArray[np.int64] = np.arange(out) * strides - begin + tap * dilations
    return places


def _pool(x: NDArray[Any], node: Node, *, average: bool) -> NDArray[Any]:
    """Pool (n, outer, *extents, inner) over the axes between."""
    kernel, low, high = (node.attrs[key] for key in ("kernel", "low", "high"))
    sizes, out = x.shape[2:-1], tuple(node.attrs["out"])
    result = np.full((*x.shape[:2], *out, x.shape[-1]), 0.0 if average else -np.inf, x.dtype)
    count = np.zeros(out)
    for tap in product(*(range(extent) for extent in kernel)):
        places = [taps(node, axis, at) for axis, at in enumerate(tap)]
        read = x
        for axis, (place, size) in enumerate(zip(places, sizes, strict=True)):
            read = read.take(np.clip(place, 0, size - 1), axis + 2)
        inside = _all([(p >= 0) & (p < size) for p, size in zip(places, sizes, strict=True)])[..., None]
        if average:
            result = result + np.where(inside, read, 0.0)
            count += _all([(p >= a) & (p < b) for p, a, b in zip(places, low, high, strict=True)])
        else:
            result = np.where(inside, np.maximum(result, read), result)
    return result / count[..., None] if average else result


def _all(masks: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return where every axis' mask holds, one axis each."""
    whole = np.ones((1,) * len(masks), bool)
    for axis, mask in enumerate(masks):
        whole = whole & mask.reshape(*(-1 if a == axis else 1 for a in range(len(masks))))
    return whole


def _windowed_shape(shapes: list[Shape], node: Node) -> Shape:
    axes = node.attrs["axes"]
    need(len(axes) in {1, 2} and all(len(node.attrs[key]) == len(axes) for key in WINDOW), "one or two axes of windows")
    need(min(*node.attrs["kernel"], *node.attrs["strides"], *node.attrs["dilations"]) >= 1, "windows must be >= 1")
    out = dict(zip(axes, node.attrs["out"], strict=True))
    need(set(axes) <= set(range(len(shapes[0]))), f"axes {axes} out of range")
    for place, axis in enumerate(axes):
        seen = [taps(node, place, tap) for tap in range(node.attrs["kernel"][place])]
        inside = np.array([(p >= 0) & (p < shapes[0][axis]) for p in seen]).any(0)
        need(bool(inside.all()), f"a window along axis {axis} lies in the padding alone")
    return tuple(out.get(axis, extent) for axis, extent in enumerate(shapes[0]))


def _windowed(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    axes = tuple(axis + 1 for axis in node.attrs["axes"])
    rest = tuple(axis for axis in range(1, arrays[0].ndim) if axis not in axes)
    order = (0, *rest, *axes)
    x = arrays[0].transpose(order)
    seen = x.reshape(len(x), -1, *x.shape[1 + len(rest) :], 1)
    y = _pool(seen, node, average=node.op == "AveragePool")
    y = y.reshape(len(x), *x.shape[1 : 1 + len(rest)], *node.attrs["out"])
    result: NDArray[Any] = y.transpose(np.argsort(order)).astype(arrays[0].dtype)
    return result


def _pool_shape(shapes: list[Shape], node: Node) -> Shape:
    outer, size, inner, out = (node.attrs[key] for key in ("outer", "size", "inner", "out"))
    shape = tuple(node.attrs["shape"])
    need(outer * prod(size) * inner == prod(shapes[0]) and outer * prod(out) * inner == prod(shape), "sizes differ")
    return shape


def _run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = arrays[0].reshape(len(arrays[0]), node.attrs["outer"], *node.attrs["size"], node.attrs["inner"])
    y = _pool(x, node, average=node.op == "average_pool")
    return y.reshape(len(x), *node.attrs["shape"]).astype(x.dtype)


OPERATIONS = {
    "AveragePool": Operation(group="pool", shape=_windowed_shape, run=_windowed),
    "MaxPool": Operation(group="pool", shape=_windowed_shape, run=_windowed),
    "average_pool": Operation(group="canonical", shape=_pool_shape, run=_run),
    "max_pool": Operation(group="canonical", shape=_pool_shape, run=_run),
}
