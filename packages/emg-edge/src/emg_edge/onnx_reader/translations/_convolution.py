"""Convolutions, their transposes, and batch normalisation, which is an affine function of each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _names(i: Importer) -> tuple[str, ...]:
    """Return input, weight and bias, all but the first constant."""
    if len(i.shape(i.require(0))) not in {3, 4}:
        raise RefusedError(
            f"its input of shape {i.shape(i.require(0))} has {len(i.shape(i.require(0))) - 2} spatial axes",
            "use 1-D or 2-D convolutions",
        )
    try:
        i.static(1), i.static(2)
    except RefusedError as refused:
        raise RefusedError("its weights are computed at run time", refused.change) from None
    return tuple(name for name in (i.require(0), i.require(1), i.input(2)) if name)


def _spatial(i: Importer, key: str, default: int, count: int) -> tuple[int, ...]:
    values = tuple(int(v) for v in np.atleast_1d(i.attr(key, [default] * count)))
    if min(values, default=0) < 0:
        raise RefusedError(f"{key}={list(values)} is negative", "slice the input instead of padding it by less than 0")
    return values


def _auto(i: Importer) -> str:
    mode = i.attr("auto_pad", "NOTSET")
    if mode not in {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}:
        raise RefusedError(f"auto_pad={mode!r}", "export with explicit pads")
    return str(mode)


def _halves(totals: list[int], *, more_first: bool) -> tuple[int, ...]:
    """Split paddings into begins and ends; the odd element goes to the begin or the end."""
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (*large, *small) if more_first else (*small, *large)


def _conv(i: Importer) -> None:
    names, mode = _names(i), _auto(i)
    x, kernel = i.shape(names[0])[2:], i.shape(names[1])[2:]
    count = len(x)
    strides, dilations = _spatial(i, "strides", 1, count), _spatial(i, "dilations", 1, count)
    pads = _spatial(i, "pads", 0, 2 * count)
    if mode != "NOTSET":
        totals = [
            max((-(-e // s) - 1) * s + (k - 1) * d + 1 - e, 0) if mode != "VALID" else 0
            for e, k, s, d in zip(x, kernel, strides, dilations, strict=False)
        ]
        pads = _halves(totals, more_first=mode == "SAME_LOWER")
    i.emit("Conv", names, strides=strides, pads=pads, dilations=dilations, group=int(i.attr("group", 1)))


def _conv_transpose(i: Importer) -> None:
    names, mode = _names(i), _auto(i)
    x, kernel = i.shape(names[0])[2:], i.shape(names[1])[2:]
    count = len(x)
    strides, dilations = _spatial(i, "strides", 1, count), _spatial(i, "dilations", 1, count)
    extra, pads = _spatial(i, "output_padding", 0, count), _spatial(i, "pads", 0, 2 * count)
    wanted = [int(v) for v in i.attr("output_shape", [])][-count:]
    if not wanted and mode.startswith("SAME"):
        wanted = [e * s for e, s in zip(x, strides, strict=True)]
    if wanted:
        extents = zip(x, kernel, strides, dilations, extra, wanted, strict=True)
        totals = [(e - 1) * s + (k - 1) * d + 1 + o - w for e, k, s, d, o, w in extents]
        extra = tuple(o + max(-t, 0) for o, t in zip(extra, totals, strict=True))
        pads = _halves([max(t, 0) for t in totals], more_first=mode != "SAME_UPPER")
    elif mode == "VALID":
        pads = (0,) * 2 * count
    geometry: dict[str, Any] = {"strides": strides, "pads": pads, "dilations": dilations, "output_padding": extra}
    i.emit("ConvTranspose", names, **geometry, group=int(i.attr("group", 1)))


def _batch_normalization(i: Importer) -> None:
    if any(i.source.outputs[1:]) or i.attr("training_mode", 0):
        raise RefusedError(
            "it learns its statistics while it runs", "export the model in evaluation mode (model.eval())"
        )
    name, rank = i.require(0), len(i.shape(i.require(0)))
    try:
        scale, bias, mean, variance = (np.asarray(i.static(j), np.float64) for j in range(1, 5))
    except RefusedError as refused:
        raise RefusedError("its statistics are computed at run time", refused.change) from None
    gain = scale / np.sqrt(variance + float(i.attr("epsilon", 1e-5)))
    wide = (-1, *(1,) * (rank - 2))
    factor = i.constant("gain", gain.reshape(wide).astype(np.float32))
    offset = i.constant("offset", (bias - mean * gain).reshape(wide).astype(np.float32))
    i.emit("Add", (i.emit("Mul", (name, factor), i.temporary("scaled")), offset))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "BatchNormalization": _batch_normalization,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
}
