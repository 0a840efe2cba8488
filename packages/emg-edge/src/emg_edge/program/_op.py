"""What an integer operator is: its exact meaning, its C structure, its cost, and how it can be cut into tiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._tensor import storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ._tensor import Tensor

    Members = dict[str, NDArray[Any] | tuple[int, ...] | str | int | None]  # str: a C constant; None: NULL


@dataclass(frozen=True, kw_only=True)
class Product:
    """``count`` matrix products of int8 (``wide``: int16) rows with int8 columns.

    Parameters
    ----------
    rows, columns, depth
        Extents of one product.
    count
        How many.
    wide
        Whether the rows are int16.
    inner
        Whether it stands inside attention, whose rows are blocked less well.
    """

    rows: int
    columns: int
    depth: int
    count: int = 1
    wide: bool = False
    inner: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one run of an operator costs.

    Parameters
    ----------
    products
        Matrix products, without their epilogues.
    elements
        Number of elements by the cycle model's per-element figures: ``"output"`` (requantised accumulators),
        ``"table"``, ``"requantise"``, ``"add"``, ``"copy"``, ``"softmax"``, ``"rotate"``, ``"layernorm"``, ``"row"``.
    pieces
        Equal pieces that cores can share.
    """

    products: tuple[Product, ...] = ()
    elements: Mapping[str, int] = field(default_factory=dict)
    pieces: int


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How an operator can be cut into tiles.

    Parameters
    ----------
    rows, row_bytes
        Pieces that stream, and the bytes that one of them moves in and out.
    resident
        Bytes that stay in L1 all the time.
    columns, column_bytes
        Output columns with constants of their own, which may be taken in several passes over the rows; 0 where the
        constants are resident.
    again
        How often the resident bytes are fetched anew where they do not fit L1.
    """

    rows: int
    row_bytes: int
    resident: int
    columns: int = 0
    column_bytes: int = 0
    again: int = 1


@dataclass(frozen=True, kw_only=True)
class Op(ABC):
    """One operator: names of its activation tensors plus everything constant, as fields.

    Array fields are the operator's constants on the device; the other fields are integers or tuples of integers.
    Subclasses define `kind`, the reference, the C structure and the counts.
    """

    slots: ClassVar[int] = 0
    """Input arguments of the C function where the last ones are optional: NULL stands for those that are absent."""
    kind: ClassVar[str]
    arity: ClassVar[int | None] = 1
    """Number of inputs; None where it varies, which `check` then decides."""
    variadic: ClassVar[bool] = False
    """Whether the C kernel takes its inputs as one array of addresses."""
    works: ClassVar[bool] = False
    """Whether the C function always takes working memory last, NULL where `scratch_bytes` is 0."""
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

    @abstractmethod
    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """Return the members of the C structure ``emg_<kind>_params``, in any order."""

    @abstractmethod
    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """Return what one run costs, in counts that a target's cycle model prices."""

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """Return how the operator can be cut into tiles: by default element by element, constants resident."""
        constants = sum(array.nbytes for array in self.constants().values())
        moved = sum(tensor.nbytes for tensor in tensors) + out.nbytes
        return Cut(rows=out.size, row_bytes=-(-moved // out.size), resident=constants)

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

    @abstractmethod
    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """Bound ``|y - saturate(exact result)|`` in output steps.

        The exact result is what the stored parameters mean in real numbers, rounded nowhere.
        """

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return the array fields by name, in declaration order."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def check_operands(self) -> None:
        """Raise `EmgEdgeError` unless the number of inputs and the dtypes of constants are those of the kind."""
        arity = self.arity or len(self.inputs)
        self.require(len(self.inputs) == arity > 0, f"reads {len(self.inputs)} tensors, need {self.arity or 'some'}")
        for name, array in self.constants().items():
            wanted = self.dtypes.get(name)
            self.require(
                array.dtype == wanted and array.size > 0, f"{name} is {array.dtype} {array.shape}, need {wanted}"
            )

    def require(self, holds: bool, message: str) -> None:
        """Raise `EmgEdgeError` with the operator's name in front unless ``holds``."""
        if not holds:
            raise EmgEdgeError(f"{self.kind} {self.name!r}: {message}")


def rescaling(mul: int, shift: int, x: Tensor, out: Tensor) -> Members:
    """Return the members of every C structure that changes one scale into another."""
    return {
        "mul": mul,
        "shift": shift,
        "zero_in": x.zero_point,
        "zero": out.zero_point,
        "in": storage(x),
        "out": storage(out),
    }
