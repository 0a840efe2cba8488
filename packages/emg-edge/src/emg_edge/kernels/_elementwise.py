"""Element-wise kernels: residual addition of two scales, table look-up, change of scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Op, Work, rescaling
from emg_edge.program._tensor import Tensor, storage

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

_SMALL = {"int8", "int16"}


@dataclass(frozen=True, kw_only=True)
class Add(Op):
    """``y = sat(((a - za) mul_a + (b - zb) mul_b + 2**(shift-1)) >> shift) + zy)`` in int64: one rounding.

    Parameters
    ----------
    mul_a, mul_b
        0 to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "add"
    arity: ClassVar[int] = 2

    mul_a: int
    mul_b: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        a, b = (x.reshape(len(x), -1).astype(np.int64) - t.zero_point for x, t in zip(inputs, tensors, strict=True))
        total = a * self.mul_a + b * self.mul_b
        return out.saturate(rounding_shift(total, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {
            "size": out.size,
            "mul_a": self.mul_a,
            "mul_b": self.mul_b,
            "shift": self.shift,
            "zero_a": tensors[0].zero_point,
            "zero_b": tensors[1].zero_point,
            "zero": out.zero_point,
            "a": storage(tensors[0]),
            "b": storage(tensors[1]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"add": out.size}, pieces=out.size)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({t.dtype for t in (*tensors, out)} <= _SMALL, "operands must be int8 or int16")
        self.require(tensors[0].size == tensors[1].size == out.size, "operands and result must have one size")
        self.require(
            min(self.mul_a, self.mul_b) >= 0 and max(self.mul_a, self.mul_b) < 2**31,
            "multipliers must lie in 0..2**31-1",
        )
        self.require(1 <= self.shift <= 62, f"shift {self.shift} must lie in 1..62")


@dataclass(frozen=True, kw_only=True)
class AddConstant(Op):
    """``y[r, p, d] = sat((((x[r, p, d] - zx) mul + value[r, d] + 2**(shift-1)) >> shift) + zy)`` in int64.

    Row ``r`` of the constant serves ``repeat`` consecutive rows of the input, as a channel embedding ``(C, 1, D)``
    does on tokens ``(C, P, D)``. It is stored at scale ``S_y * 2**-shift``, so only the sum is rounded.

    Parameters
    ----------
    value
        int32 ``(R, D)``.
    mul
        0 to 2**31 - 1.
    shift
        1 to 62.
    repeat
        >= 1; ``R * repeat * D`` equals the tensor's size.
    """

    kind: ClassVar[str] = "add_constant"
    dtypes: ClassVar[Mapping[str, str]] = {"value": "int32"}

    value: NDArray[np.int32]
    mul: int
    shift: int
    repeat: int = 1

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        rows, width = self.value.shape
        x = inputs[0].astype(np.int64).reshape(len(inputs[0]), rows, self.repeat, width) - tensors[0].zero_point
        total = x * self.mul + self.value.astype(np.int64)[:, None, :]
        return out.saturate(rounding_shift(total, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        rows, width = self.value.shape
        return {
            "value": self.value,
            "rows": rows,
            "repeat": self.repeat,
            "width": width,
            **rescaling(self.mul, self.shift, tensors[0], out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"requantise": out.size}, pieces=out.size)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= _SMALL, "operands must be int8 or int16")
        self.require(
            self.value.ndim == 2 and self.value.size * self.repeat == tensors[0].size == out.size,
            "rows * repeat * width must equal the tensor's size",
        )
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )


@dataclass(frozen=True, kw_only=True)
class Table(Op):
    """``y = table[x & 255]``: any function of one int8 variable, exact for the given scales.

    Parameters
    ----------
    table
        int8 ``(256,)`` in two's complement order of the index.
    """

    kind: ClassVar[str] = "table"
    dtypes: ClassVar[Mapping[str, str]] = {"table": "int8"}

    table: NDArray[np.int8]

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors, out
        return self.table[inputs[0].view(np.uint8)]

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        del tensors
        return {"table": self.table, "size": out.size}

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"table": out.size}, pieces=out.size)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(tensors[0].dtype == out.dtype == "int8", "input and output must be int8")
        self.require(self.table.shape == (256,) and tensors[0].size == out.size, "needs 256 entries and equal sizes")


@dataclass(frozen=True, kw_only=True)
class Requantise(Op):
    """``y = sat((((x - zx) * mul + 2**(shift-1)) >> shift) + zy)`` in int64: change of scale or width.

    Parameters
    ----------
    mul
        0 to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "requantise"

    mul: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        x = inputs[0].astype(np.int64) - tensors[0].zero_point
        return out.saturate(rounding_shift(x * self.mul, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {"size": out.size, **rescaling(self.mul, self.shift, tensors[0], out)}

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"requantise": out.size}, pieces=out.size)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= _SMALL, "input and output must be int8 or int16")
        self.require(tensors[0].size == out.size, "input and output must have one size")
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )
