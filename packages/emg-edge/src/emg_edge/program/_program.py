"""The integer program: the one form between the quantiser and everything that runs or prints it.

A program is a straight line of operators over integer tensors, batch size one. Every number that the device needs is
in it: multipliers, shifts and tables are computed once by the quantiser and stored, never recomputed on load.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DTYPES: dict[str, tuple[int, int, int]] = {  # name -> (bytes, lowest, highest)
    "int8": (1, -128, 127),
    "int16": (2, -32768, 32767),
    "int32": (4, -(2**31), 2**31 - 1),
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An activation: ``real = scale * (stored - zero_point)``.

    Parameters
    ----------
    name
        Unique in the program.
    shape
        Without batch axis, row-major, every extent >= 1.
    dtype
        ``"int8"``, ``"int16"`` or ``"int32"``.
    scale
        Real value of one step, > 0. ``0.0`` marks a tensor whose parts have scales of their own (fused q, k, v).
    zero_point
        Stored value of real 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return self.size * DTYPES[self.dtype][0]

    def check(self, name: str) -> None:
        """Raise `EmgEdgeError` unless it bears that name and dtype, shape, scale and zero point are legal."""
        whole = all(extent >= 1 for extent in self.shape)
        if name != self.name or self.dtype not in DTYPES or not whole or not 0.0 <= self.scale < np.inf:
            raise EmgEdgeError(
                f"tensor {name!r} is {self}; need its own name, a dtype of {sorted(DTYPES)}, extents >= 1, "
                "a finite scale"
            )
        _, low, high = DTYPES[self.dtype]
        if not low <= self.zero_point <= high:
            raise EmgEdgeError(f"tensor {name!r}: zero point {self.zero_point} must lie in {low}..{high}")

    def saturate(self, values: NDArray[Any]) -> NDArray[Any]:
        """Clip integers to the dtype's range and store them in it."""
        _, low, high = DTYPES[self.dtype]
        clipped: NDArray[Any] = np.clip(values, low, high).astype(self.dtype)
        return clipped

    def quantise(self, real: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Round real values half to even onto the grid and saturate."""
        with np.errstate(over="ignore"):
            steps = np.asarray(real, np.float64) / self.scale
        return self.saturate(np.rint(steps) + self.zero_point)

    def dequantise(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return ``scale * (stored - zero_point)`` as float32."""
        return ((stored.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Op(ABC):
    """One operator: names of its activation tensors plus everything constant, as fields.

    Array fields are the operator's constants on the device; the other fields are integers or tuples of integers.
    Subclasses define `kind`, the reference and the counts.
    """

    kind: ClassVar[str]
    arity: ClassVar[int] = 1
    dtypes: ClassVar[Mapping[str, str]] = {}
    """dtype of every array field."""

    name: str
    inputs: tuple[str, ...]
    output: str

    @abstractmethod
    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """Compute the output, bit-exactly as the C kernel does.

        Parameters
        ----------
        inputs
            One array ``(batch, *shape)`` per input tensor, in its dtype.
        tensors
            The input tensors.
        out
            The output tensor.

        Returns
        -------
        ndarray
            ``(batch, *out.shape)`` in ``out.dtype``.
        """

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """Multiply-accumulates of one run (0 for operators that only move or look up)."""
        del tensors, out
        return 0

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """Bytes of working memory that the C kernel needs beside inputs and output, 4-aligned inside."""
        del tensors, out
        return 0

    @abstractmethod
    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """Raise `EmgEdgeError` unless shapes, dtypes and constants are legal and no int32 accumulator can overflow."""

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return the array fields by name, in declaration order."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def check_operands(self) -> None:
        """Raise `EmgEdgeError` unless the number of inputs and the dtypes of constants are those of the kind."""
        self.require(len(self.inputs) == self.arity, f"reads {len(self.inputs)} tensors, need {self.arity}")
        for name, array in self.constants().items():
            wanted = self.dtypes.get(name)
            self.require(
                array.dtype == wanted and array.size > 0, f"{name} is {array.dtype} {array.shape}, need {wanted}"
            )

    def require(self, holds: bool, message: str) -> None:
        """Raise `EmgEdgeError` with the operator's name in front unless ``holds``."""
        if not holds:
            raise EmgEdgeError(f"{self.kind} {self.name!r}: {message}")


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
    """

    name: str
    tensors: dict[str, Tensor]
    ops: tuple[Op, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)

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
        return sum(array.nbytes for op in self.ops for array in op.constants().values())


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
