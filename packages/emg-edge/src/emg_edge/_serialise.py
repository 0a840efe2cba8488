"""The program as JSON and arrays, and its hash: the identity of everything that is printed from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import EmgEdgeError
from .kernels import OPERATORS
from .program._program import Program
from .program._tensor import Tensor

_MALFORMED = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .program._op import Op


def to_dict(program: Program) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a JSON-able description and the arrays that it refers to as ``{"array": key}``."""
    arrays: dict[str, NDArray[Any]] = {}
    description = {
        "format": 1,
        "name": program.name,
        "inputs": list(program.inputs),
        "outputs": list(program.outputs),
        "metadata": dict(sorted(program.metadata.items())),
        "tensors": [{**vars(tensor), "shape": list(tensor.shape)} for tensor in program.tensors.values()],
        "ops": [_op_to_dict(index, op, arrays) for index, op in enumerate(program.ops)],
        **({"rescaled": list(program.rescaled)} if program.rescaled else {}),
    }
    return description, arrays


def from_dict(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Program:
    """Rebuild and verify the program that `to_dict` described.

    Raises
    ------
    EmgEdgeError
        When the description is not one of this version, or the program is not legal.
    """
    try:
        tensors = [_tensor_from_dict(t) for t in description["tensors"]]
        program = Program(
            name=_typed(description["name"], "str", "name"),
            tensors={tensor.name: tensor for tensor in tensors},
            ops=tuple(_op_from_dict(op, arrays) for op in description["ops"]),
            inputs=_typed(description["inputs"], "tuple[str, ...]", "inputs"),
            outputs=_typed(description["outputs"], "tuple[str, ...]", "outputs"),
            metadata=dict(description["metadata"]),
            rescaled=_typed(description.get("rescaled", []), "tuple[str, ...]", "rescaled"),
        )
        program.verify()
    except EmgEdgeError:
        raise
    except _MALFORMED as error:
        raise EmgEdgeError(
            f"the program's description is not of format 1 ({type(error).__name__}: {error}); compile the model again"
        ) from error
    return program


def program_hash(program: Program) -> str:
    """Return the sha256 of everything that decides the program's numbers, as 64 hex digits."""
    description, arrays = to_dict(program)
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _op_to_dict(index: int, op: Op, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Describe one operator, moving its arrays into ``arrays``."""
    values: dict[str, Any] = {"kind": op.kind}
    for field in fields(op):
        value = getattr(op, field.name)
        if isinstance(value, np.ndarray):
            key = f"{index:04d}.{field.name}"
            arrays[key] = value
            value = {"array": key}
        values[field.name] = list(value) if isinstance(value, tuple) else value
    return values


def _op_from_dict(values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Op:
    """Rebuild one operator."""
    kind = OPERATORS[values["kind"]]
    types = {field.name: str(field.type) for field in fields(kind)}
    restored: dict[str, Any] = {
        name: arrays[value["array"]] if isinstance(value, dict) else _typed(value, types[name], f"{kind.kind}.{name}")
        for name, value in values.items()
        if name != "kind"
    }
    return kind(**restored)


def _tensor_from_dict(values: Mapping[str, Any]) -> Tensor:
    """Rebuild one tensor."""
    types = {field.name: str(field.type) for field in fields(Tensor)}
    return Tensor(**{name: _typed(value, types[name], f"tensor.{name}") for name, value in values.items()})


def _typed(value: Any, annotation: str, where: str) -> Any:  # noqa: ANN401  whatever JSON can hold
    """Return a value of JSON as the field so annotated holds it.

    Raises
    ------
    TypeError
        When it is of another type.
    """
    wanted = annotation.split(" | ")
    if value is None and "None" in wanted:
        return None
    inner = {"tuple[int, ...]": int, "tuple[str, ...]": str}.get(wanted[0])
    if isinstance(value, list):
        if inner is not None and any(type(item) is not inner for item in value):
            raise TypeError(f"{where} is {value!r:.80}, need {annotation}")
        return tuple(value)
    plain = {"int": (int,), "float": (float, int), "str": (str,), "bool": (bool,)}.get(wanted[0])
    if inner is not None or "NDArray" in annotation or (plain is not None and type(value) not in plain):
        raise TypeError(f"{where} is {value!r:.80}, need {annotation}")
    return value
