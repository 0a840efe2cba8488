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
    """Return the softmax over an axis; rows of -inf give 0."""
    top = x.max(axis, keepdims=True)
    e: NDArray[Any] = np.exp(x - np.where(np.isfinite(top), top, 0.0)).astype(x.dtype)
    total = e.sum(axis, keepdims=True)
    e /= np.where(total > 0.0, total, 1.0)
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
    shape, repeat = tuple(node.attrs["shape"]), node.attrs.get("repeat", 1)
    fits = gamma == beta and len(gamma) == 1 and gamma[0] % node.attrs.get("groups", 1) == 0
    need(fits and prod(x) % (gamma[0] * repeat) == 0, "gamma and beta do not fit whole rows")
    need(prod(shape) == prod(x), "sizes differ")
    return shape


def _layernorm(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, gamma, beta = arrays[0], arrays[1][0], arrays[2][0]
    repeat, groups = node.attrs.get("repeat", 1), node.attrs.get("groups", 1)
    rows = x.reshape(len(x), -1, groups, len(gamma) // groups * repeat)
    scale, offset = (np.repeat(a, repeat).reshape(groups, -1) for a in (gamma, beta))
    return normalise(rows, scale, offset, node.attrs["eps"]).reshape(len(x), *node.attrs["shape"])


def _rms_shape(shapes: list[Shape], node: Node) -> Shape:
    del node
    need(shapes[1] == shapes[0][-1:], "scale must match the last axis")
    return shapes[0]


def divide_by_rms(x: NDArray[Any], gamma: NDArray[Any], eps: float) -> NDArray[Any]:
    """Divide by the root mean square over the last axis, then scale; zeros stay."""
    mean = (x * x).mean(-1, keepdims=True) + eps
    result: NDArray[Any] = x / np.sqrt(np.where(mean > 0.0, mean, 1.0)) * gamma
    return result.astype(x.dtype)


def _rmsnorm_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(len(shapes[1]) == 1 and prod(shapes[0]) % shapes[1][0] == 0, "gamma does not fit whole rows")
    need(prod(shape) == prod(shapes[0]), "sizes differ")
    return shape


def _rmsnorm(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, gamma = arrays[0], arrays[1][0]
    rows = x.reshape(len(x), -1, len(gamma))
    return divide_by_rms(rows, gamma, node.attrs["eps"]).reshape(len(x), *node.attrs["shape"])


def _group_shape(shapes: list[Shape], node: Node) -> Shape:
    x, gamma, beta = shapes
    need(len(x) >= 2 and gamma == beta == (x[1],), "scale and bias need one value a channel")
    need(node.attrs["groups"] >= 1 and x[1] % node.attrs["groups"] == 0, "channels do not fill the groups")
    return x


def _group(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, gamma, beta = arrays[0], arrays[1][0], arrays[2][0]
    n, channels = len(x), x.shape[2]
    rows = x.reshape(n, -1, node.attrs["groups"], x[0, 0].size // node.attrs["groups"])
    flat = normalise(rows, np.ones(1), np.zeros(1), node.attrs["eps"]).reshape(n, -1, channels, x[0, 0, 0].size)
    result: NDArray[Any] = (flat * gamma[:, None] + beta[:, None]).reshape(x.shape)
    return result.astype(x.dtype)


def log_softmax(x: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return the logarithm of the softmax."""
    d = x - x.max(axis, keepdims=True)
    result: NDArray[Any] = d - np.log(np.exp(d).sum(axis, keepdims=True))
    return result.astype(x.dtype)


OPERATIONS = {
    "GroupNormalization": Operation(group="normalise", shape=_group_shape, run=_group),
    "LogSoftmax": Operation(
        group="normalise", shape=_softmax_shape, run=lambda node, a: log_softmax(a[0], node.attrs["axis"] + 1)
    ),
    "RMSNormalization": Operation(
        group="normalise", shape=_rms_shape, run=lambda node, a: divide_by_rms(a[0], a[1][0], node.attrs["eps"])
    ),
    "rmsnorm": Operation(group="canonical", shape=_rmsnorm_shape, run=_rmsnorm),
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
