"""The integer program: the one form between the quantiser and everything that runs or prints it.

A program is a straight line of operators over integer tensors, batch size one. Every number that the device needs is
in it: multipliers, shifts and tables are computed once by the quantiser and stored, never recomputed on load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ._op import Op
    from ._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class Program:
    """Operators in execution order and the tensors between them.

    Parameters
    ----------
    name
        C identifier prefix (``[a-z][a-z0-9_]*``).
    tensors
        Every activation by name.
    ops
        In execution order.
    inputs, outputs
        Names of tensors.
    metadata
        The model's ``emg.*`` strings.
    rescaled
        Tensors whose channels were divided by factors of their own, which the products behind them put right; compared
        with the model's values they need the best scale of each channel.
    """

    name: str
    tensors: dict[str, Tensor]
    ops: tuple[Op, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    rescaled: tuple[str, ...] = ()

    def operands(self, op: Op) -> tuple[list[Tensor], Tensor]:
        """Return the input tensors and the output tensor of an operator."""
        return [self.tensors[name] for name in op.inputs], self.tensors[op.output]

    def verify(self) -> None:
        """Check order, uniqueness, shapes, dtypes and accumulator bounds.

        Raises
        ------
        EmgEdgeError
            Naming the first operator or tensor that is not legal.
        """
        for name, tensor in self.tensors.items():
            tensor.check(name)
        self._check_ports()
        known = set(self.inputs)
        for op in self.ops:
            missing = [name for name in op.inputs if name not in known]
            op.require(not missing, f"reads {missing} before anything wrote them; reorder the program")
            op.require(op.output in self.tensors, f"writes {op.output!r}, which is no tensor of the program; add it")
            op.require(op.output not in known, f"writes {op.output!r} a second time; every tensor has one writer")
            op.check_operands()
            op.check(*self.operands(op))
            known.add(op.output)
        lost = [name for name in self.outputs if name not in known]
        if lost:
            raise EmgEdgeError(
                f"program {self.name!r}: outputs {lost} are never written; name tensors that an operator writes"
            )
        idle = sorted(set(self.inputs) - {name for op in self.ops for name in op.inputs})
        if idle:
            raise EmgEdgeError(f"program {self.name!r}: no operator reads inputs {idle}; remove them")

    def _check_ports(self) -> None:
        """Raise `EmgEdgeError` unless every input is a tensor and every port is named once."""
        ports = (*self.inputs, *self.outputs)
        twice = sorted({name for name in ports if ports.count(name) > 1})
        if twice:
            raise EmgEdgeError(
                f"program {self.name!r}: {twice} stand more than once among inputs and outputs; export each value once"
            )
        lost = [name for name in self.inputs if name not in self.tensors]
        if lost:
            raise EmgEdgeError(f"program {self.name!r}: inputs {lost} are no tensors of the program; add them")

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(op.macs(*self.operands(op)) for op in self.ops)

    @property
    def constant_bytes(self) -> int:
        """Bytes of weights, multipliers and tables."""
        members = (value for op in self.ops for value in op.members(*self.operands(op)).values())
        return sum(value.nbytes for value in members if isinstance(value, np.ndarray))


def run_reference(program: Program, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run the program with the integer reference kernels, keeping every tensor.

    Parameters
    ----------
    program
        A verified program.
    feeds
        One array ``(batch, *shape)`` per input, already quantised, in the tensor's dtype.

    Returns
    -------
    dict
        Every tensor ``(batch, *shape)`` by name: the definition of bit-exact, layer by layer.
    """
    values = {name: np.ascontiguousarray(feeds[name]) for name in program.inputs}
    for op in program.ops:
        tensors, out = program.operands(op)
        result = op.reference([values[name] for name in op.inputs], tensors, out)
        values[op.output] = result.reshape(len(result), *out.shape)
    return values
