"""Kernels that reduce an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Work, rescaling
from emg_edge.program._tensor import Tensor, storage

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.program._op import Members


@dataclass(frozen=True, kw_only=True)
class Mean(Op):
    """``y[o, i] = sat(((sum_a (x[o, a, i] - zx)) * mul + 2**(shift-1)) >> shift) + zy)``: mean over the middle axis.

    Parameters
    ----------
    outer, axis, inner
        Extents of the input seen as ``(outer, axis, inner)``; ``1 <= axis <= 32768``.
    mul, shift
        ``S_x / (S_y * axis) ~ mul * 2**-shift``; mul 0 to 2**31 - 1, shift 1 to 62.
    """

    kind: ClassVar[str] = "mean"

    outer: int
    axis: int
    inner: int
    mul: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        x = (
            inputs[0].astype(np.int64).reshape(len(inputs[0]), self.outer, self.axis, self.inner)
            - tensors[0].zero_point
        )
        return out.saturate(rounding_shift(x.sum(2) * self.mul, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {
            "outer": self.outer,
            "axis": self.axis,
            "inner": self.inner,
            **rescaling(self.mul, self.shift, tensors[0], out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        return Work(elements={"copy": tensors[0].size, "requantise": out.size}, pieces=out.size)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: rows stream past the sums of all columns."""
        rows = self.outer * self.axis
        moved = tensors[0].nbytes + out.nbytes
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=4 * self.inner)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: the sum is exact, one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= {"int8", "int16"}, "input and output must be int8 or int16")
        self.require(
            tensors[0].size == self.outer * self.axis * self.inner,
            f"input {tensors[0].shape} is not (outer, axis, inner)",
        )
        self.require(out.size == self.outer * self.inner, f"output {out.shape} is not (outer, inner)")
        self.require(1 <= self.axis <= 32768, f"axis of {self.axis}; at most 32768 so that int32 holds the sum")
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )


@dataclass(frozen=True, kw_only=True)
class ReduceMax(Op):
    """``y[o, i] = max_a x[o, a, i]``, or the smallest with ``lowest``; nothing is computed.

    Parameters
    ----------
    outer, axis, inner
        Extents of the input seen as ``(outer, axis, inner)``, >= 1.
    lowest
        1 for the smallest element, else 0.
    """

    kind: ClassVar[str] = "reduce_max"

    outer: int
    axis: int
    inner: int
    lowest: int = 0

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors, out
        x = inputs[0].reshape(len(inputs[0]), self.outer, self.axis, self.inner)
        y: NDArray[Any] = x.min(2) if self.lowest else x.max(2)
        return y

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        del tensors
        extents: Members = {name: getattr(self, name) for name in ("outer", "axis", "inner", "lowest")}
        return {**extents, "type": storage(out)}

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        return Work(elements={"copy": tensors[0].size}, pieces=out.size)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: rows stream past the extremes of all columns."""
        rows = self.outer * self.axis
        moved = tensors[0].nbytes + out.nbytes
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=2 * self.inner)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: a choice is exact."""
        del tensors, out
        return 0.0

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(tensors[0].dtype == out.dtype, f"chooses from {tensors[0].dtype}, cannot write {out.dtype}")
        self.require(min(self.outer, self.axis, self.inner) >= 1 and self.lowest in {0, 1}, "extents must be >= 1")
        self.require(
            tensors[0].size == self.outer * self.axis * self.inner and out.size == self.outer * self.inner,
            f"input {tensors[0].shape} and output {out.shape} are not (outer, axis, inner) and (outer, inner)",
        )
