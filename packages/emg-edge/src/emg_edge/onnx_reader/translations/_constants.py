"""Constants, and the arithmetic on shapes that exporters leave behind."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._graph import checked_size
from emg_edge.onnx_reader._importer import MAX_FOLDED, Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _cast(i: Importer) -> None:
    name, to = i.require(0), int(i.attr("to", 1))
    if name not in i.constants:
        if to not in {1, 10, 11, 16} and i.values[name].dtype == "float32":
            i.drop(i.source.outputs[0], "casts a computed value to a non-float type", "keep activations in float32")
        else:
            i.alias(name)
        return
    i.fold(i.constants[name].astype(np.float32 if to in {1, 10, 11, 16} else np.int64))


def _constant(i: Importer) -> None:
    known = {"value", "value_float", "value_floats", "value_int", "value_ints"} & set(i.source.attrs)
    if len(known) != 1:
        raise RefusedError(f"holds {sorted(i.source.attrs)}", "use a dense tensor, floats or integers")
    array = np.asarray(i.source.attrs[known.pop()])
    i.fold(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))


def _constant_of_shape(i: Importer) -> None:
    dims = i.static(0)
    shape = checked_size(tuple(int(v) for v in np.atleast_1d(dims if dims is not None else [])), i.source.name)
    fill = np.asarray(i.attr("value", np.zeros(1, np.float32))).reshape(-1)
    if prod(shape) > MAX_FOLDED or fill.size != 1:
        raise EmgEdgeError(f"ConstantOfShape {i.source.name!r} of {shape} is refused")
    i.fold(np.full(shape, fill[0]))


def _shape(i: Importer) -> None:
    shape = i.shape(i.require(0))
    i.fold(np.array(shape[i.attr("start", 0) : i.attr("end", len(shape))], np.int64))


def _range(i: Importer) -> None:
    start, limit, delta = (i.static(index) for index in range(3))
    if start is None or limit is None or delta is None or delta.item() == 0:
        raise EmgEdgeError(f"Range {i.source.name!r} needs start, limit and a step other than 0")
    if abs((limit.item() - start.item()) / delta.item()) > MAX_FOLDED:
        raise EmgEdgeError(f"Range {i.source.name!r} has more than {MAX_FOLDED} entries")
    i.fold(np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype))


def fold(function: Callable[..., Any]) -> Callable[[Importer], None]:
    """Return the translation of an operator that only occurs in exporters' arithmetic on shapes."""

    def translate(i: Importer) -> None:
        arrays = [i.static(index) for index in range(len(i.source.inputs))]
        if not arrays or any(array is None for array in arrays):
            raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: an input is missing")
        if prod(np.broadcast_shapes(*(array.shape for array in arrays if array is not None))) > MAX_FOLDED:
            raise EmgEdgeError(f"{i.source.op} {i.source.name!r} would fold into too many elements; refused")
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays))
        i.fold(result.astype(np.float32 if result.dtype.kind == "f" else np.int64))

    return translate


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "Cast": _cast,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Shape": _shape,
}
