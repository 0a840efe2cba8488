"""Softmax, normalisations and means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _softmax(i: Importer) -> None:
    rank = len(i.shape(i.require(0)))
    axis = i.axis(int(i.attr("axis", -1 if i.opset >= 13 else 1)), rank)
    if i.opset < 13 and axis != rank - 1:
        raise RefusedError(f"opset {i.opset} normalises over several axes", "export with opset 13 or later")
    i.emit("Softmax", (i.require(0),), axis=axis)


def _layer_normalization(i: Importer) -> None:
    name = i.require(0)
    shape = i.shape(name)
    if i.axis(int(i.attr("axis", -1)), len(shape)) != len(shape) - 1 or any(i.source.outputs[1:]):
        raise RefusedError("normalises over several axes or returns its statistics", "normalise over the last axis")
    bias = i.input(2) or i.constant("bias", np.zeros(shape[-1], np.float32))
    i.emit("LayerNormalization", (name, i.require(1), bias), eps=float(i.attr("epsilon", 1e-5)))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "LayerNormalization": _layer_normalization,
    "Softmax": _softmax,
}
