"""Operators that only move elements."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.onnx_reader._importer import Importer


def _reshape_to(shape: tuple[int, ...]) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        i.emit("Reshape", (i.require(0),), shape=shape)

    return translate


def _identity(i: Importer) -> None:
    i.alias(i.require(0))


def _reshape(i: Importer) -> None:
    name = i.require(0)
    wanted, old = i.ints("shape", 1), i.shape(name)
    if wanted is None:
        raise EmgEdgeError(f"Reshape {i.source.name!r} has no shape")
    zero = bool(i.attr("allowzero", 0))
    shape = [old[axis] if v == 0 and not zero and axis < len(old) else v for axis, v in enumerate(wanted)]
    if shape.count(-1) == 1:
        rest = prod(v for v in shape if v != -1)
        shape[shape.index(-1)] = prod(old) // rest if rest > 0 else -1
    i.emit("Reshape", (name,), shape=tuple(shape))


def _flatten(i: Importer) -> None:
    shape = i.shape(i.require(0))
    axis = int(i.attr("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    _reshape_to((prod(shape[:axis]), prod(shape[axis:])))(i)


def _squeeze(i: Importer) -> None:
    shape, axes = i.shape(i.require(0)), i.ints("axes", 1)
    drop = {i.axis(a, len(shape)) for a in axes} if axes is not None else {a for a, e in enumerate(shape) if e == 1}
    if any(shape[axis] != 1 for axis in drop):
        raise EmgEdgeError(f"Squeeze {i.source.name!r} drops an axis of {shape} that is not 1")
    _reshape_to(tuple(extent for axis, extent in enumerate(shape) if axis not in drop))(i)


def _unsqueeze(i: Importer) -> None:
    shape, axes = list(i.shape(i.require(0))), i.ints("axes", 1) or ()
    rank = len(shape) + len(axes)
    for axis in sorted(i.axis(a, rank) for a in axes):
        shape.insert(axis, 1)
    _reshape_to(tuple(shape))(i)


def _transpose(i: Importer) -> None:
    rank = len(i.shape(i.require(0)))
    i.emit("Transpose", (i.require(0),), perm=tuple(int(v) for v in i.attr("perm", range(rank)[::-1])))


def _slice(i: Importer) -> None:
    shape = i.shape(i.require(0))
    starts, ends = i.ints("starts", 1), i.ints("ends", 2)
    axes, steps = i.ints("axes", 3), i.ints("steps", 4)
    if starts is None or ends is None or len(starts) != len(ends):
        raise EmgEdgeError(f"Slice {i.source.name!r} needs starts and ends of one length")
    slices = [(0, extent, 1) for extent in shape]
    for j, axis in enumerate(axes or range(len(starts))):
        at = i.axis(axis, len(shape))
        bounds = slice(starts[j], ends[j], steps[j] if steps else 1).indices(shape[at])
        if ends[j] < -shape[at] and bounds[2] < 0:
            bounds = (bounds[0], -1, bounds[2])
        slices[at] = bounds
    i.emit("Slice", (i.require(0),), slices=tuple(slices))


def _split(i: Importer) -> None:
    name = i.require(0)
    shape, count = i.shape(name), len(i.source.outputs)
    axis = i.axis(int(i.attr("axis", 0)), len(shape))
    chunk = -(-shape[axis] // count)
    sizes = i.ints("split", 1) or tuple(min(chunk, shape[axis] - j * chunk) for j in range(count))
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise EmgEdgeError(f"Split {i.source.name!r} cuts {shape[axis]} into {sizes}")
    start = 0
    for output, size in zip(i.source.outputs, sizes, strict=True):
        slices = [(0, extent, 1) for extent in shape]
        slices[axis] = (start, start + size, 1)
        i.emit("Slice", (name,), output, slices=tuple(slices))
        start += size


def _gather(i: Importer) -> None:
    name, indices = i.require(0), i.static(1)
    axis = i.axis(int(i.attr("axis", 0)), len(i.shape(name)))
    if indices is None or indices.dtype.kind != "i":
        raise EmgEdgeError(f"Gather {i.source.name!r} needs integer indices")
    extent = i.shape(name)[axis]
    i.emit("Gather", (name,), axis=axis, indices=np.where(indices < 0, indices + extent, indices))


def _concat(i: Importer) -> None:
    names = tuple(i.require(j) for j in range(len(i.source.inputs)))
    i.emit("Concat", names, axis=i.axis(int(i.attr("axis", 0)), len(i.shape(names[0]))))


def _expand(i: Importer) -> None:
    i.emit("Expand", (i.require(0),), shape=i.ints("shape", 1) or ())


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "Concat": _concat,
    "Dropout": _identity,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _identity,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
