"""Operations that only move elements."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node


def _reshape_shape(shapes: list[Shape], node: Node) -> Shape:
    shape = tuple(node.attrs["shape"])
    need(prod(shape) == prod(shapes[0]), f"cannot be seen as {shape}")
    return shape


def _transpose_shape(shapes: list[Shape], node: Node) -> Shape:
    perm = tuple(node.attrs["perm"])
    need(sorted(perm) == list(range(len(shapes[0]))), f"perm {perm} is not a permutation of the axes")
    return tuple(shapes[0][axis] for axis in perm)


def _slice_shape(shapes: list[Shape], node: Node) -> Shape:
    slices = node.attrs["slices"]
    need(len(slices) == len(shapes[0]), "one slice per axis")
    extents = tuple(
        len(range(start, stop, step)) for start, stop, step in slices if step != 0 and min(start, stop) >= -1
    )
    need(len(extents) == len(shapes[0]) and min(extents, default=1) > 0, f"slices {slices} are empty")
    need(all(0 <= s[0] < extent for s, extent in zip(slices, shapes[0], strict=True)), f"slices {slices} out of range")
    return extents


def _slice(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    index = tuple(slice(start, None if stop < 0 else stop, step) for start, stop, step in node.attrs["slices"])
    result: NDArray[Any] = arrays[0][(slice(None), *index)]
    return result


def _gather_shape(shapes: list[Shape], node: Node) -> Shape:
    axis, indices = node.attrs["axis"], np.asarray(node.attrs["indices"])
    need(0 <= axis < len(shapes[0]), f"axis {axis} out of range")
    need(indices.size > 0 and indices.min() >= 0 and indices.max() < shapes[0][axis], "indices out of range")
    return (*shapes[0][:axis], *indices.shape, *shapes[0][axis + 1 :])


def _concat_shape(shapes: list[Shape], node: Node) -> Shape:
    axis = node.attrs["axis"]
    first = shapes[0]
    need(0 <= axis < len(first), f"axis {axis} out of range")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes if len(shape) == len(first)}
    need(len(rest) == 1 and all(len(shape) == len(first) for shape in shapes), "parts differ outside the axis")
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _concat(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    n = max(len(a) for a in arrays)
    return np.concatenate([np.broadcast_to(a, (n, *a.shape[1:])) for a in arrays], axis=node.attrs["axis"] + 1)


def _expand_shape(shapes: list[Shape], node: Node) -> Shape:
    return np.broadcast_shapes(shapes[0], tuple(node.attrs["shape"]))


def _expand(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    shape = np.broadcast_shapes(arrays[0].shape[1:], tuple(node.attrs["shape"]))
    a = arrays[0].reshape(len(arrays[0]), *(1,) * (len(shape) - arrays[0].ndim + 1), *arrays[0].shape[1:])
    return np.broadcast_to(a, (len(a), *shape))


def _pad_shape(shapes: list[Shape], node: Node) -> Shape:
    pads = node.attrs["pads"]
    need(len(pads) == len(shapes[0]) and min(min(pair) for pair in pads) >= 0, "needs two pads >= 0 per axis")
    return tuple(extent + before + after for extent, (before, after) in zip(shapes[0], pads, strict=True))


def _pad(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.pad(arrays[0], ((0, 0), *node.attrs["pads"]))


def _move(
    shape: Callable[[list[Shape], Node], Shape], run: Callable[[Node, list[NDArray[Any]]], NDArray[Any]]
) -> Operation:
    return Operation(group="movement", shape=shape, run=run)


OPERATIONS = {
    "Concat": _move(_concat_shape, _concat),
    "Expand": _move(_expand_shape, _expand),
    "Gather": _move(_gather_shape, lambda node, a: np.take(a[0], node.attrs["indices"], axis=node.attrs["axis"] + 1)),
    "Reshape": _move(_reshape_shape, lambda node, a: a[0].reshape(len(a[0]), *node.attrs["shape"])),
    "Slice": _move(_slice_shape, _slice),
    "Transpose": _move(_transpose_shape, lambda node, a: a[0].transpose(0, *(axis + 1 for axis in node.attrs["perm"]))),
    "Pad": Operation(group="padding", shape=_pad_shape, run=_pad),
}
