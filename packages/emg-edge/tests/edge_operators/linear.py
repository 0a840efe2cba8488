"""Linear layers."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import (
    Linear,
    multiplier,
)


def linear(rng, i):
    rows, depth, outputs = int(rng.integers(1, 8)), int(rng.integers(1, 70)), int(rng.integers(1, 14))
    dtype = small(rng)
    out = str(rng.choice(["int8", "int16", "int32"]))
    table = rng.integers(-128, 128, 256).astype(np.int8) if out == "int8" and rng.random() < 0.5 else None
    mul, shift = multiplier(rng.uniform(0.001, 0.05, outputs), int(rng.integers(8, 32)))
    if rng.random() < 0.2:
        mul, shift = rng.choice(np.array([0, 1, 2**31 - 1]), outputs).astype(np.int32), int(rng.choice([1, 62]))
    bits = int(rng.choice([4, 8]))
    peak = 2 ** (bits - 1) - 1
    op = Linear(
        name=f"linear{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        weight=rng.integers(-peak, peak + 1, (outputs, depth)).astype(np.int8),
        bias=rng.integers(-(2**29), 2**29, outputs).astype(np.int32) >> int(rng.integers(0, 29)),
        mul=mul,
        shift=shift,
        pre_zero=int(rng.integers(-128, 128)),
        table=table,
        weight_bits=bits,
    )
    return op, [tensor(rng, f"x{i}", (rows, depth), dtype)], tensor(rng, f"y{i}", (rows, outputs), out)


def linear_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    n, k = op.weight.shape
    flat, y = [int(v) for v in x.reshape(-1)], []
    for start in range(0, len(flat), k):
        for c in range(n):
            acc = sum(flat[start + j] * int(op.weight[c, j]) for j in range(k)) + int(op.bias[c])
            assert -(2**31) <= acc < 2**31
            v = sat(rounded(acc * int(op.mul[c]), op.shift) + op.pre_zero, out.dtype)
            y.append(v if op.table is None else int(op.table[v & 255]))
    return y


def linear_real(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    rows = x.reshape(-1, op.weight.shape[1]).astype(np.float64)
    acc = rows @ op.weight.T.astype(np.float64) + op.bias
    before = (acc * op.mul * 2.0**-op.shift + op.pre_zero).reshape(-1)
    if op.table is None:
        return before
    return np.interp(before, np.arange(-128, 128), np.roll(op.table.astype(np.float64), 128))


GENERATORS = {"linear": linear}
ORACLES = {"linear": linear_oracle}
REALS = {"linear": linear_real}
