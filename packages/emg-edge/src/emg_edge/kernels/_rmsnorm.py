"""RMSNorm in integers: exact sum of squares, floor square root, one reciprocal per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Work
from emg_edge.program._tensor import DTYPES, storage

from ._fixed import isqrt, rounding_shift
from ._layernorm import LONG_ROW, MAX_EPS, MAX_ROW, inverse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class RmsNorm(Op):
    """Divide each row of D values by its root mean square, then ``* gamma``, on the output's grid.

    For each row::

        d[j] = x[j] - zero_x                                |d| < 2**16
        q    = ((sum_j d[j]**2) << 14) // D                 uint64, sum < 2**48; q < 2**46
        var  = (q << 16) + eps                              below 2**62; var / 2**30 is the mean square
        std  = isqrt(var), at least 1                       uint32
        e, inv   as in `LayerNorm`
        t[j] = (d[j] * inv * 2**15 + 2**(e+2)) >> (e + 3)   normalised, 12 fraction bits; int64 product
        y[j] = sat(((t[j] * gamma[j] + 2**(shift-1)) >> shift) + zero)      int64, |t| <= 2**27

    Parameters
    ----------
    gamma
        int32 ``(D,)``: ``round(gamma_real / S_y * 2**(shift - 12))``.
    shift
        1 to 30.
    eps
        ``round(eps_real * 2**30 / S_x**2)``, 0 to 2**60, such that ``var`` stays below 2**62.
    """

    kind: ClassVar[str] = "rmsnorm"
    dtypes: ClassVar[Mapping[str, str]] = {"gamma": "int32"}

    gamma: NDArray[np.int32]
    shift: int
    eps: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        width = len(self.gamma)
        d = inputs[0].astype(np.int64).reshape(len(inputs[0]), -1, width) - tensors[0].zero_point
        var = ((((d * d).sum(-1, keepdims=True) << 14) // width) << 16) + self.eps
        e, inv = inverse(np.maximum(isqrt(var), 1))
        t = ((d * inv << 15) + (np.int64(1) << (e + 2))) >> (e + 3)
        y = rounding_shift(t * self.gamma.astype(np.int64), self.shift)
        return out.saturate(y + out.zero_point).reshape(-1, *out.shape)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        width = len(self.gamma)
        return {
            "gamma": self.gamma,
            "eps": (self.eps & 0xFFFFFFFF, self.eps >> 32),
            "rows": out.size // width,
            "width": width,
            "shift": self.shift,
            "zero_in": tensors[0].zero_point,
            "zero": out.zero_point,
            "in": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        rows = out.size // len(self.gamma)
        return Work(elements={"layernorm": out.size, "row": rows}, pieces=rows)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: row by row; long rows in pieces, read once for the squares and once for the result."""
        rows = out.size // len(self.gamma)
        row_bytes = -(-(tensors[0].nbytes + out.nbytes) // rows)
        if self.gamma.nbytes + 2 * row_bytes > LONG_ROW:
            return Cut(rows=out.size, row_bytes=-(-(2 * tensors[0].nbytes + out.nbytes) // out.size) + 4, resident=0)
        return Cut(rows=rows, row_bytes=row_bytes, resident=self.gamma.nbytes)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`.

        The mean square loses 2**-14 of at least 1 / D (a row that is not zero), so the root at most D * 2**-15 of
        itself, and the floor of the root 1 in 2**15 / sqrt(D); the reciprocal 2**-14; then half a step of t.
        """
        del tensors, out
        width, largest = len(self.gamma), float(np.abs(self.gamma.astype(np.float64)).max()) * 2.0**-self.shift
        relative = width * 2.0**-14 + width**0.5 * 2.0**-15 + 2.0**-14
        return float(largest * (2.0**12 * width**0.5 * min(relative, 1.0) * 1.1 + 0.5) + 0.5)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        width = len(self.gamma)
        dtypes = {"int8", "int16"}
        self.require(tensors[0].dtype in dtypes and out.dtype in dtypes, "input and output must be int8 or int16")
        self.require(1 <= width <= MAX_ROW, f"rows of {width} values; need 1 to {MAX_ROW}")
        self.require(tensors[0].size % width == 0 and tensors[0].size == out.size, "sizes must be equal and whole rows")
        self.require(1 <= self.shift <= 30, f"shift {self.shift} must lie in 1..30")
        reach = max(2 ** (8 * DTYPES[tensors[0].dtype][0] - 1) + abs(tensors[0].zero_point), 1)
        room = min(MAX_EPS, 2**62 - 1 - reach**2 * 2**30)
        self.require(0 <= self.eps <= room, f"eps {self.eps} must lie in 0..{room}")
