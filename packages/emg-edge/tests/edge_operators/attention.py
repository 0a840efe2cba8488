"""Attention."""

from __future__ import annotations

import math

import numpy as np

from edge_operators.common import rounded, sat, tensor
from emg_edge.kernels import (
    STEP,
    Attention,
    exp_table,
    multiplier,
)


def attention(rng, i):
    """Odd instances have no mask and one source; even ones masks, biases, other keys and shared heads."""
    group = int(rng.integers(1, 3)) if i % 2 == 0 else 1
    heads, n = group * int(rng.integers(1, 4)), int(rng.integers(1, 19))
    rotated = rng.random() < 0.5
    width = 2 * int(rng.integers(1, 10)) if rotated else int(rng.integers(1, 20))
    period = int(rng.integers(1, n + 1))
    turn = rng.integers(-32768, 32768, (2, period, width // 2)).astype(np.int16) if rotated else (None, None)
    index_mul, index_shift = multiplier(rng.uniform(0.0005, 0.2, heads))
    out_mul, out_shift = multiplier(rng.uniform(0.5, 2.0, heads) / 256)
    plain = {
        "name": f"attention{i}", "output": f"y{i}", "heads": heads, "width": width, "index_mul": index_mul,
        "index_shift": index_shift, "out_mul": out_mul, "out_shift": out_shift, "table": exp_table(),
        "cos": turn[0], "sin": turn[1], "halves": rotated and rng.random() < 0.5,
    }  # fmt: skip
    span, out = heads * width, tensor(rng, f"y{i}", (n, heads * width))
    if i % 2:
        d = 3 * span
        layout = (0, width, d, span, width, d, 2 * span, width, d)
        return (
            Attention(inputs=(f"x{i}",) * 3, layout=layout, **plain),
            [tensor(rng, f"x{i}", (n, d), symmetric=True)],
            out,
        )
    m, shared = int(rng.integers(1, 25)), span // group
    q, kv = (
        tensor(rng, f"q{i}", (heads, n, width), symmetric=True),
        tensor(rng, f"kv{i}", (m, 2 * shared), symmetric=True),
    )
    feeds = [q, kv] + ([tensor(rng, f"pad{i}", (m,))] if rng.random() < 0.5 else [])
    op = Attention(
        inputs=(q.name, kv.name, *(t.name for t in feeds[1:])),
        layout=(0, n * width, width, 0, width, 2 * shared, shared, width, 2 * shared),
        keys=m,
        group=group,
        **masks(rng, heads, n, m),
        **plain,
    )
    return op, feeds, out


def masks(rng, heads, n, m):
    behind = int(rng.integers(-m - 2, m))
    reach = (behind, behind + int(rng.integers(0, m + 5))) if rng.random() < 0.6 else None
    shape = (int(rng.choice([1, heads])), int(rng.choice([1, n])))
    mask = np.packbits(rng.random((*shape, m)) < 0.7, axis=-1, bitorder="little") if rng.random() < 0.5 else None
    bias, layout = None, (0, 0, 0, 0)
    if rng.random() < 0.4:  # relative positions
        bias, layout = rng.integers(-3000, 3000, (heads, n + m - 1)).astype(np.int32), (n - 1, n + m - 1, -1, 1)
    elif rng.random() < 0.3:
        bias, layout = rng.integers(-(2**29), 2**29, (n, m)).astype(np.int32), (0, 0, m, 1)
    return {"reach": reach, "mask": mask, "bias": bias, "bias_layout": layout}


def visible(op, padding, zero, h, r, m):
    """Keys that row r of head h sees."""
    found = []
    for j in range(m):
        seen = op.reach is None or op.reach[0] <= j - r <= op.reach[1]
        if op.mask is not None:
            row = op.mask[h if op.mask.shape[0] > 1 else 0, r if op.mask.shape[1] > 1 else 0]
            seen = seen and (int(row[j // 8]) >> (j % 8)) & 1 == 1
        if seen and (padding is None or int(padding[j]) != zero):
            found.append(j)
    return found


def parts(op, arrays, out):
    n = out.size // (op.heads * op.width)
    m = op.keys or n
    found = []
    for part, x in enumerate(arrays[:3]):
        base, head, row = op.layout[3 * part : 3 * part + 3]
        flat, rows, group = [int(v) for v in x.reshape(-1)], (m if part else n), (op.group if part else 1)
        found.append(
            [
                [[flat[base + h // group * head + r * row + i] for i in range(op.width)] for r in range(rows)]
                for h in range(op.heads)
            ]
        )
    padding = arrays[3].reshape(-1) if len(arrays) == 4 else None
    return found, padding, n, m


def bias_of(op, h, r, j):
    base, head, row, key = op.bias_layout
    return 0 if op.bias is None else int(op.bias.reshape(-1)[base + h * head + r * row + j * key])


def attention_oracle(op, arrays, tensors, out):
    (q, k, v), padding, n, m = parts(op, arrays, out)
    d, y = op.width, {}
    zero = tensors[3].zero_point if padding is not None else 0
    if op.cos is not None:
        q, k = [[[_rotate(op, row, r) for r, row in enumerate(rows)] for rows in part] for part in (q, k)]
    for h in range(op.heads):
        for r in range(n):
            seen = visible(op, padding, zero, h, r, m)
            s = [sum(a * b for a, b in zip(q[h][r], k[h][j], strict=True)) + bias_of(op, h, r, j) for j in seen]
            assert max((abs(value) for value in s), default=0) <= 2**30
            idx = [min(rounded((max(s) - value) * int(op.index_mul[h]), op.index_shift), 255) for value in s]
            e = [int(op.table[i]) for i in idx]
            den = sum(e)
            assert den >= 255 or not seen
            reciprocal = (2**30 + den // 2) // den if seen else 0
            for i in range(d):
                ctx = sum(weight * v[h][j][i] for weight, j in zip(e, seen, strict=True))
                assert abs(ctx) < 2**31
                fraction = rounded(ctx * reciprocal, 22)
                y[r, h, i] = sat(rounded(fraction * int(op.out_mul[h]), op.out_shift) + out.zero_point, "int8")
    return [y[key] for key in sorted(y)]


def _pairs(op, row):
    half = len(row) // 2
    return [(j, j + half) if op.halves else (2 * j, 2 * j + 1) for j in range(half)]


def _rotate(op, row, r):
    turned, at = list(row), r % len(op.cos)
    for j, (first, second) in enumerate(_pairs(op, row)):
        a, b, c, s = row[first], row[second], int(op.cos[at, j]), int(op.sin[at, j])
        turned[first] = sat(rounded(a * c - b * s, 15), "int8")
        turned[second] = sat(rounded(a * s + b * c, 15), "int8")
    return turned


def attention_real(op, arrays, tensors, out):
    (q, k, v), padding, n, m = parts(op, arrays, out)
    zero, y = tensors[3].zero_point if padding is not None else 0, np.zeros((n, op.heads, op.width))
    if op.cos is not None:
        q, k = [[[_turn(op, row, r) for r, row in enumerate(rows)] for rows in part] for part in (q, k)]
    for h in range(op.heads):
        nats, ratio = STEP * op.index_mul[h] * 2.0**-op.index_shift, op.out_mul[h] * 2.0 ** (8 - op.out_shift)
        for r in range(n):
            seen = visible(op, padding, zero, h, r, m)
            s = np.array([math.fsum(a * b for a, b in zip(q[h][r], k[h][j], strict=True)) for j in seen])
            s = s + [bias_of(op, h, r, j) for j in seen]
            if seen:
                e = np.exp((s - s.max()) * nats)
                y[r, h] = (e / e.sum()) @ np.array([v[h][j] for j in seen], float) * ratio
    return y.reshape(-1) + out.zero_point


def _turn(op, row, r):
    turned, at = list(row), r % len(op.cos)
    for j, (first, second) in enumerate(_pairs(op, row)):
        a, b, c, s = row[first], row[second], op.cos[at, j] / 2**15, op.sin[at, j] / 2**15
        turned[first], turned[second] = a * c - b * s, a * s + b * c
    return turned


GENERATORS = {"attention": attention}
ORACLES = {"attention": attention_oracle}
REALS = {"attention": attention_real}
