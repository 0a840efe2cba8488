"""Inputs and outputs of a file: which axes they have, which types, and what is not compiled of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge.graph._graph import checked_size

if TYPE_CHECKING:
    from pathlib import Path

    from emg_edge.graph._graph import Graph

    from ._importer import Importer

FLOATS = {"FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"}
INTEGERS = {"INT64", "INT32", "INT16", "INT8", "UINT16", "UINT8", "BOOL"}
_INPUTS = {**dict.fromkeys(FLOATS, "float32"), **{name: name.lower() for name in INTEGERS}}


_KINDS = (
    *("FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING"),
    *("BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"),
)


def kind_name(number: int) -> str:
    """Return the name of a tensor's element type, ``"unknown"`` for what no operator here computes with."""
    return _KINDS[number - 1] if 1 <= number <= len(_KINDS) else "unknown"


def add_inputs(importer: Importer, inputs: list[Any], path: Path) -> None:
    """Register the inputs of a file, the batch axis set to 1.

    Raises
    ------
    EmgEdgeError
        Naming the input and what its shape or type lacks.
    """
    if not inputs:
        raise EmgEdgeError(f"{path}: no inputs; a model needs one at least, the window")
    for value in inputs:
        kind = kind_name(value.type.tensor_type.elem_type)
        if kind not in _INPUTS:
            raise EmgEdgeError(f"{path}: input {value.name!r} is {kind}; need one of {sorted(_INPUTS)}, best FLOAT")
        shape = _shape(importer, value, path)
        importer.add_input(value.name, checked_size(shape, f"{path}: input {value.name!r}"), _INPUTS[kind])


def _shape(importer: Importer, value: Any, path: Path) -> tuple[int, ...]:  # noqa: ANN401
    dims = value.type.tensor_type.shape.dim
    where = f"{path}: input {value.name!r}"
    if not dims:
        raise EmgEdgeError(f"{where} has no axes; export it with static channels and time")
    free = [axis for axis, dim in enumerate(dims) if not dim.HasField("dim_value")]
    names = {axis: dims[axis].dim_param or "unknown" for axis in free}
    batch = {axis for axis in free if axis == 0 or (0 not in names and _is_batch(names[axis]))}
    odd = next((axis for axis in free if axis not in batch or len(batch) > 1), None)
    if odd is not None:
        raise EmgEdgeError(
            f"{where} has dynamic axis {odd} ({names[odd]}); export it with static channels and time, only the batch "
            "may be dynamic"
        )
    shape = tuple(1 if axis in batch else int(dim.dim_value) for axis, dim in enumerate(dims))
    if not batch and (shape[0] != 1 or len(shape) == 1):
        importer.note(
            f"input {value.name!r} of shape {shape} has no batch axis of 1 in front: all of it is taken for one window"
        )
    return shape


def _is_batch(name: str) -> bool:
    return "batch" in name.lower() or name in {"N", "n", "B", "b", "bs"}


def find_outputs(importer: Importer, outputs: list[Any], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (values, titles) of the outputs that are compiled; integer ones, such as labels, are dropped with a note.

    Raises
    ------
    UnsupportedError
        For every node that was refused so far or that float outputs lack; for all where no output is left.
    EmgEdgeError
        For constant outputs, or none at all.
    """
    reasons = {value.name: importer.dropped.get(value.name) for value in outputs}
    lost = [why for value in outputs if (why := reasons[value.name]) and not why.optional and _is_float(value)]
    if all(reasons.values()):
        lost = [why for why in reasons.values() if why]
    importer.unsupported.extend(dict.fromkeys(why.what for why in lost))
    if importer.unsupported:
        raise UnsupportedError(importer.unsupported)
    for name, why in reasons.items():
        if why:
            importer.note(f"output {name!r} is not compiled: {why.what.op} {why.what.node!r} {why.what.why}")
    kept = [(_output(importer, name, path), name) for name, why in reasons.items() if not why]
    constant = [name for name, _ in kept if name in importer.constants]
    if constant or not kept:
        raise EmgEdgeError(f"{path}: outputs {constant or '(none)'} do not depend on the input; export the model again")
    return tuple(name for name, _ in kept), tuple(title for _, title in kept)


def _is_float(value: Any) -> bool:  # noqa: ANN401
    """Whether an output is declared as real numbers; undeclared types count as such."""
    kind = value.type.WhichOneof("value")
    return kind is None or (
        kind == "tensor_type" and kind_name(value.type.tensor_type.elem_type) in {*FLOATS, "unknown"}
    )


def _output(importer: Importer, name: str, path: Path) -> str:
    if name in importer.stored:
        raise EmgEdgeError(f"{path}: output {name!r} is integer; let the model return float32, behind DequantizeLinear")
    return importer.resolve(name)


def check_read(graph: Graph, path: Path) -> None:
    """Refuse inputs that no output depends on."""
    idle = [name for name in graph.inputs if name not in graph.consumers and name not in graph.outputs]
    if idle:
        raise EmgEdgeError(
            f"{path}: no compiled output depends on inputs {idle}; remove them and export the model again"
        )
