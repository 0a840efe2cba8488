"""Softmax, normalisations and means."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _softmax(i: Importer) -> None:
    name = i.require(0)
    shape = i.shape(name)
    axis = i.axis(int(i.attr("axis", -1 if i.opset >= 13 else 1)), len(shape))
    if i.opset >= 13 or axis == len(shape) - 1:
        i.emit(i.source.op, (name,), axis=axis)
        return
    flat = i.emit("Reshape", (name,), i.temporary("flat"), shape=(prod(shape[:axis]), prod(shape[axis:])))
    i.emit("Reshape", (i.emit(i.source.op, (flat,), i.temporary("rows"), axis=1),), shape=shape)


def _over_rows(i: Importer, op: str, names: tuple[str, ...], axis: int, eps: float) -> None:
    """Normalise over the axes from ``axis`` on; constants of that shape, ``""`` for one that is absent."""
    x = i.require(0)
    shape = i.shape(x)
    first = i.axis(axis, len(shape))
    width = prod(shape[first:])
    vectors = []
    for name in names:
        array = i.constants.get(name)
        if name and array is None:
            raise RefusedError("its scale or bias is computed at run time", "make both constants when exporting")
        full = np.broadcast_to(0.0 if array is None else array, shape[first:]).reshape(width)
        kept = name and array is not None and array.shape == (width,)
        vectors.append(name if kept else i.constant("vector", full.astype(np.float32)))
    if first == len(shape) - 1:
        i.emit(op, (x, *vectors), eps=eps)
        return
    flat = i.emit("Reshape", (x,), i.temporary("flat"), shape=(*shape[:first], width))
    i.emit("Reshape", (i.emit(op, (flat, *vectors), i.temporary("rows"), eps=eps),), shape=shape)


def _one_output(i: Importer) -> None:
    if any(i.source.outputs[1:]):
        raise RefusedError("returns its statistics", "use its first output only")


def _layer_normalization(i: Importer) -> None:
    _one_output(i)
    names = i.require(1), i.input(2)
    _over_rows(i, "LayerNormalization", names, int(i.attr("axis", -1)), float(i.attr("epsilon", 1e-5)))


def _rms_normalization(i: Importer) -> None:
    _one_output(i)
    axis, eps = int(i.attr("axis", -1)), float(i.attr("epsilon", 1e-5))
    _over_rows(i, "RMSNormalization", (i.require(1),), axis, eps)


def _channels(i: Importer, groups: int) -> None:
    """Emit a normalisation over groups of channels, with a scale and a bias for each channel."""
    x, scale, bias = i.require(0), i.static(1), i.static(2)
    channels = i.shape(x)[1]
    if scale is None or bias is None or channels % scale.size or scale.size != bias.size:
        raise RefusedError("its scale or bias does not fit the channels", "give one value a channel")
    names = [
        i.constant("vector", np.repeat(a, channels // scale.size).astype(np.float32)) for a in (scale, bias)
    ]  # opset 18 has one a group
    i.emit("GroupNormalization", (x, *names), groups=groups, eps=float(i.attr("epsilon", 1e-5)))


def _instance_normalization(i: Importer) -> None:
    _channels(i, i.shape(i.require(0))[1])


def _group_normalization(i: Importer) -> None:
    _channels(i, int(i.attr("num_groups", 1)))


def divide_by_norm(i: Importer, x: str, axis: int) -> None:
    """Emit x divided by its L2 norm over an axis: RMSNorm with a scale of 1 / sqrt(D)."""
    shape = i.shape(x)
    gamma = i.constant("vector", np.full(shape[axis], shape[axis] ** -0.5, np.float32))
    if axis == len(shape) - 1:
        i.emit("RMSNormalization", (x, gamma), eps=0.0)
        return
    order = (*(a for a in range(len(shape)) if a != axis), axis)
    turned = i.emit("Transpose", (x,), i.temporary("turned"), perm=order)
    rows = i.emit("RMSNormalization", (turned, gamma), i.temporary("rows"), eps=0.0)
    i.emit("Transpose", (rows,), perm=tuple(int(a) for a in np.argsort(order)))


def _lp_normalization(i: Importer) -> None:
    if int(i.attr("p", 2)) != 2:
        raise RefusedError(f"divides by the norm of order {i.attr('p', 2)}", "use p=2")
    x = i.require(0)
    divide_by_norm(i, x, i.axis(int(i.attr("axis", -1)), len(i.shape(x))))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "LpNormalization": _lp_normalization,
    "RMSNormalization": _rms_normalization,
    "SimplifiedLayerNormalization": _rms_normalization,
    "Softmax": _softmax,
    "com.microsoft.SimplifiedLayerNormalization": _rms_normalization,
}
