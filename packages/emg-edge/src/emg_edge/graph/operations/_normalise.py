"""Normalisations of rows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _softmax_shape(shapes: list[Shape], node: Node) -> Shape:
    need(0 <= node.attrs["axis"] < len(shapes[0]), "axis out of range")
    return shapes[0]


def softmax(x: NDArray[Any], axis: int) -> NDArray[Any]:
    e: NDArray[Any] = np.exp(x - x.max(axis, keepdims=True))
    e /= e.sum(axis, keepdims=True)
    return e


def _normalise_shape(shapes: list[Shape], node: Node) -> Shape:
    del node
    need(shapes[1] == shapes[2] == shapes[0][-1:], "scale and bias must match the last axis")
    return shapes[0]


def normalise(x: NDArray[Any], gamma: NDArray[Any], beta: NDArray[Any], eps: float) -> NDArray[Any]:
    """Normalise over the last axis with the biased variance, then scale and shift."""
    d = x - x.mean(-1, keepdims=True)
    result: NDArray[Any] = d / np.sqrt((d * d).mean(-1, keepdims=True) + eps) * gamma + beta
    return result.astype(x.dtype)


def _layernorm_shape(shapes: list[Shape], node: Node) -> Shape:
    x, gamma, beta = shapes
    shape = tuple(node.attrs["shape"])
    need(gamma == beta and len(gamma) == 1 and prod(x) % gamma[0] == 0, "gamma and beta do not fit whole rows")
    need(prod(shape) == prod(x), "sizes differ")
    return shape


def _layernorm(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, gamma, beta = arrays[0], arrays[1][0], arrays[2][0]
    rows = x.reshape(len(x), -1, len(gamma))
    return normalise(rows, gamma, beta, node.attrs["eps"]).reshape(len(x), *node.attrs["shape"])


OPERATIONS = {
    "LayerNormalization": Operation(
        group="normalise",
        shape=_normalise_shape,
        run=lambda node, a: normalise(a[0], a[1][0], a[2][0], node.attrs["eps"]),
    ),
    "Softmax": Operation(
        group="normalise", shape=_softmax_shape, run=lambda node, a: softmax(a[0], node.attrs["axis"] + 1)
    ),
    "layernorm": Operation(group="canonical", shape=_layernorm_shape, run=_layernorm),
}
