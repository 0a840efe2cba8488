"""Reductions over axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _reduce_shape(shapes: list[Shape], node: Node) -> Shape:
    axes, keep = set(node.attrs["axes"]), node.attrs["keepdims"]
    need(axes <= set(range(len(shapes[0]))), f"axes {sorted(axes)} out of range")
    shape = [1 if axis in axes else extent for axis, extent in enumerate(shapes[0]) if keep or axis not in axes]
    return tuple(shape) or (1,)


def _reduce(function: Callable[..., Any]) -> Callable[[Node, list[NDArray[Any]]], NDArray[Any]]:
    def run(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        axes = tuple(axis + 1 for axis in node.attrs["axes"])
        y: NDArray[Any] = function(arrays[0], axes, keepdims=bool(node.attrs["keepdims"]))
        return y.reshape(len(y), *(y.shape[1:] or (1,))).astype(arrays[0].dtype)

    return run


def _middle_shape(shapes: list[Shape], node: Node) -> Shape:
    outer, axis, inner = (node.attrs[key] for key in ("outer", "axis", "inner"))
    shape = tuple(node.attrs["shape"])
    need(outer * axis * inner == prod(shapes[0]) and outer * inner == prod(shape), "extents do not fit")
    return shape


def _seen(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the input as (n, outer, axis, inner)."""
    return arrays[0].reshape(-1, *(node.attrs[key] for key in ("outer", "axis", "inner")))


def _mean(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = _seen(node, arrays)
    y: NDArray[Any] = x.sum(2) if node.attrs.get("total") else x.mean(2)
    return y.reshape(len(y), *node.attrs["shape"]).astype(arrays[0].dtype)


def _largest(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x = _seen(node, arrays)
    y: NDArray[Any] = x.min(2) if node.attrs["lowest"] else x.max(2)
    return y.reshape(len(y), *node.attrs["shape"])


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMax": np.max,
    "ReduceMean": np.mean,
    "ReduceMin": np.min,
    "ReduceSum": np.sum,
}
OPERATIONS = {
    **{name: Operation(group="reduce", shape=_reduce_shape, run=_reduce(f)) for name, f in _REDUCTIONS.items()},
    "mean": Operation(group="canonical", shape=_middle_shape, run=_mean),
    "reduce_max": Operation(group="canonical", shape=_middle_shape, run=_largest),
}
