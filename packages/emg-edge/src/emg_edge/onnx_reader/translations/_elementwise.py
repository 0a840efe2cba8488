"""Functions of one variable and arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _elementwise(i: Importer) -> None:
    i.emit(i.source.op, tuple(i.require(j) for j in range(max(1, len(i.source.inputs)))))


def _gelu(i: Importer) -> None:
    approximate = i.attr("approximate", "none")
    if approximate not in {"none", "tanh"}:
        raise RefusedError(f"approximate={approximate!r}", "use 'none' or 'tanh'")
    i.emit("Gelu", (i.require(0),), approximate=approximate)


def _clip(i: Importer) -> None:
    name = i.require(0)
    for key, index, op in (("min", 1, "Max"), ("max", 2, "Min")):
        bound = i.attr(key, None) if key in i.source.attrs else i.static(index)
        if bound is not None:
            limit = i.constant(key, np.asarray(bound, np.float32).reshape(1))
            name = i.emit(op, (name, limit), i.temporary("clip"))
    i.alias(name)


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    **dict.fromkeys(("Abs", "Erf", "Exp", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"), _elementwise),
    **dict.fromkeys(("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"), _elementwise),
    "Clip": _clip,
    "Gelu": _gelu,
}
