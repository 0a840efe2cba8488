"""Arithmetic of two computed values with scales of their own, broadcast by strides: one rounding each."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Op, Work
from emg_edge.program._tensor import DTYPES, Tensor, storage

from ._fixed import rounding_shift
from ._strided import is_box, offsets, reach, six

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.program._op import Members

_SMALL = {"int8", "int16"}


@dataclass(frozen=True, kw_only=True)
class Pairwise(Op):
    """Two operands read through strides: element e of the output is made of ``a[ia(e)]`` and ``b[ib(e)]``.

    Parameters
    ----------
    extent
        The output seen as up to six axes; empty where both operands have its elements in its order.
    stride_a, stride_b
        Step in either operand for each axis, in elements; 0 repeats.
    """

    arity: ClassVar[int] = 2

    extent: tuple[int, ...] = ()
    stride_a: tuple[int, ...] = ()
    stride_b: tuple[int, ...] = ()

    def centred(self, inputs: list[NDArray[Any]], tensors: list[Tensor]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return both operands without zero points, int64 ``(batch, out.size)``: 17 bits with sign."""
        strides = (self.stride_a, self.stride_b)
        a, b = (x.reshape(len(x), -1).astype(np.int64) - t.zero_point for x, t in zip(inputs, tensors, strict=True))
        if not self.extent:
            return a, b
        ia, ib = (offsets(self.extent, stride) for stride in strides)
        return a[:, ia], b[:, ib]

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        flat = not self.extent
        return {
            "extent": six((out.size,) if flat else self.extent, 1),
            "stride_a": six((1,) if flat else self.stride_a, 0),
            "stride_b": six((1,) if flat else self.stride_b, 0),
            "zero_a": tensors[0].zero_point,
            "zero_b": tensors[1].zero_point,
            "zero": out.zero_point,
            "a": storage(tensors[0]),
            "b": storage(tensors[1]),
            "out": storage(out),
            **self.factors(),
        }

    def factors(self) -> Members:
        """Return the members that the kind has of its own."""
        return {name: getattr(self, name) for name in ("mul", "shift")}

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"add": out.size}, pieces=out.size)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({t.dtype for t in (*tensors, out)} <= _SMALL, "operands must be int8 or int16")
        if not self.extent:
            self.require(tensors[0].size == tensors[1].size == out.size, "operands and result must have one size")
            return
        strides = (self.stride_a, self.stride_b)
        self.require(
            is_box(self.extent, *strides) and min(*strides[0], *strides[1]) >= 0 and prod(self.extent) == out.size,
            f"extent {self.extent} with strides {strides} is not the result {out.shape}",
        )
        for stride, tensor in zip(strides, tensors, strict=True):
            last = reach(self.extent, stride)[1]
            self.require(last < tensor.size, f"strides {stride} read element {last} of {tensor.shape}")

    def check_factor(self, mul: int, shift: int, low: int, bits: int = 31) -> None:
        """Raise unless a multiplier lies in ``low .. 2**bits - 1`` and the shift is legal."""
        self.require(low <= mul < 2**bits, f"multiplier {mul} must lie in {low}..2**{bits}-1")
        self.require(1 <= shift <= 62, f"shift {shift} must lie in 1..62")


@dataclass(frozen=True, kw_only=True)
class Add(Pairwise):
    """``y = sat(((a - za) mul_a + (b - zb) mul_b + 2**(shift-1)) >> shift) + zy)`` in int64: one rounding.

    The largest intermediate is 2 * 2**17 * 2**31 + 2**61. A negative multiplier subtracts.

    Parameters
    ----------
    mul_a, mul_b
        -(2**31 - 1) to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "add"

    mul_a: int
    mul_b: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        a, b = self.centred(inputs, tensors)
        return out.saturate(rounding_shift(a * self.mul_a + b * self.mul_b, self.shift) + out.zero_point)

    def factors(self) -> Members:
        """See `Pairwise.factors`."""
        return {"mul_a": self.mul_a, "mul_b": self.mul_b, "shift": self.shift}

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        for mul in (self.mul_a, self.mul_b):
            self.check_factor(mul, self.shift, 1 - 2**31)


@dataclass(frozen=True, kw_only=True)
class Mul(Pairwise):
    """``y = sat(((a - za) (b - zb) mul + 2**(shift-1)) >> shift) + zy)`` in int64: one rounding.

    The largest intermediate is 2**32 * 2**30 + 2**61.

    Parameters
    ----------
    mul
        0 to 2**30 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "mul"

    mul: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        a, b = self.centred(inputs, tensors)
        return out.saturate(rounding_shift(a * b * self.mul, self.shift) + out.zero_point)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        self.check_factor(self.mul, self.shift, 0, bits=30)


@dataclass(frozen=True, kw_only=True)
class Div(Pairwise):
    """``y = sat(((q + 2**(shift-1)) >> shift) + zy)``, q the quotient with ``shift`` bits behind the point.

    With ``n = a - za`` and ``d = b - zb``: ``|q| = (|n| mul + floor(|d| / 2)) // |d|``, with the sign of ``n d``. Where
    d is 0, y is the highest value for n > 0, the lowest for n < 0 and the zero point for n = 0. All in int64; the
    largest intermediate is 2**17 * 2**31 + 2**61.

    Parameters
    ----------
    mul
        0 to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "div"

    mul: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        n, d = self.centred(inputs, tensors)
        n, d = np.broadcast_arrays(n, d)
        size = np.maximum(np.abs(d), 1)
        q = (np.abs(n) * self.mul + size // 2) // size * np.sign(n) * np.sign(d)
        y = out.saturate(rounding_shift(q, self.shift) + out.zero_point)
        _, low, high = DTYPES[out.dtype]
        ends = np.where(n > 0, high, np.where(n < 0, low, out.zero_point)).astype(out.dtype)
        return np.where(d == 0, ends, y)

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"add": out.size, "row": out.size}, pieces=out.size)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: the quotient's rounding, and that of the result."""
        del tensors, out
        return 0.5 + 0.5 * 2.0**-self.shift

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        self.check_factor(self.mul, self.shift, 0)


@dataclass(frozen=True, kw_only=True)
class Maximum(Pairwise):
    """``y = sat((max((a - za) mul_a, (b - zb) mul_b) + 2**(shift-1)) >> shift) + zy)`` in int64: one rounding.

    The largest intermediate is 2**17 * 2**31 + 2**61.

    Parameters
    ----------
    mul_a, mul_b
        0 to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "maximum"

    mul_a: int
    mul_b: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        a, b = self.centred(inputs, tensors)
        chosen = self.choose(a * self.mul_a, b * self.mul_b)
        return out.saturate(rounding_shift(chosen, self.shift) + out.zero_point)

    @staticmethod
    def choose(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the larger of two elements."""
        return np.maximum(a, b)

    def factors(self) -> Members:
        """See `Pairwise.factors`."""
        return {"mul_a": self.mul_a, "mul_b": self.mul_b, "shift": self.shift}

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        for mul in (self.mul_a, self.mul_b):
            self.check_factor(mul, self.shift, 0)


@dataclass(frozen=True, kw_only=True)
class Minimum(Maximum):
    """``y = sat((min((a - za) mul_a, (b - zb) mul_b) + 2**(shift-1)) >> shift) + zy)`` in int64: one rounding.

    Parameters
    ----------
    mul_a, mul_b
        0 to 2**31 - 1.
    shift
        1 to 62.
    """

    kind: ClassVar[str] = "minimum"

    @staticmethod
    def choose(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the smaller of two elements."""
        return np.minimum(a, b)
