"""What products share on the device: weights as bytes or nibbles, and the members of the requantisation behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.program._tensor import storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor


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


def rounding_error(table: NDArray[np.int8] | None) -> float:
    """Return the error bound in output steps of one rounding; behind a table, half its largest step."""
    if table is None:
        return 0.5
    return float(np.abs(np.diff(np.roll(table.astype(np.int64), 128))).max()) / 2.0
