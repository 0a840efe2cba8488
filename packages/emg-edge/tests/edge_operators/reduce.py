"""Reductions."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import Mean
from emg_edge.program._tensor import DTYPES


def mean(rng, i):
    outer, axis, inner = int(rng.integers(1, 5)), int(rng.choice([1, 2, 7, 33, 400])), int(rng.integers(1, 6))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2] * axis, out)
    op = Mean(
        name=f"mean{i}", inputs=(f"x{i}",), output=f"y{i}", outer=outer, axis=axis, inner=inner, mul=mul, shift=shift
    )
    return op, [tensor(rng, f"x{i}", (outer, axis, inner), dtype)], tensor(rng, f"y{i}", (outer, inner), out)


def mean_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    flat, y = [int(v) for v in x.reshape(-1)], []
    for o in range(op.outer):
        for i in range(op.inner):
            total = sum(flat[(o * op.axis + a) * op.inner + i] - source.zero_point for a in range(op.axis))
            y.append(sat(rounded(total * op.mul, op.shift) + out.zero_point, out.dtype))
    return y


def mean_real(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    total = (x.reshape(op.outer, op.axis, op.inner).astype(np.float64) - source.zero_point).sum(1)
    return total.reshape(-1) * op.mul / 2.0**op.shift + out.zero_point


GENERATORS = {"mean": mean}
ORACLES = {"mean": mean_oracle}
REALS = {"mean": mean_real}
