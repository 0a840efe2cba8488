"""Means and copies."""

from __future__ import annotations

import math

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import (
    Mean,
    Transpose,
)
from emg_edge.program._tensor import DTYPES


def mean(rng, i):
    outer, axis, inner = int(rng.integers(1, 5)), int(rng.choice([1, 2, 7, 33, 400])), int(rng.integers(1, 6))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2] * axis, out)
    op = Mean(
        name=f"mean{i}", inputs=(f"x{i}",), output=f"y{i}", outer=outer, axis=axis, inner=inner, mul=mul, shift=shift
    )
    return op, [tensor(rng, f"x{i}", (outer, axis, inner), dtype)], tensor(rng, f"y{i}", (outer, inner), out)


def transpose(rng, i):
    axes = int(rng.integers(1, 5))
    shape = tuple(int(v) for v in rng.integers(1, 6, axes))
    perm = tuple(int(v) for v in rng.permutation(axes))
    dtype = str(rng.choice(["int8", "int16", "int32"]))
    op = Transpose(name=f"transpose{i}", inputs=(f"x{i}",), output=f"y{i}", shape=shape, perm=perm)
    out = tuple(shape[axis] for axis in perm)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", out, dtype)


def mean_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    flat, y = [int(v) for v in x.reshape(-1)], []
    for o in range(op.outer):
        for i in range(op.inner):
            total = sum(flat[(o * op.axis + a) * op.inner + i] - source.zero_point for a in range(op.axis))
            y.append(sat(rounded(total * op.mul, op.shift) + out.zero_point, out.dtype))
    return y


def transpose_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    flat = x.reshape(-1)
    strides = [math.prod(op.shape[axis + 1 :]) for axis in range(len(op.shape))]
    extents = [op.shape[axis] for axis in op.perm]
    y = []
    for e in range(len(flat)):
        place, rest = 0, e
        for axis in reversed(range(len(extents))):
            place += rest % extents[axis] * strides[op.perm[axis]]
            rest //= extents[axis]
        y.append(int(flat[place]))
    return y


GENERATORS = {"mean": mean, "transpose": transpose}
ORACLES = {"mean": mean_oracle, "transpose": transpose_oracle}
REALS = {}
