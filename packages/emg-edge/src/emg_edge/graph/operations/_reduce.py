"""Reductions over axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _reduce_shape(shapes: list[Shape], node: Node) -> Shape:
    axes, keep = set(node.attrs["axes"]), node.attrs["keepdims"]
    need(axes <= set(range(len(shapes[0]))), f"axes {sorted(axes)} out of range")
    shape = [1 if axis in axes else extent for axis, extent in enumerate(shapes[0]) if keep or axis not in axes]
    return tuple(shape) or (1,)


def _reduce_mean(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    axes = tuple(axis + 1 for axis in node.attrs["axes"])
    y: NDArray[Any] = arrays[0].mean(axes, keepdims=bool(node.attrs["keepdims"]))
    return y.reshape(len(y), *(y.shape[1:] or (1,))).astype(arrays[0].dtype)


def _mean_shape(shapes: list[Shape], node: Node) -> Shape:
    outer, axis, inner = (node.attrs[key] for key in ("outer", "axis", "inner"))
    shape = tuple(node.attrs["shape"])
    need(outer * axis * inner == prod(shapes[0]) and outer * inner == prod(shape), "extents do not fit")
    return shape


def _mean(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    outer, axis, inner = (node.attrs[key] for key in ("outer", "axis", "inner"))
    y: NDArray[Any] = arrays[0].reshape(-1, outer, axis, inner).mean(2)
    return y.reshape(len(y), *node.attrs["shape"]).astype(arrays[0].dtype)


OPERATIONS = {
    "ReduceMean": Operation(group="reduce", shape=_reduce_shape, run=_reduce_mean),
    "mean": Operation(group="canonical", shape=_mean_shape, run=_mean),
}
