"""Softmax of rows, and its logarithm: exponentials from two tables in Q15, exact row sums, one division per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Work
from emg_edge.program._tensor import storage

from ._fixed import rounding_shift
from ._layernorm import LONG_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor

FINE = 1.0 / 4096.0
"""Step of a distance to the largest value, in nat; 65535 of them, 16 nat, reach exponentials that round to 0."""

ONE = 2**15
MAX_ROW = 65536


def exponential_tables() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return uint16 ``(256,)`` each: ``exp(-i / 16)`` and ``exp(-i / 4096)`` in Q15."""
    steps = np.arange(256)
    coarse, fine = (np.rint(ONE * np.exp(-steps * size)).astype(np.uint16) for size in (256 * FINE, FINE))
    return coarse, fine


def log_table() -> NDArray[np.int32]:
    """Return int32 ``(257,)``: ``log(1 + k / 256)`` in Q26."""
    table: NDArray[np.int32] = np.rint(2.0**26 * np.log1p(np.arange(257) / 256.0)).astype(np.int32)
    return table


LN2 = round(2.0**26 * float(np.log(2.0)))


@dataclass(frozen=True, kw_only=True)
class _Rows(Op):
    """What softmax and its logarithm share: rows of M values, exponentials of the distances to the largest."""

    dtypes: ClassVar[Mapping[str, str]] = {"coarse": "uint16", "fine": "uint16", "mask": "uint8", "logs": "int32"}

    width: int
    mul: int
    shift: int
    coarse: NDArray[np.uint16]
    fine: NDArray[np.uint16]

    def exponentials(self, x: NDArray[Any], seen: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], ...]:
        """Return distances and exponentials ``(batch, rows, M)`` and row sums (at least 1)."""
        rows = x.reshape(len(x), -1, self.width).astype(np.int64)
        largest = (rows if seen is None else np.where(seen, rows, -(2**31))).max(-1, keepdims=True)
        distance = np.maximum(largest - rows, 0)
        index = np.minimum(rounding_shift(distance * self.mul, self.shift), 65535)
        e = (self.coarse[index >> 8].astype(np.int64) * self.fine[index & 255] + ONE // 2) >> 15
        e = e if seen is None else e * seen
        return distance, e, np.maximum(e.sum(-1, keepdims=True), 1)

    def row_members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """Return the members of the C structures that both have."""
        return {
            "coarse": self.coarse,
            "fine": self.fine,
            "rows": out.size // self.width,
            "width": self.width,
            "mul": self.mul,
            "shift": self.shift,
            "zero": out.zero_point,
            "in": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        rows = out.size // self.width
        return Work(elements={"softmax": out.size, "requantise": out.size, "row": rows}, pieces=rows)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: row by row; long rows in pieces, read once for each of maximum, sum and result."""
        rows, moved = out.size // self.width, tensors[0].nbytes + out.nbytes
        constants = sum(array.nbytes for array in self.constants().values())
        if constants + 2 * -(-moved // rows) > LONG_ROW:
            return Cut(rows=out.size, row_bytes=-(-(moved + 2 * tensors[0].nbytes) // out.size) + 1, resident=3072)
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=constants)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        dtypes = {"int8", "int16"}
        self.require(tensors[0].dtype in dtypes and out.dtype in dtypes, "input and output must be int8 or int16")
        self.require(1 <= self.width <= MAX_ROW, f"rows of {self.width} values; need 1 to {MAX_ROW}")
        self.require(tensors[0].size == out.size and out.size % self.width == 0, "sizes must be equal and whole rows")
        self.require(
            0 <= self.mul < 2**31 and 1 <= self.shift <= 62, f"mul {self.mul} or shift {self.shift} out of range"
        )
        self.require(
            self.coarse.shape == self.fine.shape == (256,) and int(self.coarse[0]) == int(self.fine[0]) == ONE,
            f"tables need 256 entries from {ONE} on",
        )
        self.require(int(self.coarse.max()) == int(self.fine.max()) == ONE, f"no table entry may exceed {ONE}")


@dataclass(frozen=True, kw_only=True)
class Softmax(_Rows):
    """Exponentials of each row of M values divided by their sum.

    Over the keys j that the mask shows (rounded means ties upwards)::

        idx[j] = min(((max x - x[j]) * mul + 2**(shift-1)) >> shift, 65535)     int64 product
        e[j]   = (coarse[idx[j] >> 8] * fine[idx[j] & 255] + 2**14) >> 15       0..2**15, 2**15 at the maximum
        den    = sum_j e[j]                                                     uint32, <= 2**31
        b      = bit length of den                                              16..32
        m      = den >> (b - 16)                                                in [2**15, 2**16)
        inv    = 2**31 // m                                                     in (2**15, 2**16]
        y[j]   = sat(((e[j] * inv * out_mul + 2**(b+out_shift-1)) >> (b + out_shift)) + zero)    int64, e * inv <= 2**31

    Masked elements have e = 0; a row that shows none gives the zero point (real 0) everywhere.

    Parameters
    ----------
    width
        M, 1 to 65536.
    mul, shift
        ``S_x * 4096 ~ mul * 2**-shift``; mul in 0..2**31-1, shift in 1..62.
    coarse, fine
        `exponential_tables`.
    out_mul, out_shift
        ``2**-15 / S_y ~ out_mul * 2**-out_shift``; out_mul in 0..2**31-1, out_shift in 1..30.
    mask
        uint8 ``(P, ceil(M / 8))`` or None: row r shows element j where bit ``j % 8`` of byte ``j // 8`` of mask row
        ``r % P`` is set.
    """

    kind: ClassVar[str] = "softmax"

    out_mul: int
    out_shift: int
    mask: NDArray[np.uint8] | None = None

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        seen = None
        if self.mask is not None:
            bits = np.unpackbits(self.mask, axis=-1, count=self.width, bitorder="little").astype(bool)
            seen = bits[np.arange(out.size // self.width) % len(bits)][None]
        _, e, den = self.exponentials(inputs[0], seen)
        length = np.frexp(den.astype(np.float64))[1].astype(np.int64)
        inverse = np.int64(2**31) // np.where(length >= 16, den >> np.maximum(length - 16, 0), ONE)
        places = np.maximum(length, 16) + self.out_shift
        y = (e * inverse * self.out_mul + (np.int64(1) << (places - 1))) >> places
        return out.saturate(y + out.zero_point).reshape(-1, *out.shape)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        period = 1 if self.mask is None else len(self.mask)
        return {
            **self.row_members(tensors, out),
            "mask": self.mask,
            "period": period,
            "out_mul": self.out_mul,
            "out_shift": self.out_shift,
        }

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`.

        The index is wrong by half a step of 1/4096 nat, tables by 2**-16 each and their product by 2**-16 of the
        maximum, the reciprocal by 2**-15; a weight and the sum of weights each carry the first two, the sum of M terms
        M times the third.
        """
        del tensors, out
        relative = 2.0 * (float(np.expm1(FINE / 2)) + 2.0**-15) + 2.0**-15 + (self.width + 1) * 2.0**-15
        return 2.0**15 * self.out_mul * 2.0**-self.out_shift * relative + 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        self.require(
            0 <= self.out_mul < 2**31 and 1 <= self.out_shift <= 30,
            f"out_mul {self.out_mul} or out_shift {self.out_shift} out of range",
        )
        self.require(
            self.mask is None or self.mask.shape == (len(self.mask), -(-self.width // 8)),
            f"a mask needs ({-(-self.width // 8)},) bytes a row",
        )


@dataclass(frozen=True, kw_only=True)
class LogSoftmax(_Rows):
    """Logarithm of the softmax of each row of M values.

    ``e``, ``den``, ``b``, ``m`` as in `Softmax`, then (Q26)::

        k      = (m - 2**15) >> 7                                               0..255
        log    = (b - 16) * LN2 + logs[k] + (((logs[k+1] - logs[k]) * (m & 127) + 64) >> 7)      < 2**30
        y[j]   = sat((((x[j] - max x) * out_mul - log * log_mul + 2**(out_shift-1)) >> out_shift) + zero)    int64

    Parameters
    ----------
    width, mul, shift, coarse, fine
        As in `Softmax`.
    out_mul, log_mul, out_shift
        ``S_x / S_y ~ out_mul * 2**-out_shift`` and ``2**-26 / S_y ~ log_mul * 2**-out_shift``; multipliers in
        0..2**31-1, shift in 1..62.
    logs
        int32 ``(257,)``, `log_table`.
    """

    kind: ClassVar[str] = "log_softmax"

    out_mul: int
    log_mul: int
    out_shift: int
    logs: NDArray[np.int32]

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        distance, _, den = self.exponentials(inputs[0], None)
        length = np.frexp(den.astype(np.float64))[1].astype(np.int64)
        m = den >> (length - 16)
        k = (m - ONE) >> 7
        logs = self.logs.astype(np.int64)
        between = ((logs[k + 1] - logs[k]) * (m & 127) + 64) >> 7
        total = (length - 16) * LN2 + logs[k] + between
        y = rounding_shift(-distance * self.out_mul - total * self.log_mul, self.out_shift)
        return out.saturate(y + out.zero_point).reshape(-1, *out.shape)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {
            **self.row_members(tensors, out),
            "logs": self.logs,
            "out_mul": self.out_mul,
            "log_mul": self.log_mul,
            "out_shift": self.out_shift,
        }

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`.

        The sum is wrong as in `Softmax`, the logarithm by that, by the bits that m drops (2**-15) and by
        interpolation and rounding (2**-18); then one rounding.
        """
        del tensors, out
        relative = float(np.expm1(FINE / 2)) + 2.0**-15 + self.width * 2.0**-15
        wrong = float(-np.log1p(-min(relative, 0.999))) + 2.0**-15 + 2.0**-18
        return wrong * 2.0**26 * self.log_mul * 2.0**-self.out_shift + 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        self.require(
            0 <= self.out_mul < 2**31 and 0 <= self.log_mul < 2**31 and 1 <= self.out_shift <= 62,
            f"multipliers {self.out_mul}, {self.log_mul} or shift {self.out_shift} out of range",
        )
        rises = self.logs.shape == (257,) and int(self.logs[0]) == 0 and int(self.logs.max()) <= LN2 + 1
        self.require(rises and bool((np.diff(self.logs) >= 0).all()), "logs need 257 rising entries from 0 to log 2")
