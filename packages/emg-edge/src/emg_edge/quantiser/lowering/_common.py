"""What several lowerings share: rounding to 32 bits, tables of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import apply_body

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node
    from emg_edge.program._tensor import Tensor

_BYTES = np.arange(256, dtype=np.uint8).view(np.int8)


def int32(values: NDArray[Any], what: str) -> NDArray[np.int32]:
    rounded = np.rint(values)
    if np.abs(rounded).max(initial=0.0) >= 2**31:
        raise EmgEdgeError(f"{what} does not fit 32 bits; the scales of its tensors are too far apart")
    result: NDArray[np.int32] = rounded.astype(np.int32)
    return result


def function_table(node: Node, scale: float, zero: int, out: Tensor) -> NDArray[np.int8]:
    real = (_BYTES.astype(np.float64) - zero) * scale
    with np.errstate(all="ignore"):
        behind = apply_body(node.attrs["body"], real)
    if not np.isfinite(behind).all():
        raise EmgEdgeError(f"the function at {node.name!r} is not finite on [{real.min():g}, {real.max():g}]")
    return out.quantise(behind)
