"""Multi-head attention in one kernel: rotation, scores, masks, table softmax normalised after the weighted sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Op, Product, Work

from ._attention_check import check_attention, check_masks, error_bound
from ._fixed import rounding_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor

STEP = float(np.log(510.0) / 255.0)
"""Step of the exponential table in nat: entry 255, the last, is where 255 * exp(-x) falls to one half."""


def exp_table() -> NDArray[np.uint8]:
    """Return uint8 ``(256,)``: ``round(255 exp(-STEP i))``; entry 255 serves everything farther and is 0."""
    table: NDArray[np.uint8] = np.rint(255.0 * np.exp(-STEP * np.arange(256))).astype(np.uint8)
    table[255] = 0
    return table


@dataclass(frozen=True, kw_only=True)
class Attention(Op):
    """Softmax attention of N query rows over M key rows, for H heads of width d.

    ``inputs`` names q, k and v (often three times the fused tensor) and, optionally, an int8 padding of M elements: key
    j takes part where it differs from its zero point. Element ``(head, row, i)`` of q stands at
    ``layout[0] + head * layout[1] + row * layout[2] + i`` of the first, of k likewise with ``layout[3:6]`` and
    ``head // group`` in the second, of v with ``layout[6:9]`` in the third. The output is ``(N, H * d)``. Key j is
    *visible* to row r where ``reach[0] <= j - r <= reach[1]``, its bit of the mask is set and its padding is not zero.
    Per head and query row (rounded means rounding shift, ties upwards; max and sums over visible keys)::

        q, k   rotated if tables are given: row r uses table row r % period; pairs (2i, 2i+1) = (a, b) become
               sat8((a c - b s + 2**14) >> 15), sat8((a s + b c + 2**14) >> 15); (i, i + d/2) where `halves`
        s[j]   = sum_i q[i] k[j, i] + bias[j]                               int32, |s| <= 2**30
        idx[j] = min(((max s - s[j]) * index_mul[head] + 2**(index_shift-1)) >> index_shift, 255)   int64 product
        e[j]   = exp_table[idx[j]]                                          uint8, 255 at the maximum
        den    = sum_j e[j]                                                 uint32, >= 255
        ctx[i] = sum_j e[j] v[j, i]                                         int32, M <= 65536
        r      = (2**30 + den // 2) // den                                  one division per row
        n[i]   = (ctx[i] * r + 2**21) >> 22                                 p.v with 8 fraction bits; int64 product
        y[i]   = sat8(((n[i] * out_mul[head] + 2**(out_shift-1)) >> out_shift) + zero)

    A row that sees no key gives the zero point (real 0).

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
    halves
        Whether features i and i + d/2 turn together, instead of 2i and 2i + 1.
    keys
        M; 0 means N.
    group
        Query heads that share one head of k and v.
    reach
        Smallest and largest ``j - r``, or None for every key; ``(-M, 0)`` is causal.
    mask
        uint8 ``(1 | H, 1 | N, ceil(M / 8))``, bit ``j % 8`` of byte ``j // 8`` set where key j is visible; or None.
    bias
        int32, in score units ``S_q S_k softmax_scale``, element ``(head, r, j)`` at
        ``bias_layout[0] + head * bias_layout[1] + r * bias_layout[2] + j * bias_layout[3]``; or None.
    bias_layout
        Offset and strides; a stride of rows may be negative, so that a row of ``N + M - 1`` serves relative positions.
    """

    kind: ClassVar[str] = "attention"
    arity: ClassVar[int | None] = None
    slots: ClassVar[int] = 4
    dtypes: ClassVar[Mapping[str, str]] = {
        "index_mul": "int32",
        "out_mul": "int32",
        "table": "uint8",
        "cos": "int16",
        "sin": "int16",
        "mask": "uint8",
        "bias": "int32",
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
    halves: bool = False
    keys: int = 0
    group: int = 1
    reach: tuple[int, int] | None = None
    mask: NDArray[np.uint8] | None = None
    bias: NDArray[np.int32] | None = None
    bias_layout: tuple[int, ...] = (0, 0, 0, 0)

    def tokens(self, out: Tensor) -> int:
        """Return the number of query rows N."""
        return out.size // (self.heads * self.width)

    def key_rows(self, out: Tensor) -> int:
        """Return the number of key rows M."""
        return self.keys or self.tokens(out)

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        n, m = self.tokens(out), self.key_rows(out)
        q, k, v = (self._take(inputs[part], part, n if part == 0 else m) for part in range(3))
        if self.cos is not None:
            q, k = self._rotate(q), self._rotate(k)
        scores = (q.astype(np.float64) @ k.astype(np.float64).swapaxes(-1, -2)).astype(np.int64)
        if self.bias is not None:
            scores = scores + self._bias(n, m)
        seen = self._seen(inputs, tensors, n, m)
        largest = (scores if seen is None else np.where(seen, scores, np.int64(-(2**30)))).max(-1, keepdims=True)
        distance = np.maximum(largest - scores, 0)
        index = rounding_shift(distance * self.index_mul.astype(np.int64)[:, None, None], self.index_shift)
        e = self.table[np.minimum(index, 255)].astype(np.float64)
        e = e if seen is None else e * seen
        ctx = (e @ v.astype(np.float64)).astype(np.int64)
        den = np.maximum(e.sum(-1, keepdims=True).astype(np.int64), 1)
        fraction = rounding_shift(ctx * ((2**30 + den // 2) // den), 22)
        y = rounding_shift(fraction * self.out_mul.astype(np.int64)[:, None, None], self.out_shift) + out.zero_point
        return out.saturate(y).swapaxes(1, 2)

    def _take(self, x: NDArray[Any], part: int, rows: int) -> NDArray[Any]:
        """Gather q, k or v as (batch, heads, rows, width)."""
        base, head, row = self.layout[3 * part : 3 * part + 3]
        h, r, i = np.ogrid[: self.heads, :rows, : self.width]
        h = h if part == 0 else h // self.group
        gathered: NDArray[Any] = x.reshape(len(x), -1)[:, base + h * head + r * row + i]
        return gathered

    def _rotate(self, x: NDArray[Any]) -> NDArray[Any]:
        """Rotate the pairs of (batch, heads, rows, width)."""
        if self.cos is None or self.sin is None:
            raise AssertionError(self.name)
        rows = np.arange(x.shape[2]) % len(self.cos)
        c, s = self.cos[rows].astype(np.int64), self.sin[rows].astype(np.int64)
        parts = np.split(x, 2, -1) if self.halves else (x[..., 0::2], x[..., 1::2])
        a, b = (part.astype(np.int64) for part in parts)
        pair = [rounding_shift(a * c - b * s, 15), rounding_shift(a * s + b * c, 15)]
        turned = np.stack(pair, -2 if self.halves else -1)
        return np.clip(turned.reshape(x.shape), -128, 127).astype(np.int8)

    def _bias(self, n: int, m: int) -> NDArray[np.int64]:
        """Return the bias as (heads, N, M)."""
        if self.bias is None:
            raise AssertionError(self.name)
        base, head, row, key = self.bias_layout
        h, r, j = np.ogrid[: self.heads, :n, :m]
        spread: NDArray[np.int64] = self.bias.reshape(-1)[base + h * head + r * row + j * key].astype(np.int64)
        return spread

    def _seen(self, inputs: list[NDArray[Any]], tensors: list[Tensor], n: int, m: int) -> NDArray[np.bool_] | None:
        """Return which keys are visible, broadcastable to (batch, heads, N, M), or None for all."""
        seen: NDArray[np.bool_] | None = None
        if self.reach is not None:
            distance = np.arange(m) - np.arange(n)[:, None]
            seen = ((distance >= self.reach[0]) & (distance <= self.reach[1]))[None, None]
        if self.mask is not None:
            bits = np.unpackbits(self.mask, axis=-1, count=m, bitorder="little").astype(bool)[None]
            seen = bits if seen is None else seen & bits
        if len(inputs) == 4:
            keep = (inputs[3] != tensors[3].zero_point).reshape(-1, 1, 1, m)
            seen = keep if seen is None else seen & keep
        return seen

    def pairs(self, out: Tensor) -> int:
        """Return the pairs of a query row and a key within reach."""
        n, m = self.tokens(out), self.key_rows(out)
        if self.reach is None:
            return n * m
        row = np.arange(n)
        first, last = np.maximum(row + self.reach[0], 0), np.minimum(row + self.reach[1], m - 1)
        return int(np.maximum(last - first + 1, 0).sum())

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`: scores and weighted sum."""
        del tensors
        return 2 * self.pairs(out) * self.heads * self.width

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        n, m = self.tokens(out), self.key_rows(out)
        mask_heads, mask_rows = (1, 1) if self.mask is None else self.mask.shape[:2]
        row = -(-m // 8)
        return {
            "index_mul": self.index_mul,
            "out_mul": self.out_mul,
            "table": self.table,
            "cosine": self.cos,
            "sine": self.sin,
            "mask": self.mask,
            "bias": self.bias,
            "rows": n,
            "keys": m,
            "heads": self.heads,
            "group": self.group,
            "width": self.width,
            "period": 1 if self.cos is None else len(self.cos),
            "apart": self.width // 2 if self.halves else 1,
            "layout": self.layout,
            "reach": (-n, m) if self.reach is None else tuple(int(np.clip(v, -n - m, n + m)) for v in self.reach),
            "mask_layout": (0 if mask_heads == 1 else mask_rows * row, 0 if mask_rows == 1 else row),
            "bias_layout": self.bias_layout,
            "index_shift": self.index_shift,
            "out_shift": self.out_shift,
            "zero": out.zero_point,
            "padding_zero": tensors[3].zero_point if len(tensors) == 4 else 0,
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        n, m, width, heads = self.tokens(out), self.key_rows(out), self.width, self.heads
        seen = -(-self.pairs(out) // n)
        scores = Product(rows=n, columns=seen, depth=width, count=heads, inner=True)
        context = Product(rows=n, columns=width, depth=seen, count=heads, inner=True)
        elements = {
            "softmax": heads * n * seen,
            "output": heads * n * width,
            "rotate": 0 if self.cos is None else heads * (n + m) * width,
            "row": heads * n,
        }
        return Work(products=(scores, context), elements=elements, pieces=heads * n)

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`.

        In this order: rotated keys ``(M, d)`` and query ``(d,)`` int8 (none without rotation), scores ``(M,)`` int32,
        exponentials ``(M,)`` uint8, context ``(d,)`` int32.
        """
        del tensors
        m = self.key_rows(out)
        rotated = (m + 1) * self.width if self.cos is not None else 0
        return -(-rotated // 4) * 4 + 4 * m + -(-m // 4) * 4 + 4 * self.width

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: the weights' relative error and the table's cut bound how far the mean of v moves."""
        del tensors
        return error_bound(self, out, STEP)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        check_attention(self, tensors, out)
        check_masks(self, tensors, out)
