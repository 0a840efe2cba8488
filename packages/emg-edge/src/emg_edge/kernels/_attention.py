"""Multi-head attention in one kernel: rotation, scores, table softmax normalised after the weighted sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Op, Product, Work

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor

STEP = float(np.log(510.0) / 255.0)
"""Step of the exponential table in nat: entry 255, the last, is where 255 * exp(-x) falls to one half."""

MAX_WIDTH = 65536


def exp_table() -> NDArray[np.uint8]:
    """Return uint8 ``(256,)``: ``round(255 exp(-STEP i))``; entry 255 serves everything farther and is 0."""
    table: NDArray[np.uint8] = np.rint(255.0 * np.exp(-STEP * np.arange(256))).astype(np.uint8)
    table[255] = 0
    return table


@dataclass(frozen=True, kw_only=True)
class Attention(Op):
    """Softmax attention over all N rows of q, k, v, for H heads of even width d, no mask.

    ``inputs`` names three tensors (often three times the fused one). Element ``(head, row, i)`` of q stands at
    ``layout[0] + head * layout[1] + row * layout[2] + i`` of the first, of k likewise with ``layout[3:6]`` in the
    second, of v with ``layout[6:9]`` in the third. The output is ``(N, H * d)``. Per head and query row
    (rounded means rounding shift, ties upwards)::

        q, k   rotated if tables are given: row r uses table row r % period; pairs (2i, 2i+1) = (a, b) become
               sat8((a c - b s + 2**14) >> 15), sat8((a s + b c + 2**14) >> 15)
        s[j]   = sum_i q[i] k[j, i]                                         int32
        idx[j] = min(((max s - s[j]) * index_mul[head] + 2**(index_shift-1)) >> index_shift, 255)   int64 product
        e[j]   = exp_table[idx[j]]                                          uint8, 255 at the maximum
        den    = sum_j e[j]                                                 uint32, >= 255
        ctx[i] = sum_j e[j] v[j, i]                                         int32, N <= 65536
        r      = (2**30 + den // 2) // den                                  one division per row
        n[i]   = (ctx[i] * r + 2**21) >> 22                                 p.v with 8 fraction bits; int64 product
        y[i]   = sat8(((n[i] * out_mul[head] + 2**(out_shift-1)) >> out_shift) + zero)

    Parameters
    ----------
    heads, width
        H >= 1 and d in 1..65536, even when rotated: a score fits int32, its distance times ``index_mul`` int64.
    layout
        Nine offsets and strides, in elements.
    index_mul
        int32 ``(H,)``, >= 0: ``S_q S_k softmax_scale / STEP * 2**index_shift``.
    index_shift, out_shift
        1 to 62.
    out_mul
        int32 ``(H,)``, >= 0: ``S_v / S_y / 2**8 * 2**out_shift``.
    table
        uint8 ``(256,)``, `exp_table`.
    cos, sin
        int16 ``(period, d / 2)`` in Q15, or None for no rotation.
    """

    kind: ClassVar[str] = "attention"
    arity: ClassVar[int] = 3
    dtypes: ClassVar[Mapping[str, str]] = {
        "index_mul": "int32",
        "out_mul": "int32",
        "table": "uint8",
        "cos": "int16",
        "sin": "int16",
    }

    heads: int
    width: int
    layout: tuple[int, ...]
    index_mul: NDArray[np.int32]
    index_shift: int
    out_mul: NDArray[np.int32]
    out_shift: int
    table: NDArray[np.uint8]
    cos: NDArray[np.int16] | None = None
    sin: NDArray[np.int16] | None = None

    def tokens(self, out: Tensor) -> int:
        """Return the number of rows N."""
        return out.size // (self.heads * self.width)

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        n = self.tokens(out)
        q, k, v = (self._take(x, part, n) for part, x in enumerate(inputs))
        if self.cos is not None:
            q, k = self._rotate(q), self._rotate(k)
        scores = (q.astype(np.float64) @ k.astype(np.float64).swapaxes(-1, -2)).astype(np.int64)
        distance = scores.max(-1, keepdims=True) - scores
        index = rounding_shift(distance * self.index_mul.astype(np.int64)[:, None, None], self.index_shift)
        e = self.table[np.minimum(index, 255)].astype(np.float64)
        ctx = (e @ v.astype(np.float64)).astype(np.int64)
        den = e.sum(-1, keepdims=True).astype(np.int64)
        fraction = rounding_shift(ctx * ((2**30 + den // 2) // den), 22)
        y = rounding_shift(fraction * self.out_mul.astype(np.int64)[:, None, None], self.out_shift) + out.zero_point
        return out.saturate(y).swapaxes(1, 2)

    def _take(self, x: NDArray[Any], part: int, n: int) -> NDArray[Any]:
        """Gather q, k or v as (batch, heads, rows, width)."""
        base, head, row = self.layout[3 * part : 3 * part + 3]
        h, r, i = np.ogrid[: self.heads, :n, : self.width]
        gathered: NDArray[Any] = x.reshape(len(x), -1)[:, base + h * head + r * row + i]
        return gathered

    def _rotate(self, x: NDArray[Any]) -> NDArray[Any]:
        """Rotate the interleaved pairs of (batch, heads, rows, width)."""
        if self.cos is None or self.sin is None:
            raise AssertionError(self.name)
        rows = np.arange(x.shape[2]) % len(self.cos)
        c, s = self.cos[rows].astype(np.int64), self.sin[rows].astype(np.int64)
        a, b = x[..., 0::2].astype(np.int64), x[..., 1::2].astype(np.int64)
        turned = np.stack([rounding_shift(a * c - b * s, 15), rounding_shift(a * s + b * c, 15)], -1)
        return np.clip(turned.reshape(x.shape), -128, 127).astype(np.int8)

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`: scores and weighted sum."""
        del tensors
        return 2 * self.tokens(out) ** 2 * self.heads * self.width

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        del tensors
        return {
            "index_mul": self.index_mul,
            "out_mul": self.out_mul,
            "table": self.table,
            "cosine": self.cos,
            "sine": self.sin,
            "rows": self.tokens(out),
            "heads": self.heads,
            "width": self.width,
            "period": 1 if self.cos is None else len(self.cos),
            "layout": self.layout,
            "index_shift": self.index_shift,
            "out_shift": self.out_shift,
            "zero": out.zero_point,
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        n, width, heads = self.tokens(out), self.width, self.heads
        scores = Product(rows=n, columns=n, depth=width, count=heads, inner=True)
        context = Product(rows=n, columns=width, depth=n, count=heads, inner=True)
        elements = {
            "softmax": heads * n * n,
            "output": heads * n * width,
            "rotate": 0 if self.cos is None else 2 * heads * n * width,
            "row": heads * n,
        }
        return Work(products=(scores, context), elements=elements, pieces=heads * n)

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`.

        In this order: rotated keys ``(N, d)`` and query ``(d,)`` int8 (none without rotation), scores ``(N,)`` int32,
        exponentials ``(N,)`` uint8, context ``(d,)`` int32.
        """
        del tensors
        n = self.tokens(out)
        rotated = (n + 1) * self.width if self.cos is not None else 0
        return -(-rotated // 4) * 4 + 4 * n + -(-n // 4) * 4 + 4 * self.width

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(
            self.heads >= 1 and 1 <= self.width <= MAX_WIDTH,
            f"{self.heads} heads of {self.width}; need at least one, of width 1 to {MAX_WIDTH}",
        )
        n = self.tokens(out)
        self.require({t.dtype for t in (*tensors, out)} == {"int8"}, "q, k, v and the output must be int8")
        self.require({t.zero_point for t in tensors} == {0}, "q, k and v must be symmetric (zero point 0)")
        self.require(
            out.size == n * self.heads * self.width and 1 <= n <= 65536, f"output {out.shape} does not hold whole rows"
        )
        self.require(len(self.layout) == 9 and min(self.layout) >= 0, f"layout {self.layout} needs nine values >= 0")
        for part, tensor in enumerate(tensors):
            base, head, row = self.layout[3 * part : 3 * part + 3]
            last = base + (self.heads - 1) * head + (n - 1) * row + self.width - 1
            self.require(last < tensor.size, f"layout reads element {last} of {tensor.name} with {tensor.size}")
        self.require(self.index_mul.shape == self.out_mul.shape == (self.heads,), "one multiplier per head is required")
        self.require(
            min(int(self.index_mul.min()), int(self.out_mul.min())) >= 0
            and 1 <= self.index_shift <= 62
            and 1 <= self.out_shift <= 62,
            f"multipliers must be >= 0 and shifts {self.index_shift}, {self.out_shift} in 1..62",
        )
        self.require(
            self.table.shape == (256,) and int(self.table[0]) == 255, "the table needs 256 entries from 255 on"
        )
        self.require((self.cos is None) == (self.sin is None), "cos and sin come together or not at all")
        if self.cos is not None and self.sin is not None:
            self.require(
                self.width % 2 == 0 and self.cos.shape == self.sin.shape == (len(self.cos), self.width // 2),
                "tables need (period, width / 2)",
            )
