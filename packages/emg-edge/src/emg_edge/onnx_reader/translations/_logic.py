"""Conditions: arithmetic on shapes where all is constant, masks that depend on an input where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

from ._constants import fold

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _logic(function: Callable[..., Any]) -> Callable[[Importer], None]:
    folded = fold(function)

    def translate(i: Importer) -> None:
        names = [i.require(j) for j in range(len(i.source.inputs))]
        if all(name in i.constants for name in names):
            folded(i)
            return
        real = tuple(real_constant(i, name) for name in names)
        output = i.emit(i.source.op, real)
        if i.source.op != "Where":
            i.values[output] = replace(i.values[output], dtype="bool")

    return translate


def real_constant(i: Importer, name: str) -> str:
    """Return a constant as real numbers, which conditions on values are computed in."""
    array = i.constants.get(name)
    return name if array is None or array.dtype.kind == "f" else i.constant("real", array.astype(np.float32))


def _trilu(i: Importer) -> None:
    static = i.static(0)
    offset = i.static(1)
    if static is None:
        raise RefusedError("its matrix is missing", "export the model again")
    corner = np.triu if i.attr("upper", 1) else np.tril
    i.fold(corner(static, int(offset.item()) if offset is not None else 0))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "And": _logic(np.logical_and),
    "Equal": _logic(np.equal),
    "Greater": _logic(np.greater),
    "GreaterOrEqual": _logic(np.greater_equal),
    "IsNaN": _logic(np.isnan),
    "Less": _logic(np.less),
    "LessOrEqual": _logic(np.less_equal),
    "Not": _logic(np.logical_not),
    "Or": _logic(np.logical_or),
    "Trilu": _trilu,
    "Where": _logic(lambda condition, a, b: np.where(condition.astype(bool), a, b)),
    "Xor": _logic(np.logical_xor),
}
