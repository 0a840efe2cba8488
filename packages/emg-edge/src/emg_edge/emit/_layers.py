"""Layers as the templates see them: function, arguments, constant structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import comment, ctype

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.plan._plan import ArenaPlan
    from emg_edge.program._op import Op
    from emg_edge.program._program import Program
    from emg_edge.program._tensor import Tensor

    from ._tables import TablePrinter


@dataclass(frozen=True)
class Port:
    """An input or output of the network, owned by the caller."""

    name: str
    tensor: str
    shape: str
    ctype: str
    size: int
    scale: str
    zero: int


@dataclass(frozen=True)
class Layer:
    """One call."""

    index: int
    comment: str
    function: str
    symbol: str
    arguments: list[str]
    result: str
    nbytes: int
    fields: list[tuple[str, str]]


def ports(program: Program, names: tuple[str, ...], stem: str) -> list[Port]:
    """Return the network's inputs or outputs, named ``<stem>0`` and so on."""
    return [_port(program.tensors[name], f"{stem}{index}") for index, name in enumerate(names)]


def signature(inputs: list[Port], outputs: list[Port]) -> str:
    """Return the parameter list of the run function."""
    return ", ".join(
        [f"const {port.ctype} *{port.name}" for port in inputs] + [f"{port.ctype} *{port.name}" for port in outputs]
    )


def layers(program: Program, plan: ArenaPlan, tables: TablePrinter) -> list[Layer]:
    """Return every operator as a call, its arrays printed into ``tables``."""
    return [_layer(program, plan, tables, index) for index in range(len(program.ops))]


def _port(tensor: Tensor, name: str) -> Port:
    shape = " x ".join(str(extent) for extent in tensor.shape)
    return Port(name, comment(tensor.name), shape, ctype(tensor), tensor.size, f"{tensor.scale:.9g}", tensor.zero_point)


def _layer(program: Program, plan: ArenaPlan, tables: TablePrinter, index: int) -> Layer:
    op = program.ops[index]
    tensors, out = program.operands(op)
    result = _place(program, plan, op.output)
    scratch = plan.scratch(index)
    places = [_place(program, plan, name) for name in op.inputs]
    if op.variadic:
        places = [f"(const void *const[]){{{', '.join(places)}}}"]
    arguments = [f"&{program.name}_op{index:03d}", *places, result]
    if op.works or scratch is not None:
        arguments.append("NULL" if scratch is None else f"ARENA({scratch.offset})")
    members = op.members(tensors, out)
    return Layer(
        index=index,
        comment=f"{comment(op.name)} {op.kind}",
        function=f"emg_{op.kind}",
        symbol=f"{program.name}_op{index:03d}",
        arguments=_filled(op, arguments),
        result=result,
        nbytes=out.nbytes,
        fields=[(name, value(member, tables)) for name, member in members.items()],
    )


def _filled(op: Op, arguments: list[str]) -> list[str]:
    """Put NULL where optional inputs are absent."""
    behind = len(op.inputs) + 1
    return [*arguments[:behind], *["NULL"] * (op.slots - len(op.inputs)), *arguments[behind:]]


def _place(program: Program, plan: ArenaPlan, name: str) -> str:
    """Return the C expression of a tensor's address."""
    if name in program.inputs:
        return f"input{program.inputs.index(name)}"
    if name in program.outputs:
        return f"output{program.outputs.index(name)}"
    return f"ARENA({plan.buffer(name).offset})"


def value(value: NDArray[Any] | tuple[int, ...] | str | int | None, tables: TablePrinter) -> str:
    """Return a structure member's initialiser."""
    if value is None:
        return "NULL"
    if isinstance(value, np.ndarray):
        return tables.symbol(value)
    if isinstance(value, tuple):
        return "{" + ", ".join(str(part) for part in value) + "}"
    return str(value)
