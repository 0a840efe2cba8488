"""Element-wise operators of one operand."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import Affine, Requantise, Table
from emg_edge.program._tensor import DTYPES


def affine(rng, i):
    outer, rows, repeat, width = (int(v) for v in rng.integers(1, 5, 4))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2], out)

    def constants(peak):
        shape = (1, 1) if rng.random() < 0.3 else (rows, width)
        return rng.integers(-peak, peak, shape, endpoint=True).astype(np.int32)

    op = Affine(
        name=f"affine{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        mul=constants(mul),
        add=constants(2**31 - 1),
        negative=constants(mul) if rng.random() < 0.4 else None,
        shift=shift,
        outer=outer,
        rows=rows,
        repeat=repeat,
        width=width,
    )
    shape = (outer, rows, repeat, width)
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


def _lines(op, arrays, tensors):
    """gain * x + offset of every element in front of the shift, as Python integers."""
    (x,), (source,), totals = arrays, tensors, []
    for e, v in enumerate(x.reshape(-1)):
        at = (e // (op.repeat * op.width) % op.rows, e % op.width)
        value = int(v) - source.zero_point
        gains = op.negative if value < 0 and op.negative is not None else op.mul
        gain, offset = (int(array[at] if array.size > 1 else array[0, 0]) for array in (gains, op.add))
        totals.append(value * gain + offset)
    return totals


def affine_oracle(op, arrays, tensors, out):
    return [sat(rounded(v, op.shift) + out.zero_point, out.dtype) for v in _lines(op, arrays, tensors)]


def affine_real(op, arrays, tensors, out):
    return np.array([v / 2**op.shift + out.zero_point for v in _lines(op, arrays, tensors)])


def table_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    return [int(op.table[int(v) & 255]) for v in x.reshape(-1)]


def table_real(op, arrays, tensors, out):
    return np.array(table_oracle(op, arrays, tensors, out), np.float64)


def requantise_oracle(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    return [
        sat(rounded((int(v) - source.zero_point) * op.mul, op.shift) + out.zero_point, out.dtype) for v in x.reshape(-1)
    ]


def requantise_real(op, arrays, tensors, out):
    (x,), (source,) = arrays, tensors
    return (x.reshape(-1).astype(np.float64) - source.zero_point) * op.mul / 2.0**op.shift + out.zero_point


GENERATORS = {"affine": affine, "table": table, "requantise": requantise}
ORACLES = {"affine": affine_oracle, "table": table_oracle, "requantise": requantise_oracle}
REALS = {"affine": affine_real, "table": table_real, "requantise": requantise_real}
