"""Pooling and reductions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

_SPATIAL = "export it with explicit pads, over one or two axes"


def _pads(i: Importer, sizes: list[int], reach: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """Return padding in front and behind, per axis; ``reach`` is the extent of a window."""
    count, mode = len(sizes), i.attr("auto_pad", "NOTSET")
    if mode == "VALID":
        return [0] * count, [0] * count
    if mode in {"SAME_UPPER", "SAME_LOWER"}:
        total = [
            max(0, (math.ceil(size / stride) - 1) * stride + span - size)
            for size, stride, span in zip(sizes, strides, reach, strict=True)
        ]
        half, rest = [pad // 2 for pad in total], [pad - pad // 2 for pad in total]
        return (half, rest) if mode == "SAME_UPPER" else (rest, half)
    pads = [int(v) for v in i.attr("pads", [0] * 2 * count)]
    if mode != "NOTSET" or len(pads) != 2 * count or min(pads) < 0:
        raise RefusedError(f"auto_pad={mode!r} with pads {pads} over {count} axes", _SPATIAL)
    return pads[:count], pads[count:]


def _windows(size: int, span: int, stride: int, pads: tuple[int, int], *, ceil: bool) -> int:
    """Return the number of windows; with ``ceil`` one that starts inside and ends outside counts."""
    free = size + sum(pads) - span
    count = (-(-free // stride) if ceil else free // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= size + pads[0] else count


def _pool(op: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        shape = i.shape(i.require(0))
        kernel = [int(v) for v in i.attr("kernel_shape", [])]
        count = len(shape) - 2
        if count not in {1, 2} or len(kernel) != count:
            raise RefusedError(f"kernel {kernel} on {shape}", _SPATIAL)
        for output in filter(None, i.source.outputs[1:]):
            i.drop(output, "gives places, not real numbers", "use the pooled values alone")
        strides = [int(v) for v in i.attr("strides", [1] * count)]
        dilations = [int(v) for v in i.attr("dilations", [1] * count)]
        if min(*kernel, *strides, *dilations) < 1 or not len(strides) == len(dilations) == count:
            raise RefusedError(f"kernel {kernel}, strides {strides} and dilations {dilations} must be >= 1", _SPATIAL)
        sizes, reach = list(shape[2:]), [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        begin, end = _pads(i, sizes, reach, strides)
        ceil, padded = bool(i.attr("ceil_mode", 0)), bool(i.attr("count_include_pad", 0))
        out = [
            _windows(size, span, stride, pads, ceil=ceil)
            for size, span, stride, pads in zip(sizes, reach, strides, zip(begin, end, strict=True), strict=True)
        ]
        if min(out) < 1:
            raise RefusedError(f"windows of {reach} do not fit {sizes}", "use smaller windows")
        i.emit(
            op,
            (i.require(0),),
            axes=tuple(range(2, len(shape))),
            kernel=tuple(kernel),
            strides=tuple(strides),
            dilations=tuple(dilations),
            begin=tuple(begin),
            out=tuple(out),
            low=tuple(-pad if padded else 0 for pad in begin),
            high=tuple(size + (pad if padded else 0) for size, pad in zip(sizes, end, strict=True)),
        )

    return translate


def _axes(i: Importer) -> tuple[int, ...]:
    """Return the axes to reduce, sorted; none where the node does nothing."""
    rank, axes = len(i.shape(i.require(0))), i.ints("axes", 1)
    if not axes:
        return () if i.attr("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted({i.axis(axis, rank) for axis in axes}))


def _reduce(i: Importer, op: str, name: str, output: str | None = None, *, keep: bool | None = None) -> str:
    keepdims = int(i.attr("keepdims", 1)) if keep is None else int(keep)
    return i.emit(op, (name,), output, axes=_axes(i), keepdims=keepdims)


def _plain(i: Importer) -> None:
    if _axes(i):
        _reduce(i, i.source.op, i.require(0))
    else:
        i.alias(i.require(0))


def _inner(function: str, reduction: str, outer: str = "") -> Callable[[Importer], None]:
    """Return a reduction of a function of each element, and a function of the result."""

    def translate(i: Importer) -> None:
        x = i.require(0)
        if function == "square":
            x = i.emit("Mul", (x, x), i.temporary("square"))
        elif function:
            x = i.emit(function, (x,), i.temporary("inner"))
        if not _axes(i):
            raise RefusedError("reduces no axis", "name the axes")
        total = _reduce(i, reduction, x, i.temporary("total") if outer else None)
        if outer:
            i.emit(outer, (total,))

    return translate


def _log_sum_exp(i: Importer) -> None:
    """Write ``max + log sum exp(x - max)``, which no exponential leaves the range of."""
    x, keep = i.require(0), bool(i.attr("keepdims", 1))
    peak = _reduce(i, "ReduceMax", x, i.temporary("max"), keep=True)
    shifted = i.emit("Exp", (i.emit("Sub", (x, peak), i.temporary("shifted")),), i.temporary("exp"))
    total = i.emit("Log", (_reduce(i, "ReduceSum", shifted, i.temporary("total"), keep=True),), i.temporary("log"))
    if keep:
        i.emit("Add", (total, peak))
        return
    whole = i.emit("Add", (total, peak), i.temporary("whole"))
    shape = tuple(extent for axis, extent in enumerate(i.shape(whole)) if axis not in _axes(i)) or (1,)
    i.emit("Reshape", (whole,), shape=shape)


def _global(op: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        rank = len(i.shape(i.require(0)))
        if rank < 3:
            raise RefusedError(f"pools {rank} axes", "give it (1, channels, time)")
        i.emit(op, (i.require(0),), axes=tuple(range(2, rank)), keepdims=1)

    return translate


def _product(i: Importer) -> None:
    """Fold products of extents, which converters of Keras write around dense layers."""
    name, axes = i.require(0), i.ints("axes", 1)
    if name not in i.constants:
        _refused(i)
    array, keep = i.constants[name], bool(i.attr("keepdims", 1))
    i.fold(np.asarray(array.prod(axes or None, keepdims=keep), array.dtype))


def _refused(i: Importer) -> None:
    raise RefusedError(
        f"{i.source.op} has no integer operator", "use a mean, a sum, a maximum or L1, L2 and LogSumExp over axes"
    )


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "AveragePool": _pool("AveragePool"),
    "GlobalAveragePool": _global("ReduceMean"),
    "GlobalLpPool": _refused,
    "GlobalMaxPool": _global("ReduceMax"),
    "LpPool": _refused,
    "MaxPool": _pool("MaxPool"),
    "ReduceL1": _inner("Abs", "ReduceSum"),
    "ReduceL2": _inner("square", "ReduceSum", "Sqrt"),
    "ReduceLogSum": _inner("", "ReduceSum", "Log"),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _plain,
    "ReduceMean": _plain,
    "ReduceMin": _plain,
    "ReduceProd": _product,
    "ReduceSum": _plain,
    "ReduceSumSquare": _inner("square", "ReduceSum"),
}
