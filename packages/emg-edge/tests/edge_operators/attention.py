"""Attention."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, tensor
from emg_edge.kernels import (
    Attention,
    exp_table,
    multiplier,
)


def attention(rng, i):
    heads, n, width = int(rng.integers(1, 4)), int(rng.integers(1, 19)), 2 * int(rng.integers(1, 10))
    span, d = heads * width, 3 * heads * width
    period = int(rng.integers(1, n + 1))
    rotated = rng.random() < 0.6
    turn = rng.integers(-32768, 32768, (2, period, width // 2)).astype(np.int16)
    index_mul, index_shift = multiplier(rng.uniform(0.0005, 0.2, heads))
    out_mul, out_shift = multiplier(rng.uniform(0.5, 2.0, heads) / 256)
    op = Attention(
        name=f"attention{i}",
        inputs=(f"x{i}",) * 3,
        output=f"y{i}",
        heads=heads,
        width=width,
        layout=(0, width, d, span, width, d, 2 * span, width, d),
        index_mul=index_mul,
        index_shift=index_shift,
        out_mul=out_mul,
        out_shift=out_shift,
        table=exp_table(),
        cos=turn[0] if rotated else None,
        sin=turn[1] if rotated else None,
    )
    return op, [tensor(rng, f"x{i}", (n, d), symmetric=True)], tensor(rng, f"y{i}", (n, span))


def attention_oracle(op, arrays, tensors, out):
    del tensors
    n, d, y = out.size // (op.heads * op.width), op.width, {}
    parts = []
    for part, x in enumerate(arrays):
        base, head, row = op.layout[3 * part : 3 * part + 3]
        flat = [int(v) for v in x.reshape(-1)]
        parts.append(
            [[[flat[base + h * head + r * row + i] for i in range(d)] for r in range(n)] for h in range(op.heads)]
        )
    q, k, v = parts
    if op.cos is not None:
        q, k = [[[_rotate(op, row, r) for r, row in enumerate(rows)] for rows in part] for part in (q, k)]
    for h in range(op.heads):
        for r in range(n):
            s = [sum(a * b for a, b in zip(q[h][r], key, strict=True)) for key in k[h]]
            idx = [min(rounded((max(s) - v) * int(op.index_mul[h]), op.index_shift), 255) for v in s]
            e = [int(op.table[i]) for i in idx]
            den = sum(e)
            assert den >= 255
            reciprocal = (2**30 + den // 2) // den
            for i in range(d):
                ctx = sum(e[j] * v[h][j][i] for j in range(n))
                assert abs(ctx) < 2**31
                fraction = rounded(ctx * reciprocal, 22)
                y[r, h, i] = sat(rounded(fraction * int(op.out_mul[h]), op.out_shift) + out.zero_point, "int8")
    return [y[key] for key in sorted(y)]


def _rotate(op, row, r):
    turned, at = [], r % len(op.cos)
    for j in range(len(row) // 2):
        a, b, c, s = row[2 * j], row[2 * j + 1], int(op.cos[at, j]), int(op.sin[at, j])
        turned += [sat(rounded(a * c - b * s, 15), "int8"), sat(rounded(a * s + b * c, 15), "int8")]
    return turned


GENERATORS = {"attention": attention}
ORACLES = {"attention": attention_oracle}
REALS = {}
