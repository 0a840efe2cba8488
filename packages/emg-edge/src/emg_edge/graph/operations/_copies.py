"""Canonical nodes that copy: strided boxes, gathered rows, concatenation of several values."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need
from emg_edge.kernels._strided import offsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _move_shape(shapes: list[Shape], node: Node) -> Shape:
    need(len(shapes) == 1, "takes one input")
    return tuple(node.attrs["shape"])


def _move(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    extent, shape = node.attrs["extent"], node.attrs["shape"]
    x = arrays[0].reshape(len(arrays[0]), -1)
    y = np.zeros((len(x), prod(shape)), x.dtype)
    target = offsets(extent, node.attrs["out_stride"], node.attrs["out_base"])
    y[:, target] = x[:, offsets(extent, node.attrs["stride"], node.attrs["base"])]
    return y.reshape(len(x), *shape)


def _gather_shape(shapes: list[Shape], node: Node) -> Shape:
    outer, index, inner = (node.attrs[key] for key in ("outer", "index", "inner"))
    shape = tuple(node.attrs["shape"])
    need(len(shapes) == 1 and outer * len(index) * inner == prod(shape), "rows do not fill the shape")
    return shape


def _gather(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    outer, step, index, inner = (node.attrs[key] for key in ("outer", "step", "index", "inner"))
    x = arrays[0].reshape(len(arrays[0]), -1)
    y = x[:, step * np.arange(outer)[:, None, None] + inner * np.maximum(index, 0)[:, None] + np.arange(inner)]
    y[:, :, index < 0] = 0.0
    return y.reshape(len(x), *node.attrs["shape"])


def _concat_shape(shapes: list[Shape], node: Node) -> Shape:
    outer, inner = node.attrs["outer"], node.attrs["inner"]
    shape = tuple(node.attrs["shape"])
    need(all(prod(part) % (outer * inner) == 0 for part in shapes), "parts do not split into rows")
    need(sum(prod(part) for part in shapes) == prod(shape), "parts do not fill the shape")
    return shape


def _concat(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    n, outer, inner = max(len(a) for a in arrays), node.attrs["outer"], node.attrs["inner"]
    parts = [a.reshape(len(a), outer, -1, inner) for a in arrays]
    y = np.concatenate([np.broadcast_to(part, (n, *part.shape[1:])) for part in parts], axis=2)
    return y.reshape(n, *node.attrs["shape"])


OPERATIONS = {
    "concat": Operation(group="canonical", shape=_concat_shape, run=_concat),
    "gather": Operation(group="canonical", shape=_gather_shape, run=_gather),
    "move": Operation(group="canonical", shape=_move_shape, run=_move),
}
