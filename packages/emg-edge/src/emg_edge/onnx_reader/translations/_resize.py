"""Resize and Upsample: nearest by gathering, linear and cubic as weighted sums of gathered neighbours, axis by axis.

Along an axis every output element is a sum of one, two or four input elements. Weights are constants per output
element, so the sum is a few gathers, gains and additions: 6 bytes per tap and output place, where a constant matrix
would take a byte for every pair of places, and exact to a rounding of each addend on an int16 grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_ADVICE = "use nearest, linear or cubic with constant sizes"
_NEAREST: dict[str, Callable[[Array], Array]] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
}
_ASYMMETRIC = "asymmetric"
_LONGEST = 2**20  # places of one axis whose neighbours are worked out


def _coordinates(mode: str, old: int, new: int, scale: float) -> Array:
    """Return the place in the input of every output element along one axis."""
    at = np.arange(new, dtype=np.float64)
    if mode == "align_corners":
        return at * (old - 1) / (new - 1) if new > 1 else at * 0.0
    if mode == _ASYMMETRIC:
        return at / scale
    if mode == "half_pixel_symmetric":
        adjustment = new / (scale * old)
        return old / 2 * (1.0 - adjustment) + (at + 0.5) / scale - 0.5
    if mode == "tf_half_pixel_for_nn":
        return (at + 0.5) / scale
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and new > 1):
        return (at + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return at * 0.0
    raise RefusedError(f"coordinate mode {mode!r}", "use half_pixel, align_corners or asymmetric")


def _taps(i: Importer, mode: str, old: int, place: Array) -> list[tuple[NDArray[np.int64], Array]]:
    """Return (input element, weight) of each tap, per output element."""
    if mode == "nearest":
        kind = i.attr("nearest_mode", "round_prefer_floor") if i.source.op == "Resize" and i.opset >= 11 else "floor"
        if kind not in _NEAREST:
            raise RefusedError(f"nearest_mode={kind!r}", f"use one of {sorted(_NEAREST)}")
        index = np.clip(_NEAREST[kind](place), 0, old - 1).astype(np.int64)
        return [(index, np.ones(len(index)))]
    left = np.floor(place)
    t = place - left
    if mode == "linear":
        return _clipped(old, [(left, 1.0 - t), (left + 1, t)])
    a = float(i.attr("cubic_coeff_a", -0.75))
    near = [(a + 2) * d**3 - (a + 3) * d**2 + 1 for d in (t, 1.0 - t)]
    far = [a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a for d in (1.0 + t, 2.0 - t)]
    return _clipped(old, [(left - 1, far[0]), (left, near[0]), (left + 1, near[1]), (left + 2, far[1])])


def _clipped(old: int, taps: list[tuple[Array, Array]]) -> list[tuple[NDArray[np.int64], Array]]:
    return [(np.clip(at, 0, old - 1).astype(np.int64), weight) for at, weight in taps]


def _sizes(i: Importer, shape: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Return the output's extents and the scale of every axis."""
    legacy = i.source.op == "Upsample" or i.opset < 11
    scales, sizes = i.static(1 if legacy else 2), None if legacy else i.static(3)
    if scales is None and "scales" in i.source.attrs:
        scales = np.asarray(i.attr("scales", []), np.float32)
    axes = [i.axis(int(axis), len(shape)) for axis in i.attr("axes", range(len(shape)))]
    out, factors = list(shape), [1.0] * len(shape)
    wanted = sizes if sizes is not None and sizes.size else scales
    if wanted is None or wanted.size != len(axes) or not (wanted > 0).all():
        raise RefusedError("has no size or scale per axis", _ADVICE)
    if i.attr("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise RefusedError("keeps an aspect ratio", "give it the sizes themselves")
    for axis, value in zip(axes, wanted.reshape(-1), strict=True):
        given = sizes is not None and sizes.size > 0
        out[axis] = int(value) if given else int(np.floor(shape[axis] * float(value)))
        factors[axis] = out[axis] / shape[axis] if given else float(value)
    return out, factors


def _resize(i: Importer) -> None:
    name = i.require(0)
    shape = i.shape(name)
    mode = str(i.attr("mode", "nearest"))
    default = "half_pixel" if i.source.op == "Resize" and i.opset >= 11 else _ASYMMETRIC
    where = str(i.attr("coordinate_transformation_mode", default))
    if mode not in {"nearest", "linear", "cubic"} or i.attr("antialias", 0) or i.attr("exclude_outside", 0):
        raise RefusedError(f"mode {mode!r}, antialias {i.attr('antialias', 0)}", _ADVICE)
    out, factors = _sizes(i, shape)
    if max(out) > _LONGEST:
        where = f"{i.source.op} {i.source.name!r}"
        raise EmgEdgeError(f"{where} resizes {shape} to {out}; no axis beyond {_LONGEST} is read")
    moved = [axis for axis in range(len(shape)) if out[axis] != shape[axis] or factors[axis] != 1.0]
    for axis in moved:
        taps = _taps(i, mode, shape[axis], _coordinates(where, shape[axis], out[axis], factors[axis]))
        name = _weighted(i, name, axis, taps)
    i.alias(name)


def _weighted(i: Importer, name: str, axis: int, taps: list[tuple[NDArray[np.int64], Array]]) -> str:
    """Sum weighted neighbours along one axis; taps without weight are left out."""
    rank, total = len(i.shape(name)), ""
    for index, weight in taps:
        if not weight.any():
            continue
        part = i.emit("Gather", (name,), i.temporary("near"), axis=axis, indices=index)
        if (weight != 1.0).any():
            shape = [1] * rank
            shape[axis] = len(weight)
            gain = i.constant("weight", weight.reshape(shape).astype(np.float32))
            part = i.emit("Mul", (part, gain), i.temporary("weighted"))
        total = i.emit("Add", (total, part), i.temporary("sum")) if total else part
    return total


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {"Resize": _resize, "Upsample": _resize}
