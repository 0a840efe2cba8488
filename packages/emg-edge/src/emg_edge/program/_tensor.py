"""Integer activations: dtype, scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SIZE = 2**28  # elements, so that the bytes of all dtypes fit 32 bits
DTYPES: dict[str, tuple[int, int, int]] = {  # name -> (bytes, lowest, highest)
    "int8": (1, -128, 127),
    "int16": (2, -32768, 32767),
    "int32": (4, -(2**31), 2**31 - 1),
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An activation: ``real = scale * (stored - zero_point)``.

    Parameters
    ----------
    name
        Unique in the program.
    shape
        Without batch axis, row-major, every extent >= 1.
    dtype
        ``"int8"``, ``"int16"`` or ``"int32"``.
    scale
        Real value of one step, > 0. ``0.0`` marks a tensor whose parts have scales of their own (fused q, k, v).
    zero_point
        Stored value of real 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return self.size * DTYPES[self.dtype][0]

    def check(self, name: str) -> None:
        """Raise `EmgEdgeError` unless it bears that name and dtype, shape, scale and zero point are legal."""
        whole = all(extent >= 1 for extent in self.shape) and self.size <= MAX_SIZE
        if name != self.name or self.dtype not in DTYPES or not whole or not 0.0 <= self.scale < np.inf:
            raise EmgEdgeError(
                f"tensor {name!r} is {self}; need its own name, a dtype of {sorted(DTYPES)}, extents >= 1, "
                f"a finite scale, at most {MAX_SIZE} elements"
            )
        _, low, high = DTYPES[self.dtype]
        if not low <= self.zero_point <= high:
            raise EmgEdgeError(f"tensor {name!r}: zero point {self.zero_point} must lie in {low}..{high}")

    def saturate(self, values: NDArray[Any]) -> NDArray[Any]:
        """Clip integers to the dtype's range and store them in it."""
        _, low, high = DTYPES[self.dtype]
        clipped: NDArray[Any] = np.clip(values, low, high).astype(self.dtype)
        return clipped

    def quantise(self, real: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Round real values half to even onto the grid and saturate."""
        with np.errstate(over="ignore"):
            steps = np.asarray(real, np.float64) / self.scale
        return self.saturate(np.rint(steps) + self.zero_point)

    def dequantise(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return ``scale * (stored - zero_point)`` as float32."""
        return ((stored.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


def storage(tensor: Tensor) -> str:
    """Return the C enumerator of a tensor's type."""
    return f"EMG_{tensor.dtype.upper()}"
