"""LayerNorm in integers: exact mean, 64-bit variance, floor square root, one division per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Work
from emg_edge.program._tensor import Tensor, storage

from ._fixed import isqrt, rounding_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

FRACTION = 12  # bits behind the point of the normalised value
MAX_EPS = 2**60  # with the variance still below the 2**62 of the square root


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Op):
    """Normalise each row of D values, then ``* gamma + beta``, on the output's grid.

    With D the row length, for each row (all exact, widths proved by `check`)::

        sum  = sum_j x[j]                                   int32
        d[j] = D * x[j] - sum                               int32, |d| < 2**26;  d / D is x - mean
        var  = (sum_j d[j]**2) // D + eps                   uint64; var / D**2 is the variance
        std  = isqrt(var), at least 1                       uint32
        e    = bit length of std                            1..32
        m    = std << (16 - e)  if e < 16  else  std >> (e - 16)     in [2**15, 2**16)
        inv  = 2**31 // m                                   in (2**15, 2**16]
        t[j] = (d[j] * inv + 2**(e+2)) >> (e + 3)           normalised, FRACTION = 12 bits; int64 product
        y[j] = sat(((t[j] * gamma[j] + beta[j] + 2**(shift-1)) >> shift) + zero)     int64

    The input's scale and zero point cancel (the latter in ``d``). Division happens twice per row, never per element.

    Parameters
    ----------
    gamma
        int32 ``(D,)``: ``round(gamma_real / S_y * 2**(shift - 12))``.
    beta
        int32 ``(D,)``: ``round(beta_real / S_y * 2**shift)``.
    shift
        1 to 30.
    eps
        ``round(eps_real * D**2 / S_x**2)``, 0 to 2**60.
    """

    kind: ClassVar[str] = "layernorm"
    dtypes: ClassVar[Mapping[str, str]] = {"gamma": "int32", "beta": "int32"}

    gamma: NDArray[np.int32]
    beta: NDArray[np.int32]
    shift: int
    eps: int

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        width = len(self.gamma)
        x = inputs[0].astype(np.int64).reshape(len(inputs[0]), -1, width)
        d = width * x - x.sum(-1, keepdims=True)
        std = np.maximum(isqrt((d * d).sum(-1, keepdims=True) // width + self.eps), 1)
        e = np.frexp(std.astype(np.float64))[1].astype(np.int64)
        m = np.where(e < 16, std << np.maximum(16 - e, 0), std >> np.maximum(e - 16, 0))
        inv = np.int64(2**31) // m
        t = (d * inv + (np.int64(1) << (e + 2))) >> (e + 3)
        scaled = t * self.gamma.astype(np.int64) + self.beta.astype(np.int64)
        return out.saturate(rounding_shift(scaled, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        width = len(self.gamma)
        return {
            "gamma": self.gamma,
            "beta": self.beta,
            "eps": (self.eps & 0xFFFFFFFF, self.eps >> 32),
            "rows": out.size // width,
            "width": width,
            "shift": self.shift,
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
        """See `Op.cut`: row by row."""
        rows = out.size // len(self.gamma)
        moved = tensors[0].nbytes + out.nbytes
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=self.gamma.nbytes + self.beta.nbytes)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        width = len(self.gamma)
        self.require(
            tensors[0].dtype in {"int8", "int16"} and out.dtype in {"int8", "int16"},
            "input and output must be int8 or int16",
        )
        self.require(
            2 <= width <= 1024, f"rows of {width} values; need 2 to 1024 so that 64 bits hold the sum of squares"
        )
        self.require(tensors[0].size % width == 0 and tensors[0].size == out.size, "sizes must be equal and whole rows")
        self.require(
            self.beta.shape == (width,) and 1 <= self.shift <= 30,
            f"beta {self.beta.shape} or shift {self.shift} out of range",
        )
        self.require(0 <= self.eps <= MAX_EPS, f"eps {self.eps} must lie in 0..2**60")
