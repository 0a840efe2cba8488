"""What makes an attention operator legal, and how far it can be from the exact result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emg_edge.program._tensor import Tensor

    from ._attention import Attention

MAX_WIDTH = 65536
MAX_SCORE = 2**30


def check_attention(op: Attention, tensors: list[Tensor], out: Tensor) -> None:
    """Raise `EmgEdgeError` unless layout, constants and dtypes are legal."""
    op.require(
        op.heads >= 1 and 1 <= op.width <= MAX_WIDTH,
        f"{op.heads} heads of {op.width}; need at least one, of width 1 to {MAX_WIDTH}",
    )
    op.require(len(tensors) in {3, 4}, f"reads {len(tensors)} tensors; need q, k, v and optionally a padding")
    n, m = op.tokens(out), op.key_rows(out)
    op.require({t.dtype for t in (*tensors, out)} == {"int8"}, "q, k, v and the output must be int8")
    op.require({t.zero_point for t in tensors[:3]} == {0}, "q, k and v must be symmetric (zero point 0)")
    op.require(
        out.size == n * op.heads * op.width and 1 <= n <= 65536 and m <= 65536,
        f"output {out.shape} does not hold whole rows",
    )
    op.require(
        op.group >= 1 and op.heads % op.group == 0, f"{op.heads} heads cannot share keys in groups of {op.group}"
    )
    op.require(len(op.layout) == 9 and min(op.layout) >= 0, f"layout {op.layout} needs nine values >= 0")
    for part, tensor in enumerate(tensors[:3]):
        base, head, row = op.layout[3 * part : 3 * part + 3]
        heads, rows = (op.heads, n) if part == 0 else (op.heads // op.group, m)
        last = base + (heads - 1) * head + (rows - 1) * row + op.width - 1
        op.require(last < tensor.size, f"layout reads element {last} of {tensor.name} with {tensor.size}")
    op.require(op.index_mul.shape == op.out_mul.shape == (op.heads,), "one multiplier per head is required")
    op.require(
        min(int(op.index_mul.min()), int(op.out_mul.min())) >= 0
        and 1 <= op.index_shift <= 62
        and 1 <= op.out_shift <= 62,
        f"multipliers must be >= 0 and shifts {op.index_shift}, {op.out_shift} in 1..62",
    )
    op.require(op.table.shape == (256,) and int(op.table[0]) == 255, "the table needs 256 entries from 255 on")
    op.require((op.cos is None) == (op.sin is None), "cos and sin come together or not at all")
    if op.cos is not None and op.sin is not None:
        op.require(
            op.width % 2 == 0 and op.cos.shape == op.sin.shape == (len(op.cos), op.width // 2),
            "tables need (period, width / 2)",
        )


def check_masks(op: Attention, tensors: list[Tensor], out: Tensor) -> None:
    """Raise `EmgEdgeError` unless masks and bias fit and no score can leave ``2**30``."""
    n, m = op.tokens(out), op.key_rows(out)
    if len(tensors) == 4:
        op.require(tensors[3].size == m, f"padding of {tensors[3].size} elements for {m} keys")
    op.require(op.reach is None or op.reach[0] <= op.reach[1], f"reach {op.reach} must rise")
    if op.mask is not None:
        shape = op.mask.shape
        fits = len(shape) == 3 and shape[0] in {1, op.heads} and shape[1] in {1, n} and shape[2] == -(-m // 8)
        op.require(fits, f"mask {shape} must be (1 or {op.heads}, 1 or {n}, {-(-m // 8)})")
    if op.bias is not None:
        base, head, row, key = op.bias_layout
        steps = (head * (op.heads - 1), row * (n - 1), key * (m - 1))
        low, high = (base + sum(limit(step, 0) for step in steps) for limit in (min, max))
        op.require(low >= 0 and high < op.bias.size, f"bias layout reads elements {low}..{high} of {op.bias.size}")
        reach = op.width * 128 * 128 + int(np.abs(op.bias.astype(np.int64)).max())
        op.require(reach <= MAX_SCORE, f"scores with their bias reach {reach}; need at most 2**30")


def error_bound(op: Attention, out: Tensor, step: float) -> float:
    """Return the largest error in output steps.

    With ``w`` the exact weights of the stored scores and ``e / 255`` the table's, ``|e / 255 - w|`` is at most
    ``w (exp(step / 2) - 1)`` for the rounded index plus 0.51 / 255 for the entry; so the normalised weights differ by
    at most ``min(1, exp(step / 2) - 1 + 0.002 (M - 1))`` in total variation, which moves a mean of int8 values by that
    times 255. A rotation rounds each feature by half a step (and may saturate, then the cap 1 holds). Behind it,
    the reciprocal costs ``den / 2**31`` of 128, the fraction 2**-9, and the output half a step.
    """
    m, worst = op.key_rows(out), 0.0
    ratios = op.out_mul.astype(np.float64) * 2.0 ** (8 - op.out_shift)
    slack = op.width * (128.0 + 0.25) if op.cos is not None else 0.0
    for head, ratio in enumerate(ratios):
        nats = step * (0.5 + 2.0 * slack * float(op.index_mul[head]) * 2.0**-op.index_shift)
        moved = min(1.0, float(np.expm1(min(nats, 1.0))) + 0.51 / 255.0 * (m - 1))
        worst = max(worst, float(ratio) * (255.0 * moved + 128.0 * 255.0 * m / 2.0**31 + 2.0**-9))
    return worst + 0.5
