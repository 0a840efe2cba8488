"""QuantizeLinear and DequantizeLinear: pairs become grids that the file demands, quantised weights become floats.

Grids stay beside the graph (`Graph.given`), steps of weights beside the constants (`Graph.steps`); the graph itself is
the float model, so every pass works on quantised files, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._graph import GivenGrid
from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RANGES = {
    "INT8": (-128, 127),
    "UINT8": (0, 255),
    "INT16": (-32768, 32767),
    "UINT16": (0, 65535),
    "INT32": (-(2**31), 2**31 - 1),
}
_STORED = {"INT8": ("int8", 0), "UINT8": ("int8", 128), "INT16": ("int16", 0), "UINT16": ("int16", 32768)}
_LARGEST = 127  # steps that a weight may lie from its zero point
_CODES = {2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32"}  # numbers of ONNX's data types


def _parameters(i: Importer, kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scale and zero point, equally shaped."""
    scale, zero = i.static(1), i.static(2)
    if scale is None:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: the scale is missing")
    if int(i.attr("block_size", 0)):
        raise RefusedError("quantises in blocks", "quantise per tensor or per channel")
    low, high = RANGES[kind]
    zero = np.zeros(scale.shape, np.int64) if zero is None else zero
    legal = zero.size == scale.size > 0 and (zero >= low).all() and (zero <= high).all()
    if not legal or not (np.isfinite(scale).all() and (scale > 0.0).all()):
        raise EmgEdgeError(
            f"{i.source.op} {i.source.name!r}: scales {scale.ravel()[:4]} must be positive and zero points "
            f"{zero.ravel()[:4]} of {kind}, equally many"
        )
    return scale.astype(np.float64), zero.reshape(scale.shape)


def _along(i: Importer, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give a scale or zero point axes, so that it broadcasts to ``shape``."""
    if values.size == 1:
        return values.reshape((1,) * len(shape))
    axis = i.axis(int(i.attr("axis", 1)), len(shape))
    if values.shape != (shape[axis],):
        raise EmgEdgeError(
            f"{i.source.op} {i.source.name!r}: {values.size} scales for axis {axis} of {shape}; need one, or one each"
        )
    return values.reshape(*(shape[axis] if a == axis else 1 for a in range(len(shape))))


def _kind(i: Importer, name: str) -> str:
    kind = i.types.get(name, "")
    if kind not in RANGES:
        raise RefusedError(f"has codes of type {kind or 'unknown'}", f"use one of {sorted(RANGES)}")
    return kind


def _target(i: Importer) -> str:
    """Return the type that a QuantizeLinear writes."""
    if i.input(2):
        return _kind(i, i.input(2))
    number = int(i.attr("output_dtype", 0)) or 2
    if number not in _CODES:
        raise RefusedError(f"writes codes of ONNX type {number}", f"use one of {sorted(_STORED)}")
    return _CODES[number]


def _quantise(i: Importer) -> None:
    name, kind = i.require(0), _target(i)
    scale, zero = _parameters(i, kind)
    out, shape = i.source.outputs[0], i.shape(name)
    if name in i.constants:
        low, high = RANGES[kind]
        steps = i.constants[name].astype(np.float64) / _along(i, scale, shape)
        i.types[out] = kind
        i.fold(np.clip(np.rint(steps) + _along(i, zero, shape), low, high).astype(np.int64))
        return
    if kind not in _STORED:
        raise RefusedError(f"quantises a computed value to {kind}", f"use one of {sorted(_STORED)}")
    dtype, shift = _STORED[kind]
    channels = _along(i, scale, shape).size
    if channels > 1 and (channels != shape[-1] or int(i.attr("axis", 1)) not in {-1, len(shape) - 1}):
        raise RefusedError("has a scale per channel of an axis that is not the last", "quantise it per tensor")
    if (zero != zero.flat[0]).any():
        raise RefusedError("has zero points that differ", "use one zero point")
    grid = GivenGrid(
        dtype=dtype,
        scale=tuple(float(v) for v in scale.reshape(-1)),
        zero_point=int(zero.flat[0]) - shift,
        node=i.source.name,
    )
    i.stored[out] = name, grid, shift


def _dequantise(i: Importer) -> None:
    source = i.source.inputs[0] if i.source.inputs else ""
    if source in i.stored:
        name, grid, shift = i.stored[source]
        scale, zero = _parameters(i, "INT32")
        same = tuple(float(v) for v in scale.reshape(-1)) == grid.scale and (zero == grid.zero_point + shift).all()
        if not same:
            raise RefusedError(f"reads codes of {grid.node!r} on another grid", "give both one scale and zero point")
        i.alias(i.demand(name, grid))
        return
    name = i.require(0)
    if name not in i.constants:
        raise RefusedError("reads integers that no QuantizeLinear wrote", "let the model read and return float32")
    kind = _kind(i, name)
    scale, zero = _parameters(i, kind)
    shape = i.shape(name)
    wide, offset = _along(i, scale, shape), _along(i, zero, shape)
    i.fold(((i.constants[name] - offset) * wide).astype(np.float32))
    if kind in {"INT8", "UINT8"}:
        fits = int(np.abs(i.constants[name] - offset).max(initial=0)) <= _LARGEST
        i.steps[i.source.outputs[0]] = np.broadcast_to(wide if fits else np.full(wide.shape, np.nan), shape)


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    **dict.fromkeys(("DequantizeLinear", "com.microsoft.DequantizeLinear"), _dequantise),
    **dict.fromkeys(("QuantizeLinear", "com.microsoft.QuantizeLinear"), _quantise),
}
