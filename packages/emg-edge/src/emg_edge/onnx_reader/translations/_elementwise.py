"""Functions of one variable and arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph.operations._functions import FUNCTIONS
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


def _chain(op: str, divide: bool = False) -> Callable[[Importer], None]:
    """Return the translation of an operator that takes any number of values."""

    def translate(i: Importer) -> None:
        names = [i.require(j) for j in range(len(i.source.inputs))]
        name = names[0]
        for j, other in enumerate(names[1:], start=2):
            name = i.emit(op, (name, other), None if j == len(names) and not divide else i.temporary("pair"))
        if len(names) == 1:
            i.alias(name)
        elif divide:
            i.emit("Mul", (name, i.constant("share", np.full(1, 1.0 / len(names), np.float32))))

    return translate


def _function(i: Importer) -> None:
    """Translate a function of one variable with the attributes that it has."""
    defaults = FUNCTIONS[i.source.op][1]
    given: dict[str, Any] = {name: float(i.attr(name, value)) for name, value in defaults.items()}
    i.emit(i.source.op, (i.require(0),), **given)


def _mod(i: Importer) -> None:
    i.emit("Mod", (i.require(0), i.require(1)), fmod=int(i.attr("fmod", 0)))


def _prelu(i: Importer) -> None:
    x, slope = i.require(0), i.require(1)
    if slope not in i.constants:
        raise RefusedError("its slope is computed at run time", "make it a constant when exporting")
    i.emit("PRelu", (x, slope))


def _biased_gelu(i: Importer) -> None:
    """com.microsoft.FastGelu and BiasGelu: a bias first; QuickGelu: x sigmoid(alpha x)."""
    x, fast = i.require(0), i.source.op.endswith("FastGelu")
    if bias := i.input(1):
        x = i.emit("Add", (x, bias), i.temporary("biased"))
    i.emit("Gelu", (x,), approximate="tanh" if fast else "none")


def _quick_gelu(i: Importer) -> None:
    i.emit("Swish", (i.require(0),), alpha=float(i.attr("alpha", 1.702)))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    **dict.fromkeys(("Abs", "Erf", "Exp", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"), _elementwise),
    **dict.fromkeys(("Add", "Div", "Mul", "Pow", "Sub"), _elementwise),
    **dict.fromkeys(FUNCTIONS, _function),
    "Clip": _clip,
    "Gelu": _gelu,
    "Max": _chain("Max"),
    "Mean": _chain("Add", divide=True),
    "Min": _chain("Min"),
    "Mod": _mod,
    "PRelu": _prelu,
    "Sum": _chain("Add"),
    "com.microsoft.BiasGelu": _biased_gelu,
    "com.microsoft.FastGelu": _biased_gelu,
    "com.microsoft.Gelu": _biased_gelu,
    "com.microsoft.QuickGelu": _quick_gelu,
}
