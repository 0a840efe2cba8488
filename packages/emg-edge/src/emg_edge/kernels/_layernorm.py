"""LayerNorm, GroupNorm, InstanceNorm: exact mean, 64-bit variance, floor square root, one division per row."""

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

MAX_ROW = 65536
LONG_ROW = 12288  # bytes that a row and its constants may take before it is cut
FRACTION = 12  # bits behind the point of the normalised value
MAX_EPS = 2**60  # with the variance still below the 2**62 of the square root


def inverse(std: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bit length e of roots >= 1, and ``2**31 // m`` with ``m ~ std * 2**(16 - e)`` of 16 bits."""
    e = np.frexp(std.astype(np.float64))[1].astype(np.int64)
    m = np.where(e < 16, std << np.maximum(16 - e, 0), std >> np.maximum(e - 16, 0))
    return e, np.int64(2**31) // m


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Op):
    """Normalise each row of D values, then ``* gamma + beta``, on the output's grid.

    With D the row length, u = max(0, (3 * bit length of (D - 1) - 30) // 2), which is 0 up to 1024, for each row (all
    exact, widths proved by `check`)::

        sum  = sum_j x[j]                                   int32, |sum| <= 2**31
        d[j] = D * x[j] - sum, rounding shift by u if u > 0     |d| < 2**27;  d * 2**u / D is x - mean
        var  = (sum_j d[j]**2) // D + eps                   uint64, sum < 2**63; var * 4**u / D**2 is the variance
        std  = isqrt(var), at least 1                       uint32
        e    = bit length of std                            1..32
        m    = std << (16 - e)  if e < 16  else  std >> (e - 16)     in [2**15, 2**16)
        inv  = 2**31 // m                                   in (2**15, 2**16]
        t[j] = (d[j] * inv + 2**(e+2)) >> (e + 3)           normalised, FRACTION = 12 bits; int64 product
        y[j] = sat(((t[j] * gamma[c] + beta[c] + 2**(shift-1)) >> shift) + zero)     int64

    The input's scale and zero point cancel (the latter in ``d``). Division happens twice per row, never per element.
    Row r takes channel ``c = (r % groups) * (D / repeat) + j // repeat``: j itself for a LayerNorm, the channel for
    Group and InstanceNorm.

    Parameters
    ----------
    gamma
        int32 ``(groups * D / repeat,)``: ``round(gamma_real / S_y * 2**(shift - 12))``.
    beta
        int32, likewise: ``round(beta_real / S_y * 2**shift)``.
    shift
        1 to 30.
    eps
        ``round(eps_real * D**2 / S_x**2 / 4**u)``, 0 to 2**60.
    repeat
        Neighbouring elements that share a gamma.
    groups
        Rows after which gammas start again.
    """

    kind: ClassVar[str] = "layernorm"
    dtypes: ClassVar[Mapping[str, str]] = {"gamma": "int32", "beta": "int32"}

    gamma: NDArray[np.int32]
    beta: NDArray[np.int32]
    shift: int
    eps: int
    repeat: int = 1
    groups: int = 1

    @property
    def width(self) -> int:
        """Row length D."""
        return len(self.gamma) * self.repeat // self.groups

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        width, coarse = self.width, coarseness(self.width)
        x = inputs[0].astype(np.int64).reshape(len(inputs[0]), -1, width)
        d = width * x - x.sum(-1, keepdims=True)
        d = rounding_shift(d, coarse) if coarse else d
        e, inv = inverse(np.maximum(isqrt((d * d).sum(-1, keepdims=True) // width + self.eps), 1))
        t = (d * inv + (np.int64(1) << (e + 2))) >> (e + 3)
        t = t.reshape(len(t), -1, self.groups, width // self.repeat, self.repeat)
        gamma, beta = (a.astype(np.int64).reshape(self.groups, -1, 1) for a in (self.gamma, self.beta))
        return out.saturate(rounding_shift(t * gamma + beta, self.shift) + out.zero_point).reshape(-1, *out.shape)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {
            "gamma": self.gamma,
            "beta": self.beta,
            "eps": (self.eps & 0xFFFFFFFF, self.eps >> 32),
            "rows": out.size // self.width,
            "width": self.width,
            "coarse": coarseness(self.width),
            "repeat": self.repeat,
            "groups": self.groups,
            "shift": self.shift,
            "zero": out.zero_point,
            "in": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        rows = out.size // self.width
        return Work(elements={"layernorm": out.size, "row": rows}, pieces=rows)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: row by row; long rows in pieces, read once for each of sum, squares and result."""
        rows = out.size // self.width
        moved = tensors[0].nbytes + out.nbytes
        if self.gamma.nbytes + self.beta.nbytes + 2 * -(-moved // rows) > LONG_ROW:
            return Cut(rows=out.size, row_bytes=-(-(moved + 2 * tensors[0].nbytes) // out.size) + 8, resident=0)
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=self.gamma.nbytes + self.beta.nbytes)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`.

        A row that is not constant has a root of at least ``D * sqrt((D - 1) / D**2) * 2**-u``, whose floor and that of
        the quotient lose 2 of it at most; d loses half a step where u > 0; the reciprocal 2**-14; t half a step. No
        normalised value exceeds sqrt(D).
        """
        del tensors, out
        width, coarse = self.width, coarseness(self.width)
        root = max((width - 1) ** 0.5 * 2.0**-coarse, 1.0)
        relative = min(2.0 / root + 2.0**-14, 1.0) * 1.1 + (1.0 / root if coarse else 0.0)
        largest = float(np.abs(self.gamma.astype(np.float64)).max()) * 2.0**-self.shift
        return float(largest * (2.0**12 * width**0.5 * relative + 0.5) + 0.5)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        count = len(self.gamma)
        self.require(
            tensors[0].dtype in {"int8", "int16"} and out.dtype in {"int8", "int16"},
            "input and output must be int8 or int16",
        )
        self.require(
            self.repeat >= 1 and self.groups >= 1 and count % self.groups == 0,
            f"{count} gammas for {self.groups} groups of channels that repeat {self.repeat} times",
        )
        width = self.width
        self.require(
            2 <= width <= MAX_ROW,
            f"rows of {width} values; need 2 to {MAX_ROW} so that 64 bits hold the sum of squares",
        )
        rows = tensors[0].size // width
        self.require(
            tensors[0].size % width == 0 and tensors[0].size == out.size and rows % self.groups == 0,
            "sizes must be equal and whole rows",
        )
        self.require(
            self.beta.shape == (count,) and 1 <= self.shift <= 30,
            f"beta {self.beta.shape} or shift {self.shift} out of range",
        )
        self.require(0 <= self.eps <= MAX_EPS, f"eps {self.eps} must lie in 0..2**60")


def coarseness(width: int) -> int:
    """Return the bits u that deviations of a row lose so that 64 bits hold the sum of their squares."""
    return max(0, (3 * (width - 1).bit_length() - 30) // 2)
