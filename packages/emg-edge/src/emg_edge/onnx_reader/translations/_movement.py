"""Operators that only move elements."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._graph import checked_size
from emg_edge.onnx_reader._importer import MAX_FOLDED, Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


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


def _taken(i: Importer, name: str, indices: dict[int, NDArray[np.int64]]) -> None:
    """Take some elements along some axes."""
    for axis, index in indices.items():
        name = i.emit("Gather", (name,), i.temporary("taken"), axis=axis, indices=index)
    i.alias(name)


def _tile(i: Importer) -> None:
    name, repeats = i.require(0), i.ints("repeats", 1)
    shape = i.shape(name)
    if repeats is None or len(repeats) != len(shape) or min(repeats) < 1:
        raise EmgEdgeError(f"Tile {i.source.name!r} repeats {shape} {repeats} times; need one number >= 1 per axis")
    tiled = [extent * count for extent, count in zip(shape, repeats, strict=True)]
    checked_size(tuple(tiled), f"Tile {i.source.name!r}")
    if max(tiled) > MAX_FOLDED:
        raise EmgEdgeError(f"Tile {i.source.name!r} repeats {shape} to {tiled}; no axis beyond {MAX_FOLDED} is read")
    wanted = {axis: np.tile(np.arange(shape[axis]), count) for axis, count in enumerate(repeats) if count > 1}
    _taken(i, name, wanted)


_PAD_MODES = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}


def _pad(i: Importer) -> None:
    """Constant padding with zeros is an operation; another value is added behind it; the other modes only move."""
    name, pads, mode = i.require(0), i.ints("pads", 1), str(i.attr("mode", "constant"))
    if pads is None and "paddings" in i.source.attrs:
        pads = tuple(int(v) for v in i.attr("paddings", []))
    shape, chosen = i.shape(name), i.ints("axes", 3)
    axes = range(len(shape)) if chosen is None else [i.axis(axis, len(shape)) for axis in chosen]
    if pads is None or len(pads) != 2 * len(axes):
        raise EmgEdgeError(f"Pad {i.source.name!r} of {shape} has pads {pads}; need two per axis")
    wanted = {axis: (pads[j], pads[j + len(axes)]) for j, axis in enumerate(axes)}
    grown = [extent + sum(max(pad, 0) for pad in wanted.get(axis, ())) for axis, extent in enumerate(shape)]
    checked_size(tuple(grown), f"Pad {i.source.name!r}")
    if any(min(pair) < 0 for pair in wanted.values()):
        name, wanted = _cropped(i, name, wanted)
    if mode == "constant":
        _pad_constant(i, name, [wanted.get(axis, (0, 0)) for axis in range(len(shape))])
        return
    if mode not in _PAD_MODES:
        raise RefusedError(f"mode {mode!r}", f"use constant or one of {sorted(_PAD_MODES)}")
    shape = i.shape(name)
    index = {
        axis: np.pad(np.arange(shape[axis]), pair, mode=mode)  # type: ignore[call-overload]
        for axis, pair in wanted.items()
        if any(pair)
    }
    _taken(i, name, index)


def _cropped(i: Importer, name: str, wanted: dict[int, tuple[int, int]]) -> tuple[str, dict[int, tuple[int, int]]]:
    """Cut what negative pads take away."""
    slices = [
        (max(0, -wanted.get(axis, (0, 0))[0]), extent - max(0, -wanted.get(axis, (0, 0))[1]), 1)
        for axis, extent in enumerate(i.shape(name))
    ]
    kept = {axis: (max(before, 0), max(after, 0)) for axis, (before, after) in wanted.items()}
    return i.emit("Slice", (name,), i.temporary("cropped"), slices=tuple(slices)), kept


def _pad_constant(i: Importer, name: str, pads: list[tuple[int, int]]) -> None:
    fill = i.static(2) if i.opset >= 11 or len(i.source.inputs) > 2 else None
    value = float(i.attr("value", 0.0)) if fill is None or not fill.size else float(fill.reshape(-1)[0])
    if not np.isfinite(value):
        raise RefusedError(f"pads with {value}", "pad with a number, or let MaxPool pad itself")
    if value == 0.0:
        i.emit("Pad", (name,), pads=tuple(pads))
        return
    around = np.pad(np.zeros(i.shape(name), np.float32), pads, constant_values=value)
    padded = i.emit("Pad", (name,), i.temporary("zeros"), pads=tuple(pads))
    i.emit("Add", (padded, i.constant("around", around)))


def _depth_to_space(i: Importer) -> None:
    name, block = i.require(0), int(i.attr("blocksize", 1))
    n, c, h, w = _image(i, name)
    if block < 1 or c % block**2:
        raise EmgEdgeError(f"DepthToSpace {i.source.name!r}: {c} channels do not split into blocks of {block}")
    depth = c // block**2
    crd = str(i.attr("mode", "DCR")) == "CRD"
    split = (n, depth, block, block, h, w) if crd else (n, block, block, depth, h, w)
    perm = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
    _split_and_turn(i, name, split, perm, (n, depth, h * block, w * block))


def _space_to_depth(i: Importer) -> None:
    name, block = i.require(0), int(i.attr("blocksize", 1))
    n, c, h, w = _image(i, name)
    if block < 1 or h % block or w % block:
        raise EmgEdgeError(f"SpaceToDepth {i.source.name!r}: {h} x {w} does not split into blocks of {block}")
    split = (n, c, h // block, block, w // block, block)
    _split_and_turn(i, name, split, (0, 3, 5, 1, 2, 4), (n, c * block**2, h // block, w // block))


def _image(i: Importer, name: str) -> tuple[int, int, int, int]:
    shape = i.shape(name)
    if len(shape) != 4:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r} reads {shape}; need (1, channels, height, width)")
    return shape[0], shape[1], shape[2], shape[3]


def _split_and_turn(
    i: Importer, name: str, split: tuple[int, ...], perm: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    seen = i.emit("Reshape", (name,), i.temporary("split"), shape=split)
    turned = i.emit("Transpose", (seen,), i.temporary("turned"), perm=perm)
    i.emit("Reshape", (turned,), shape=shape)


def _gather_elements(i: Importer) -> None:
    name, indices = i.require(0), i.static(1)
    shape = i.shape(name)
    axis = i.axis(int(i.attr("axis", 0)), len(shape))
    if indices is None or indices.dtype.kind != "i" or indices.ndim != len(shape):
        raise EmgEdgeError(f"GatherElements {i.source.name!r} needs integer indices of {len(shape)} axes")
    places = [np.arange(extent).reshape(-1, *(1,) * (len(shape) - 1 - a)) for a, extent in enumerate(indices.shape)]
    places[axis] = np.where(indices < 0, indices + shape[axis], indices)
    _picked(i, name, list(np.broadcast_arrays(*places)), indices.shape)


def _gather_nd(i: Importer) -> None:
    name, indices = i.require(0), i.static(1)
    shape = i.shape(name)
    if indices is None or indices.dtype.kind != "i" or not indices.ndim or i.attr("batch_dims", 0):
        raise RefusedError("needs constant integer indices without batch axes", "use Gather with constant indices")
    depth = indices.shape[-1]
    if depth > len(shape):
        raise EmgEdgeError(f"GatherND {i.source.name!r}: {depth} indices for {len(shape)} axes")
    rest = shape[depth:]
    inner = [np.arange(extent).reshape(-1, *(1,) * (len(rest) - 1 - a)) for a, extent in enumerate(rest)]
    front = [indices[..., a].reshape(*indices.shape[:-1], *(1,) * len(rest)) for a in range(depth)]
    front = [np.where(f < 0, f + shape[a], f) for a, f in enumerate(front)]
    _picked(i, name, list(np.broadcast_arrays(*front, *inner)), (*indices.shape[:-1], *rest))


def _picked(i: Importer, name: str, places: list[NDArray[np.int64]], out: tuple[int, ...]) -> None:
    """Take single elements by their place along every axis."""
    shape = i.shape(name)
    outside = any(((p < 0) | (p >= extent)).any() for p, extent in zip(places, shape, strict=True))
    if outside:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: an index lies outside {shape}")
    flat = np.ravel_multi_index(tuple(places), shape).reshape(-1)
    row = i.emit("Reshape", (name,), i.temporary("row"), shape=(prod(shape),))
    taken = i.emit("Gather", (row,), i.temporary("taken"), axis=0, indices=flat)
    i.emit("Reshape", (taken,), shape=out or (1,))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Dropout": _identity,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
