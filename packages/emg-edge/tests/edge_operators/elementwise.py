"""Element-wise operators."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import (
    Add,
    AddConstant,
    Requantise,
    Table,
)
from emg_edge.program._tensor import DTYPES


def add(rng, i):
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    a, b, out = small(rng), small(rng), small(rng)
    mul_a, shift = scale_to(rng, DTYPES[a][2], out)
    op = Add(
        name=f"add{i}",
        inputs=(f"a{i}", f"b{i}"),
        output=f"y{i}",
        mul_a=mul_a,
        mul_b=int(rng.choice([0, mul_a, 2**31 - 1])),
        shift=shift,
    )
    return op, [tensor(rng, f"a{i}", shape, a), tensor(rng, f"b{i}", shape, b)], tensor(rng, f"y{i}", shape, out)


def add_constant(rng, i):
    rows, repeat, width = (int(v) for v in rng.integers(1, 7, 3))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2], out)
    op = AddConstant(
        name=f"constant{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        value=rng.integers(-(2**31), 2**31, (rows, width)).astype(np.int32),
        mul=mul,
        shift=shift,
        repeat=repeat,
    )
    shape = (rows, repeat, width)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", shape, out)


def table(rng, i):
    op = Table(name=f"table{i}", inputs=(f"x{i}",), output=f"y{i}", table=rng.integers(-128, 128, 256).astype(np.int8))
    return op, [tensor(rng, f"x{i}", (5, 51))], tensor(rng, f"y{i}", (255,))


def requantise(rng, i):
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2], out)
    op = Requantise(name=f"requantise{i}", inputs=(f"x{i}",), output=f"y{i}", mul=mul, shift=shift)
    shape = (int(rng.integers(1, 300)),)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", shape, out)


def add_oracle(op, arrays, tensors, out):
    (a, b), (ta, tb) = arrays, tensors
    y = []
    for p, q in zip(a.reshape(-1), b.reshape(-1), strict=True):
        total = (int(p) - ta.zero_point) * op.mul_a + (int(q) - tb.zero_point) * op.mul_b
        y.append(sat(rounded(total, op.shift) + out.zero_point, out.dtype))
    return y


def add_constant_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    width, y = op.value.shape[1], []
    for e, v in enumerate(x.reshape(-1)):
        row, column = e // (op.repeat * width), e % width
        total = (int(v) - source.zero_point) * op.mul + int(op.value[row, column])
        y.append(sat(rounded(total, op.shift) + out.zero_point, out.dtype))
    return y


def table_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    return [int(op.table[int(v) & 255]) for v in x.reshape(-1)]


def requantise_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    return [
        sat(rounded((int(v) - source.zero_point) * op.mul, op.shift) + out.zero_point, out.dtype) for v in x.reshape(-1)
    ]


GENERATORS = {"add": add, "add_constant": add_constant, "table": table, "requantise": requantise}
ORACLES = {
    "add": add_oracle,
    "add_constant": add_constant_oracle,
    "table": table_oracle,
    "requantise": requantise_oracle,
}
REALS = {}
