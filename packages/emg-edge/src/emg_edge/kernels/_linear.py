"""Linear layer (and patch embedding): requantisation per channel, optional table, weights of 8 or 4 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Product, Work
from emg_edge.program._tensor import DTYPES, Tensor, storage

from ._fixed import rounding_shift, sum_bound
from ._weights import check_product, finish, rounding_error, stored_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

BLOCK = 16  # EMG_LINEAR_BLOCK


@dataclass(frozen=True, kw_only=True)
class Linear(Op):
    """``y[m, n] = sat(((sum_k x[m, k] w[n, k] + bias[n]) * mul[n] + 2**(shift-1)) >> shift) + zero)``, then the table.

    The sum is int32, proved not to overflow by the rows' norms; the product is int64. The input's zero point is folded
    into ``bias``. With a table (int8 outputs only) the stored value is ``table[y & 255]`` (two's complement order), so
    any activation function costs one look-up; ``zero`` is ``pre_zero``, the output tensor's zero point stands behind
    the table (without a table the two are equal).

    Parameters
    ----------
    weight
        int8 ``(N, K)`` in [-127, 127].
    bias
        int32 ``(N,)`` at scale ``S_x * S_w[n]``.
    mul
        int32 ``(N,)``, >= 0.
    shift
        1 to 62.
    pre_zero
        Added after the shift, before saturation; within the output's dtype.
    table
        int8 ``(256,)`` indexed by the byte of ``y``, or None.
    weight_bits
        8, or 4: weights in [-7, 7], held by the device as rows of nibbles (`pack_nibbles`), unpacked a few rows at a
        time into scratch. The arithmetic is the same.
    """

    kind: ClassVar[str] = "linear"
    works: ClassVar[bool] = True
    dtypes: ClassVar[Mapping[str, str]] = {"weight": "int8", "bias": "int32", "mul": "int32", "table": "int8"}

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    mul: NDArray[np.int32]
    shift: int
    pre_zero: int = 0
    table: NDArray[np.int8] | None = None
    weight_bits: int = 8

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`; the float64 product is exact because every partial sum stays below 2**53."""
        del tensors
        k = self.weight.shape[1]
        x = inputs[0].reshape(len(inputs[0]), -1, k)
        acc = (x.astype(np.float64) @ self.weight.T.astype(np.float64)).astype(np.int64) + self.bias
        y = out.saturate(rounding_shift(acc * self.mul.astype(np.int64), self.shift) + self.pre_zero)
        return y if self.table is None else self.table[y.view(np.uint8)]

    def rows(self, tensors: list[Tensor]) -> int:
        """Return the number of input rows M."""
        return tensors[0].size // int(self.weight.shape[1])

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`."""
        del out
        return self.rows(tensors) * self.weight.size

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding; behind a table half its largest step, between entries interpolated."""
        del tensors, out
        return rounding_error(self.table)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        outputs, depth = self.weight.shape
        return {
            **stored_weights(self.weight, self.weight_bits),
            "bias": self.bias,
            "mul": self.mul,
            "rows": self.rows(tensors),
            "outputs": outputs,
            "depth": depth,
            "in": storage(tensors[0]),
            **finish(self.shift, self.pre_zero, self.table, out),
        }

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`: a block of unpacked rows."""
        del tensors, out
        return 0 if self.weight_bits == 8 else BLOCK * int(self.weight.shape[1])

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        outputs, depth = self.weight.shape
        rows = self.rows(tensors)
        product = Product(rows=rows, columns=outputs, depth=depth, wide=tensors[0].dtype == "int16")
        elements = {"output": out.size, "table": 0 if self.table is None else out.size}
        return Work(products=(product,), elements=elements, pieces=max(rows, -(-outputs // 4)))

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: rows of the input stream past blocks of output channels."""
        outputs, depth = self.weight.shape
        rows = self.rows(tensors)
        return Cut(
            rows=rows,
            row_bytes=tensors[0].nbytes // rows + out.nbytes // rows,
            resident=(0 if self.table is None else self.table.nbytes) + self.scratch_bytes(tensors, out),
            columns=outputs,
            column_bytes=-(-depth * self.weight_bits // 8) + 8,
        )

    def acc_bound(self, tensors: list[Tensor]) -> int:
        """Largest possible |accumulator|, from the weights, the biases and the input's dtype."""
        return sum_bound(self.weight, self.bias, *DTYPES[tensors[0].dtype][1:])

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(self.weight.ndim == 2, f"weight {self.weight.shape}, need (outputs, depth)")
        n, k = self.weight.shape
        self.require(tensors[0].dtype in {"int8", "int16"}, f"input dtype {tensors[0].dtype}, need int8 or int16")
        self.require(tensors[0].size % k == 0, f"input {tensors[0].shape} does not split into rows of {k}")
        self.require(
            out.size == self.rows(tensors) * n, f"output {out.shape} does not hold {self.rows(tensors)} rows of {n}"
        )
        check_product(self, tensors, out)
