"""Convolutions."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import Conv, multiplier


def _shapes(rng):
    """Groups, channels per group of input and output: dense, depthwise with multipliers, grouped."""
    form = rng.integers(4)
    if form == 0:
        return int(rng.integers(2, 9)), 1, int(rng.integers(1, 3))
    if form == 1:
        return int(rng.integers(2, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 6))
    return 1, int(rng.integers(1, 9)), int(rng.integers(1, 14))


def _fitting(rng, rows):
    """Extent, kernel, stride, dilation, two pads of one axis such that at least one output fits."""
    extent = 1 if rows and rng.random() < 0.5 else int(rng.integers(1, 10))
    kernel = 1 if rows and extent == 1 else int(rng.integers(1, 6))
    dilation, stride = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    before, after = (int(v) for v in rng.integers(0, 5, 2))
    missing = (kernel - 1) * dilation + 1 - extent - before - after
    return extent, kernel, stride, dilation, before, after + max(missing, 0)


def conv(rng, i):
    groups, channels, outputs = _shapes(rng)
    down, across = _fitting(rng, True), _fitting(rng, False)
    dtype, out = small(rng), str(rng.choice(["int8", "int16", "int32"]))
    table = rng.integers(-128, 128, 256).astype(np.int8) if out == "int8" and rng.random() < 0.5 else None
    count, bits = groups * outputs, int(rng.choice([8, 4]))
    peak = 2 ** (bits - 1) - 1
    mul, shift = multiplier(rng.uniform(0.001, 0.05, count), int(rng.integers(8, 32)))
    if rng.random() < 0.2:
        mul, shift = rng.choice(np.array([0, 1, 2**31 - 1]), count).astype(np.int32), int(rng.choice([1, 62]))
    op = Conv(
        name=f"conv{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        weight=rng.integers(-peak, peak + 1, (count, down[1], across[1], channels)).astype(np.int8),
        bias=rng.integers(-(2**29), 2**29, count).astype(np.int32) >> int(rng.integers(0, 29)),
        mul=mul,
        shift=shift,
        size=(down[0], across[0]),
        stride=(down[2], across[2]),
        dilation=(down[3], across[3]),
        pads=(down[4], across[4], down[5], across[5]),
        groups=groups,
        pre_zero=int(rng.integers(-128, 128)),
        table=table,
        weight_bits=bits,
    )
    source = tensor(rng, f"x{i}", (down[0], across[0], groups * channels), dtype)
    return op, [source], tensor(rng, f"y{i}", (*op.extent, count), out)


def _accumulators(op, x, zero):
    """acc of every output element, in order, from the docstring's sum."""
    outputs, rows, columns, width = op.weight.shape
    height, breadth = op.size
    channels = width * op.groups
    flat, weight = x.reshape(-1).tolist(), op.weight.tolist()
    found = []
    top, left, bottom, right = op.pads
    for i in range((height + top + bottom - (rows - 1) * op.dilation[0] - 1) // op.stride[0] + 1):
        for j in range((breadth + left + right - (columns - 1) * op.dilation[1] - 1) // op.stride[1] + 1):
            for n in range(outputs):
                acc, first = int(op.bias[n]), n // (outputs // op.groups) * width
                for r in range(rows):
                    for s in range(columns):
                        y = i * op.stride[0] - top + r * op.dilation[0]
                        x_ = j * op.stride[1] - left + s * op.dilation[1]
                        inside = 0 <= y < height and 0 <= x_ < breadth
                        at = (y * breadth + x_) * channels + first
                        for c in range(width):
                            acc += (flat[at + c] if inside else zero) * weight[n][r][s][c]
                found.append(acc)
    return found


def conv_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    y = []
    for e, acc in enumerate(_accumulators(op, x, source.zero_point)):
        assert -(2**31) <= acc < 2**31
        v = sat(rounded(acc * int(op.mul[e % len(op.mul)]), op.shift) + op.pre_zero, out.dtype)
        y.append(v if op.table is None else int(op.table[v & 255]))
    return y


def conv_real(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    acc = np.array(_accumulators(op, x, source.zero_point), np.float64).reshape(-1, len(op.mul))
    before = (acc * op.mul * 2.0**-op.shift + op.pre_zero).reshape(-1)
    if op.table is None:
        return before
    return np.interp(before, np.arange(-128, 128), np.roll(op.table.astype(np.float64), 128))


GENERATORS = {"conv": conv}
ORACLES = {"conv": conv_oracle}
REALS = {"conv": conv_real}
