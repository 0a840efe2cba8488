"""Element-wise kernels of one operand: gains and offsets per channel, table look-up, change of scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
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
class Affine(Op):
    """``y = sat((((x - zx) mul[r, d] + add[r, d] + 2**(shift-1)) >> shift) + zy)`` in int64, constants per channel.

    The input is seen as ``(outer, R, repeat, D)``; row ``r`` of the constants serves ``repeat`` consecutive rows, as a
    channel embedding ``(C, 1, D)`` does on tokens ``(C, P, D)``. Where ``x < zx`` and ``negative`` is given, it stands
    in for ``mul``. ``add`` is stored at scale ``S_y * 2**-shift``, so only the result is rounded. The largest
    intermediate is 2**17 * 2**31 + 2**31 + 2**61.

    Parameters
    ----------
    mul, add, negative
        int32 ``(R, D)``, or ``(1, 1)`` for all channels; -(2**31 - 1) to 2**31 - 1.
    shift
        1 to 62.
    rows, width
        R and D.
    repeat, outer
        >= 1; ``outer * R * repeat * D`` equals the tensor's size.
    """

    kind: ClassVar[str] = "affine"
    dtypes: ClassVar[Mapping[str, str]] = {"mul": "int32", "add": "int32", "negative": "int32"}

    mul: NDArray[np.int32]
    add: NDArray[np.int32]
    shift: int
    rows: int
    width: int
    repeat: int = 1
    outer: int = 1
    negative: NDArray[np.int32] | None = None

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        shape = (len(inputs[0]), self.outer, self.rows, self.repeat, self.width)
        x = inputs[0].astype(np.int64).reshape(shape) - tensors[0].zero_point
        mul, add = (array.astype(np.int64)[:, None, :] for array in (self.mul, self.add))
        total = x * (mul if self.negative is None else np.where(x < 0, self.negative.astype(np.int64)[:, None, :], mul))
        return out.saturate(rounding_shift(total + add, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        arrays = {"mul": self.mul, "add": self.add, "negative": self.negative}
        return {
            **arrays,
            **{f"{name}_step": int(array is not None and array.size > 1) for name, array in arrays.items()},
            "outer": self.outer,
            "rows": self.rows,
            "repeat": self.repeat,
            "width": self.width,
            "shift": self.shift,
            "zero_in": tensors[0].zero_point,
            "zero": out.zero_point,
            "in": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"requantise": out.size}, pieces=out.size)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= _SMALL, "operands must be int8 or int16")
        extents = (self.outer, self.rows, self.repeat, self.width)
        self.require(
            min(extents) >= 1 and prod(extents) == tensors[0].size == out.size,
            f"outer * rows * repeat * width {extents} must equal the tensor's size {out.size}",
        )
        for name, array in self.constants().items():
            self.require(
                array.shape in {(1, 1), (self.rows, self.width)},
                f"{name} is {array.shape}, need (1, 1) or {(self.rows, self.width)}",
            )
        self.require(1 <= self.shift <= 62, f"shift {self.shift} must lie in 1..62")


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

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: the table is the function."""
        del tensors, out
        return 0.0

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

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= _SMALL, "input and output must be int8 or int16")
        self.require(tensors[0].size == out.size, "input and output must have one size")
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )
