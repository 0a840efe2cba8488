"""Product of two activations: batched, either operand at any strides, zero points exact."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Product, Work
from emg_edge.program._tensor import DTYPES, storage

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class MatMul(Op):
    """``y = a @ b`` for every pair of two batch axes, requantised.

    Element ``(g, h, i, k)`` of a stands at ``a_layout[0] + g * a_layout[1] + h * a_layout[2] + i * a_layout[3] +
    k * a_layout[4]`` of the first input, element ``(g, h, k, j)`` of b likewise with ``b_layout`` (k before j) in the
    second; a stride of 0 repeats. The output is ``(G, H, N, M)``, row-major::

        acc = sum_k (a[g,h,i,k] - zero_a) * (b[g,h,k,j] - zero_b)           int32
        y   = sat(((acc * mul + 2**(shift-1)) >> shift) + zero)             int64 product

    Parameters
    ----------
    batch, rows, depth, columns
        (G, H), N, K, M; K such that ``K * max|a - zero_a| * max|b - zero_b| < 2**31`` for every stored value.
    a_layout, b_layout
        Offset and four strides, in elements, >= 0.
    mul, shift
        ``S_a S_b / S_y ~ mul * 2**-shift``; mul in 0..2**31-1, shift in 1..62.
    """

    kind: ClassVar[str] = "matmul"
    arity: ClassVar[int | None] = 2

    batch: tuple[int, int]
    rows: int
    depth: int
    columns: int
    a_layout: tuple[int, ...]
    b_layout: tuple[int, ...]
    mul: int
    shift: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        shapes = (*self.batch, self.rows, self.depth), (*self.batch, self.depth, self.columns)
        a, b = (
            x.reshape(len(x), -1)[:, _places(layout, shape)].astype(np.float64) - tensor.zero_point
            for x, layout, shape, tensor in zip(inputs, (self.a_layout, self.b_layout), shapes, tensors, strict=True)
        )
        acc = (a @ b).astype(np.int64)  # exact: below 2**31
        return out.saturate(rounding_shift(acc * self.mul, self.shift) + out.zero_point).reshape(-1, *out.shape)

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`."""
        del tensors, out
        return prod(self.batch) * self.rows * self.depth * self.columns

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {
            "batch": self.batch,
            "rows": self.rows,
            "depth": self.depth,
            "columns": self.columns,
            "a_layout": self.a_layout,
            "b_layout": self.b_layout,
            "mul": self.mul,
            "shift": self.shift,
            "zero_a": tensors[0].zero_point,
            "zero_b": tensors[1].zero_point,
            "zero": out.zero_point,
            "a": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        product = Product(
            rows=self.rows,
            columns=self.columns,
            depth=self.depth,
            count=prod(self.batch),
            wide=tensors[0].dtype == "int16",
            inner=True,
        )
        copies = prod(self.batch) * self.depth * (self.columns + self.rows)
        return Work(products=(product,), elements={"output": out.size, "copy": copies}, pieces=out.size // self.columns)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: rows of a stream past one matrix of b, which stays with its column sums."""
        rows = out.size // self.columns
        moved = tensors[0].nbytes + out.nbytes
        resident = self.columns * (self.depth + 4)
        return Cut(rows=rows, row_bytes=-(-moved // rows) + -(-tensors[1].nbytes // rows), resident=resident)

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`: column sums ``(M,)`` int32, one row of a, one matrix of b by columns in int8."""
        del out
        row = self.depth * DTYPES[tensors[0].dtype][0]
        return 4 * self.columns + -(-row // 4) * 4 + -(-self.depth * self.columns // 4) * 4

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        a, b = tensors
        extents = (*self.batch, self.rows, self.depth, self.columns)
        self.require(
            a.dtype in {"int8", "int16"} and b.dtype == "int8" and out.dtype in {"int8", "int16"},
            f"multiplies {a.dtype} by {b.dtype} into {out.dtype}; need int8 or int16, int8, and int8 or int16",
        )
        self.require(min(extents) >= 1, f"extents {extents} must be five numbers >= 1")
        self.require(out.size == prod(self.batch) * self.rows * self.columns, f"output {out.shape} is no {extents}")
        shapes = (*self.batch, self.rows, self.depth), (*self.batch, self.depth, self.columns)
        for layout, shape, tensor in zip((self.a_layout, self.b_layout), shapes, tensors, strict=True):
            self.require(len(layout) == 5 and min(layout) >= 0, f"layout {layout} needs five values >= 0")
            last = layout[0] + sum((extent - 1) * step for extent, step in zip(shape, layout[1:], strict=True))
            self.require(last < tensor.size, f"layout reads element {last} of {tensor.name} with {tensor.size}")
        reach = self.depth * _reach(a) * _reach(b)
        self.require(reach < 2**31, f"{self.depth} products can reach {reach}; need less than 2**31")
        self.require(self.depth * 2**15 <= 2**31, f"rows of {self.depth} values; need at most 65536")
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )


def _places(layout: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    axes = np.ogrid[tuple(slice(extent) for extent in shape)]
    places: NDArray[np.int64] = np.asarray(
        layout[0] + sum(axis * step for axis, step in zip(axes, layout[1:], strict=True))
    )
    return np.broadcast_to(places, shape)


def _reach(tensor: Tensor) -> int:
    """Return the largest distance of a stored value to the zero point."""
    _, low, high = DTYPES[tensor.dtype]
    return max(tensor.zero_point - low, high - tensor.zero_point)
