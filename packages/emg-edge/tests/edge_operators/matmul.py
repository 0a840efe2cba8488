"""Products of two activations."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import MatMul
from emg_edge.program._tensor import DTYPES


def _layout(rng, extents):
    """Strides of a dense array whose axes lie in a random order, the first two perhaps repeated."""
    strides, size = [0] * 4, 1
    for axis in rng.permutation(4):
        if axis < 2 and rng.random() < 0.3:
            continue
        strides[axis], size = size, size * extents[axis]
    base = int(rng.integers(0, 3))
    return (base, *(int(s) for s in strides)), base + size


def matmul(rng, i):
    batch, rows, columns = (
        tuple(int(v) for v in rng.integers(1, 4, 2)),
        int(rng.integers(1, 7)),
        int(rng.integers(1, 10)),
    )
    depth, dtype = int(rng.choice([1, 3, 8, 65])), small(rng)
    a_layout, a_size = _layout(rng, (*batch, rows, depth))
    b_layout, b_size = _layout(rng, (*batch, depth, columns))
    a, b = tensor(rng, f"a{i}", (a_size,), dtype), tensor(rng, f"b{i}", (b_size,))
    out = tensor(rng, f"y{i}", (*batch, rows, columns), small(rng))
    mul, shift = scale_to(rng, DTYPES[dtype][2] * 128 * depth**0.5, out.dtype)
    op = MatMul(
        name=f"matmul{i}", inputs=(a.name, b.name), output=out.name, batch=batch, rows=rows, depth=depth,
        columns=columns, a_layout=a_layout, b_layout=b_layout, mul=mul, shift=shift,
    )  # fmt: skip
    return op, [a, b], out


def _sums(op, arrays, tensors):
    a, b = ([int(v) - t.zero_point for v in x.reshape(-1)] for x, t in zip(arrays, tensors, strict=True))
    la, lb = op.a_layout, op.b_layout
    for g in range(op.batch[0]):
        for h in range(op.batch[1]):
            at, bt = la[0] + g * la[1] + h * la[2], lb[0] + g * lb[1] + h * lb[2]
            for i in range(op.rows):
                for j in range(op.columns):
                    yield sum(a[at + i * la[3] + k * la[4]] * b[bt + k * lb[3] + j * lb[4]] for k in range(op.depth))


def matmul_oracle(op, arrays, tensors, out):
    sums = list(_sums(op, arrays, tensors))
    assert max(abs(v) for v in sums) < 2**31
    return [sat(rounded(v * op.mul, op.shift) + out.zero_point, out.dtype) for v in sums]


def matmul_real(op, arrays, tensors, out):
    return np.array(list(_sums(op, arrays, tensors)), float) * op.mul * 2.0**-op.shift + out.zero_point


GENERATORS = {"matmul": matmul}
ORACLES = {"matmul": matmul_oracle}
REALS = {"matmul": matmul_real}
