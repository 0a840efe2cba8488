"""LayerNorm with Group and InstanceNorm, and RMSNorm."""

from __future__ import annotations

import math

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import LayerNorm, RmsNorm
from emg_edge.program._tensor import DTYPES


def layernorm(rng, i):
    repeat, groups = (1, 1) if rng.random() < 0.6 else (int(rng.choice([1, 2, 5])), int(rng.integers(1, 4)))
    channels = int(rng.choice([2, 3, 16, 63, 192, 1024])) if repeat * groups == 1 else int(rng.integers(2, 20))
    channels = int(rng.choice([1025, 2048, 2500, 65536])) if i % 20 == 7 and repeat * groups == 1 else channels
    width, rows = channels * repeat, groups * (1 if channels > 3000 else int(rng.integers(1, 6)))
    dtype, out = small(rng), small(rng)
    shift = int(rng.integers(1, 31))
    peak = 2.0 ** (shift - 12) * DTYPES[out][2]
    op = LayerNorm(
        name=f"layernorm{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        gamma=np.clip(rng.normal(0, max(peak, 1), groups * channels), -(2**31), 2**31 - 1).astype(np.int32),
        beta=rng.integers(-(2**31), 2**31, groups * channels).astype(np.int32) >> int(rng.integers(0, 31)),
        shift=shift,
        eps=int(rng.choice([0, 1, 1000, 2**33, 2**40, 2**60])),
        repeat=repeat,
        groups=groups,
    )
    return op, [tensor(rng, f"x{i}", (rows, width), dtype)], tensor(rng, f"y{i}", (rows, width), out)


def rmsnorm(rng, i):
    rows, width = int(rng.integers(1, 6)), int(rng.choice([1, 2, 3, 16, 63, 192, 1500]))
    dtype, out = small(rng), small(rng)
    shift = int(rng.integers(1, 31))
    peak = 2.0 ** (shift - 12) * DTYPES[out][2]
    op = RmsNorm(
        name=f"rmsnorm{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        gamma=np.clip(rng.normal(0, max(peak, 1), width), -(2**31), 2**31 - 1).astype(np.int32),
        shift=shift,
        eps=int(rng.choice([0, 1, 2**20, 2**33, 2**40, 2**60])),
    )
    return op, [tensor(rng, f"x{i}", (rows, width), dtype)], tensor(rng, f"y{i}", (rows, width), out)


def _lines(array, width):
    flat = [int(v) for v in array.reshape(-1)]
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _inverse(std):
    e = std.bit_length()
    m = std << (16 - e) if e < 16 else std >> (e - 16)
    assert 2**15 <= m < 2**16
    return e, 2**31 // m


def _coarse(width):
    return max(0, (3 * (width - 1).bit_length() - 30) // 2)


def layernorm_oracle(op, arrays, tensors, out):
    y, width = [], len(op.gamma) * op.repeat // op.groups
    u = _coarse(width)
    for r, row in enumerate(_lines(arrays[0], width)):
        total = sum(row)
        assert abs(total) <= 2**31
        d = [rounded(width * v - total, u) if u else width * v - total for v in row]
        assert max(abs(v) for v in d) < 2**27
        squares = sum(v * v for v in d)
        assert squares < 2**63
        e, inv = _inverse(max(math.isqrt(squares // width + op.eps), 1))
        for j in range(width):
            c = r % op.groups * (width // op.repeat) + j // op.repeat
            t = (d[j] * inv + (1 << (e + 2))) >> (e + 3)
            v = rounded(t * int(op.gamma[c]) + int(op.beta[c]), op.shift)
            y.append(sat(v + out.zero_point, out.dtype))
    return y


def rmsnorm_oracle(op, arrays, tensors, out):
    y, width = [], len(op.gamma)
    for row in _lines(arrays[0], width):
        d = [v - tensors[0].zero_point for v in row]
        var = (((sum(v * v for v in d) << 14) // width) << 16) + op.eps
        assert var < 2**62
        e, inv = _inverse(max(math.isqrt(var), 1))
        for j in range(width):
            t = (d[j] * inv * 2**15 + (1 << (e + 2))) >> (e + 3)
            y.append(sat(rounded(t * int(op.gamma[j]), op.shift) + out.zero_point, out.dtype))
    return y


def layernorm_real(op, arrays, tensors, out):
    width = len(op.gamma) * op.repeat // op.groups
    x = arrays[0].reshape(-1, width).astype(float)
    d = width * (x - x.mean(1, keepdims=True))
    std = np.sqrt((d * d).mean(1, keepdims=True) + op.eps * 4.0 ** _coarse(width))
    t = np.where(std > 0, d / np.where(std > 0, std, 1.0), 0.0)
    t = t.reshape(-1, op.groups, width // op.repeat, op.repeat)
    gamma, beta = (a.astype(float).reshape(op.groups, -1, 1) for a in (op.gamma, op.beta))
    return ((t * 2.0**12 * gamma + beta) * 2.0**-op.shift).reshape(-1) + out.zero_point


def rmsnorm_real(op, arrays, tensors, out):
    d = arrays[0].reshape(-1, len(op.gamma)).astype(float) - tensors[0].zero_point
    root = np.sqrt((d * d).mean(1, keepdims=True) + op.eps * 2.0**-30)
    t = np.where(root > 0, d / np.where(root > 0, root, 1.0), 0.0)
    return (t * 2.0**12 * op.gamma * 2.0**-op.shift).reshape(-1) + out.zero_point


GENERATORS = {"layernorm": layernorm, "rmsnorm": rmsnorm}
ORACLES = {"layernorm": layernorm_oracle, "rmsnorm": rmsnorm_oracle}
REALS = {"layernorm": layernorm_real, "rmsnorm": rmsnorm_real}
