"""What products share: legal constants, weights as bytes or nibbles, members of the requantisation behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.program._tensor import DTYPES, storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor

    from ._convolution import Conv
    from ._linear import Linear


def pack_nibbles(weight: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return rows of two's complement nibbles, the even column in the low half: ``(rows, (columns + 1) // 2)``.

    Parameters
    ----------
    weight
        int8 ``(rows, columns)`` in [-8, 7]; a missing last column counts as 0.
    """
    wide = np.zeros((len(weight), -(-weight.shape[1] // 2) * 2), np.uint8)
    wide[:, : weight.shape[1]] = weight.view(np.uint8) & 15
    packed: NDArray[np.uint8] = wide[:, ::2] | wide[:, 1::2] << 4
    return packed


def stored_weights(weight: NDArray[np.int8], bits: int) -> Members:
    """Return the members ``weight`` and ``packed`` of a C structure: rows of bytes, or of nibbles for 4 bits."""
    if bits == 8:
        return {"weight": weight, "packed": None}
    return {"weight": None, "packed": pack_nibbles(weight.reshape(len(weight), -1))}


def finish(shift: int, zero: int, table: NDArray[Any] | None, out: Tensor) -> Members:
    """Return the members of an ``emg_finish_params`` called ``finish``."""
    return {"finish.table": table, "finish.shift": shift, "finish.zero": zero, "finish.out": storage(out)}


def check_product(op: Linear | Conv, tensors: list[Tensor], out: Tensor) -> None:
    """Raise `EmgEdgeError` unless constants are legal and no accumulator can overflow."""
    n, (_, low, high) = len(op.weight), DTYPES[out.dtype]
    op.require(op.bias.shape == op.mul.shape == (n,), f"bias {op.bias.shape} and mul {op.mul.shape} need ({n},)")
    op.require(low <= op.pre_zero <= high, f"pre_zero {op.pre_zero} must lie in {low}..{high}")
    op.require(op.weight_bits in {4, 8}, f"weight_bits {op.weight_bits} must be 8 or 4")
    peak, largest = 2 ** (op.weight_bits - 1) - 1, int(np.abs(op.weight.astype(np.int64)).max(initial=0))
    op.require(largest <= peak, f"weights reach {largest}, must lie in [-{peak}, {peak}]")
    op.require(int(op.mul.min()) >= 0 and 1 <= op.shift <= 62, f"mul must be >= 0 and shift {op.shift} in 1..62")
    op.require(
        op.table is None or (out.dtype == "int8" and op.table.shape == (256,)), "a table needs int8 and 256 entries"
    )
    bound = op.acc_bound(tensors)
    op.require(bound < 2**31, f"accumulator may reach {bound} >= 2**31; use int8 input")


def rounding_error(table: NDArray[np.int8] | None) -> float:
    """Return the error bound in output steps of one rounding; behind a table, half its largest step."""
    if table is None:
        return 0.5
    return float(np.abs(np.diff(np.roll(table.astype(np.int64), 128))).max()) / 2.0
