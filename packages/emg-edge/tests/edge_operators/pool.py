"""Pooling and extremes along an axis."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import AveragePool, MaxPool, ReduceMax
from emg_edge.program._tensor import DTYPES


def _windows(rng):
    """Fields of a pool whose windows all touch the input, and padding behind."""
    outer, inner = (int(v) for v in rng.integers(1, 4, 2))
    fields, ends = {"outer": outer, "inner": inner}, []
    for _ in range(2):
        kernel, stride, dilation = (int(v) for v in rng.integers(1, 4, 3))
        reach = (kernel - 1) * dilation + 1
        begin, end = (int(v) for v in rng.integers(0, max(1, min(kernel, dilation + 1)), 2))
        size = max(1, reach - begin) + int(rng.integers(0, 6))
        out = (size + begin + end - reach) // stride + 1 if size + begin + end >= reach else 1
        for key, value in zip(
            ("size", "kernel", "strides", "dilations", "begin", "out"),
            (size, kernel, stride, dilation, begin, out),
            strict=True,
        ):
            fields[key] = (*fields.get(key, ()), value)
        ends.append(end)
    return fields, ends


def _legal(kind, rng, i, dtypes, **more):
    """Draw windows until one of them is legal."""
    while True:
        fields, ends = _windows(rng)
        extra = {key: value(fields, ends) for key, value in more.items()}
        op = kind(name=f"{kind.kind}{i}", inputs=(f"x{i}",), output=f"y{i}", **fields, **extra)
        x = tensor(rng, f"x{i}", (op.outer, *op.size, op.inner), dtypes[0])
        out = tensor(rng, f"y{i}", (op.outer, *op.out, op.inner), dtypes[1])
        inside = all(
            any(0 <= o * op.strides[a] - op.begin[a] + k * op.dilations[a] < op.size[a] for k in range(op.kernel[a]))
            for a in range(2)
            for o in range(op.out[a])
        )
        if inside:
            return op, [x], out


def max_pool(rng, i):
    dtype = small(rng)
    return _legal(MaxPool, rng, i, (dtype, dtype))


def average_pool(rng, i):
    dtype, out = small(rng), small(rng)
    _, shift = scale_to(rng, DTYPES[dtype][2], out)
    padded = rng.random() < 0.5

    def multipliers(fields, ends):
        taps = fields["kernel"][0] * fields["kernel"][1]
        return rng.integers(0, 2**31, taps).astype(np.int32) >> int(rng.integers(0, 31))

    def low(fields, ends):
        return tuple(-b if padded else 0 for b in fields["begin"])

    def high(fields, ends):
        return tuple(s + (e if padded else 0) for s, e in zip(fields["size"], ends, strict=True))

    return _legal(AveragePool, rng, i, (dtype, out), low=low, high=high, mul=multipliers, shift=lambda *_: shift)


def reduce_max(rng, i):
    outer, axis, inner = int(rng.integers(1, 5)), int(rng.choice([1, 2, 7, 33])), int(rng.integers(1, 6))
    op = ReduceMax(
        name=f"reduce_max{i}", inputs=(f"x{i}",), output=f"y{i}", outer=outer, axis=axis, inner=inner,
        lowest=int(rng.integers(0, 2)),
    )  # fmt: skip
    x = tensor(rng, f"x{i}", (outer, axis, inner), small(rng))
    return op, [x], replace(x, name=f"y{i}", shape=(outer, inner))


def _read(op, x):
    """(values inside, places) of every window, in the output's order; places are (h, w)."""
    flat = [int(v) for v in x.reshape(-1)]
    for o, p, q, i in product(range(op.outer), range(op.out[0]), range(op.out[1]), range(op.inner)):
        places = [
            (
                p * op.strides[0] - op.begin[0] + r * op.dilations[0],
                q * op.strides[1] - op.begin[1] + c * op.dilations[1],
            )
            for r, c in product(range(op.kernel[0]), range(op.kernel[1]))
        ]
        inside = [(h, w) for h, w in places if 0 <= h < op.size[0] and 0 <= w < op.size[1]]
        yield [flat[((o * op.size[0] + h) * op.size[1] + w) * op.inner + i] for h, w in inside], places


def max_pool_oracle(op, arrays, tensors, out):
    return [max(values) for values, _ in _read(op, arrays[0])]


def _products(op, arrays, tensors):
    totals, zero = [], tensors[0].zero_point
    for values, places in _read(op, arrays[0]):
        count = sum(all(a <= v < b for v, a, b in zip(place, op.low, op.high, strict=True)) for place in places)
        totals.append(sum(v - zero for v in values) * int(op.mul[count - 1]))
    return totals


def average_pool_oracle(op, arrays, tensors, out):
    return [sat(rounded(v, op.shift) + out.zero_point, out.dtype) for v in _products(op, arrays, tensors)]


def average_pool_real(op, arrays, tensors, out):
    return np.array([v / 2**op.shift + out.zero_point for v in _products(op, arrays, tensors)])


def reduce_max_oracle(op, arrays, tensors, out):
    flat, y, choose = [int(v) for v in arrays[0].reshape(-1)], [], min if op.lowest else max
    for o, i in product(range(op.outer), range(op.inner)):
        y.append(choose(flat[(o * op.axis + a) * op.inner + i] for a in range(op.axis)))
    return y


def _as_floats(oracle):
    return lambda op, arrays, tensors, out: np.array(oracle(op, arrays, tensors, out), np.float64)


GENERATORS = {"average_pool": average_pool, "max_pool": max_pool, "reduce_max": reduce_max}
ORACLES = {"average_pool": average_pool_oracle, "max_pool": max_pool_oracle, "reduce_max": reduce_max_oracle}
REALS = {
    "average_pool": average_pool_real,
    "max_pool": _as_floats(max_pool_oracle),
    "reduce_max": _as_floats(reduce_max_oracle),
}
