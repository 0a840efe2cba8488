"""Softmax and its logarithm."""

from __future__ import annotations

import math

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import LogSoftmax, Softmax, exponential_tables, log_table, multiplier
from emg_edge.program._tensor import Tensor


def _rows(rng, i):
    rows, width = int(rng.integers(1, 7)), int(rng.choice([1, 2, 7, 33, 300]))
    mul, shift = multiplier(rng.uniform(0.001, 0.3) * 4096)
    coarse, fine = exponential_tables()
    plain = {
        "name": f"softmax{i}", "inputs": (f"x{i}",), "output": f"y{i}", "width": width, "mul": int(mul[0]),
        "shift": shift, "coarse": coarse, "fine": fine,
    }  # fmt: skip
    return (rows, width), plain, [tensor(rng, f"x{i}", (rows, width), small(rng))]


def softmax(rng, i):
    (rows, width), plain, feeds = _rows(rng, i)
    scale, dtype, zero = [(2.0**-8, "int8", -128), (2.0**-15, "int16", 0), (1 / 90, "int8", 5)][int(rng.integers(3))]
    mul, shift = multiplier(2.0**-15 / scale, 16)
    mask = None
    if rng.random() < 0.5:
        mask = np.packbits(rng.random((int(rng.integers(1, rows + 1)), width)) < 0.6, axis=-1, bitorder="little")
    out = Tensor(name=f"y{i}", shape=(rows, width), dtype=dtype, scale=scale, zero_point=zero)
    return Softmax(out_mul=int(mul[0]), out_shift=shift, mask=mask, **plain), feeds, out


def log_softmax(rng, i):
    (rows, width), plain, feeds = _rows(rng, i)
    real = plain["mul"] * 2.0 ** -plain["shift"] / 4096
    out = tensor(rng, f"y{i}", (rows, width), small(rng))
    scale = rng.uniform(0.0005, 0.1)
    mul, shift = multiplier([real / scale, 2.0**-26 / scale])
    if rng.random() < 0.1:
        mul, shift = np.array([2**31 - 1, 2**31 - 1]), int(rng.choice([1, 62]))
    op = LogSoftmax(out_mul=int(mul[0]), log_mul=int(mul[1]), out_shift=shift, logs=log_table(), **plain)
    return op, feeds, out


def _exponentials(op, row, seen):
    shown = [v for j, v in enumerate(row) if seen(j)]
    index = [min(rounded((max(shown) - v) * op.mul, op.shift), 65535) if seen(j) else None for j, v in enumerate(row)]
    return [0 if at is None else (int(op.coarse[at >> 8]) * int(op.fine[at & 255]) + 2**14) >> 15 for at in index]


def _lines(op, array):
    flat = [int(v) for v in array.reshape(-1)]
    return [flat[start : start + op.width] for start in range(0, len(flat), op.width)]


def _seen(op, r):
    mask = getattr(op, "mask", None)
    return lambda j: mask is None or (int(mask[r % len(mask), j // 8]) >> (j % 8)) & 1 == 1


def softmax_oracle(op, arrays, tensors, out):
    y = []
    for r, row in enumerate(_lines(op, arrays[0])):
        e = _exponentials(op, row, _seen(op, r))
        den = sum(e)
        assert den == 0 or 2**15 <= den <= 2**31
        b = den.bit_length()
        inv = 2**31 // (den >> (b - 16)) if den else 0
        places = b + op.out_shift if den else 1
        y += [sat(rounded(v * inv * op.out_mul, places) + out.zero_point, out.dtype) for v in e]
    return y


def log_softmax_oracle(op, arrays, tensors, out):
    y, ln2 = [], round(2**26 * math.log(2))
    for row in _lines(op, arrays[0]):
        den = sum(_exponentials(op, row, _seen(op, 0)))
        b = den.bit_length()
        m = den >> (b - 16)
        k = (m - 2**15) >> 7
        low, high = int(op.logs[k]), int(op.logs[k + 1])
        log = (b - 16) * ln2 + low + (((high - low) * (m & 127) + 64) >> 7)
        assert 0 <= log < 2**30
        for v in row:
            value = (v - max(row)) * op.out_mul - log * op.log_mul
            y.append(sat(rounded(value, op.out_shift) + out.zero_point, out.dtype))
    return y


def softmax_real(op, arrays, tensors, out):
    nats, y = op.mul * 2.0**-op.shift / 4096, []
    for r, row in enumerate(_lines(op, arrays[0])):
        seen = np.array([_seen(op, r)(j) for j in range(op.width)])
        if not seen.any():
            y += [0.0] * op.width
            continue
        e = np.where(seen, np.exp(np.minimum((np.array(row, float) - max(np.array(row)[seen])) * nats, 0.0)), 0.0)
        y += list(e / e.sum())
    return np.array(y) * 2.0**15 * op.out_mul * 2.0**-op.out_shift + out.zero_point


def log_softmax_real(op, arrays, tensors, out):
    nats, y = op.mul * 2.0**-op.shift / 4096, []
    for row in _lines(op, arrays[0]):
        d = np.array(row, float) - max(row)
        log = np.log(np.exp(d * nats).sum()) * 2.0**26
        y += list((d * op.out_mul - log * op.log_mul) * 2.0**-op.out_shift)
    return np.array(y) + out.zero_point


GENERATORS = {"softmax": softmax, "log_softmax": log_softmax}
ORACLES = {"softmax": softmax_oracle, "log_softmax": log_softmax_oracle}
REALS = {"softmax": softmax_real, "log_softmax": log_softmax_real}
