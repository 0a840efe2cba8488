"""LayerNorm."""

from __future__ import annotations

import math

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import (
    LayerNorm,
)
from emg_edge.program._tensor import DTYPES


def layernorm(rng, i):
    rows, width = int(rng.integers(1, 6)), int(rng.choice([2, 3, 16, 63, 192, 1024]))
    dtype, out = small(rng), small(rng)
    shift = int(rng.integers(1, 31))
    peak = 2.0 ** (shift - 12) * DTYPES[out][2]
    op = LayerNorm(
        name=f"layernorm{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        gamma=np.clip(rng.normal(0, max(peak, 1), width), -(2**31), 2**31 - 1).astype(np.int32),
        beta=rng.integers(-(2**31), 2**31, width).astype(np.int32) >> int(rng.integers(0, 31)),
        shift=shift,
        eps=int(rng.choice([0, 1, 1000, 2**33, 2**40, 2**60])),
    )
    return op, [tensor(rng, f"x{i}", (rows, width), dtype)], tensor(rng, f"y{i}", (rows, width), out)


def layernorm_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    width, flat, y = len(op.gamma), [int(v) for v in x.reshape(-1)], []
    for start in range(0, len(flat), width):
        row = flat[start : start + width]
        d = [width * v - sum(row) for v in row]
        assert max(abs(v) for v in d) < 2**26
        squares = sum(v * v for v in d)
        assert squares < 2**63
        std = max(math.isqrt(squares // width + op.eps), 1)
        e = std.bit_length()
        m = std << (16 - e) if e < 16 else std >> (e - 16)
        assert 2**15 <= m < 2**16
        inv = 2**31 // m
        for j in range(width):
            t = (d[j] * inv + (1 << (e + 2))) >> (e + 3)
            v = rounded(t * int(op.gamma[j]) + int(op.beta[j]), op.shift)
            y.append(sat(v + out.zero_point, out.dtype))
    return y


GENERATORS = {"layernorm": layernorm}
ORACLES = {"layernorm": layernorm_oracle}
REALS = {}
