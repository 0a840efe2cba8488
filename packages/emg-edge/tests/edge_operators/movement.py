"""Copies and concatenation."""

from __future__ import annotations

import itertools
import math

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import Concat, Gather, Move
from emg_edge.program._tensor import DTYPES


def _some_dtype(rng):
    return str(rng.choice(["int8", "int16", "int32"]))


def _box(rng, extent):
    """Random strides over a row-major array that is at least as large in every axis; any sign, or 0."""
    room = [e * int(rng.integers(1, 3)) for e in extent]
    stride, base = [], 0
    for axis in rng.permutation(len(extent)):
        inner = math.prod(room[axis + 1 :])
        kind = rng.random()
        step = 0 if kind < 0.1 else inner * int(rng.integers(1, room[axis] // extent[axis] + 1))
        if kind > 0.75:
            base += step * (extent[axis] - 1)
            step = -step
        stride.append((axis, step))
    return math.prod(room), tuple(step for _, step in sorted(stride)), base


def move(rng, i):
    extent = tuple(int(v) for v in rng.integers(1, 5, int(rng.integers(1, 7))))
    size, stride, base = _box(rng, extent)
    perm = rng.permutation(len(extent))
    dtype, fields, target = _some_dtype(rng), {}, math.prod(extent)
    if rng.random() < 0.5:  # the input's axes permuted
        extent, stride = tuple(extent[p] for p in perm), tuple(stride[p] for p in perm)
    if rng.random() < 0.5:  # into a larger output
        room = [e + int(rng.integers(0, 3)) for e in extent]
        packed = [math.prod(room[axis + 1 :]) for axis in range(len(room))]
        first = sum(int(rng.integers(0, r - e + 1)) * p for r, e, p in zip(room, extent, packed, strict=True))
        fields, target = {"out_stride": tuple(packed), "out_base": first}, math.prod(room)
    op = Move(name=f"move{i}", inputs=(f"x{i}",), output=f"y{i}", extent=extent, stride=stride, base=base, **fields)
    x = tensor(rng, f"x{i}", (size,), dtype)
    return op, [x], tensor(rng, f"y{i}", (target,), dtype)


def gather(rng, i):
    rows, inner, outer, source = (int(v) for v in rng.integers(1, 7, 4))
    index = rng.integers(-1, source, rows)
    step = int(rng.integers(0, 2 * inner * source))
    wide = {"index32" if rng.random() < 0.5 else "index16": index.astype(np.int32)}
    wide = {key: value.astype(key.replace("index", "int")) for key, value in wide.items()}
    op = Gather(name=f"gather{i}", inputs=(f"x{i}",), output=f"y{i}", inner=inner, outer=outer, step=step, **wide)
    dtype = _some_dtype(rng)
    size = (outer - 1) * step + inner * source
    return op, [tensor(rng, f"x{i}", (size,), dtype)], tensor(rng, f"y{i}", (outer, rows, inner), dtype)


def concat(rng, i):
    outer, inner, parts = (int(v) for v in rng.integers(1, 5, 3))
    out = tensor(rng, f"y{i}", (1,), small(rng))
    feeds, extent, source, mul, shift, fixed = [], [], [], [], [], []
    for part in range(parts):
        extent.append(int(rng.integers(1, 5)))
        shape = (outer, extent[-1], inner)
        if part and rng.random() < 0.2:
            source.append(-1)
            fixed.append(rng.integers(*DTYPES[out.dtype][1:], outer * extent[-1] * inner, endpoint=True))
            pair = (0, 0)
        else:
            source.append(len(feeds))
            if rng.random() < 0.3:
                dtype, pair, zero = out.dtype, (0, 0), out.zero_point
            else:
                dtype = small(rng)
                pair, zero = scale_to(rng, DTYPES[dtype][2], out.dtype), None
            x = tensor(rng, f"x{i}_{part}", shape, dtype)
            feeds.append(x if zero is None else type(x)(**{**vars(x), "zero_point": zero}))
        mul.append(pair[0])
        shift.append(pair[1])
    out = type(out)(**{**vars(out), "shape": (outer, sum(extent), inner)})
    op = Concat(
        name=f"concat{i}",
        inputs=tuple(x.name for x in feeds),
        output=f"y{i}",
        outer=outer,
        inner=inner,
        extent=tuple(extent),
        source=tuple(source),
        mul=tuple(mul),
        shift=tuple(shift),
        constant=np.concatenate(fixed).astype(np.int16) if fixed else None,
    )
    return op, feeds, out


def _places(extent):
    return itertools.product(*(range(count) for count in extent))


def move_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    flat, y = x.reshape(-1), [out.zero_point] * out.size
    packed = tuple(math.prod(op.extent[axis + 1 :]) for axis in range(len(op.extent)))
    for place in _places(op.extent):
        to = op.out_base + sum(p * s for p, s in zip(place, op.out_stride or packed, strict=True))
        y[to] = int(flat[op.base + sum(p * s for p, s in zip(place, op.stride, strict=True))])
    return y


def gather_oracle(op, arrays, tensors, out):
    (x,), (_source,) = arrays, tensors
    flat, y = x.reshape(-1), []
    index = op.index32 if op.index16 is None else op.index16
    for o, row, i in itertools.product(range(op.outer), index, range(op.inner)):
        y.append(out.zero_point if row < 0 else int(flat[o * op.step + int(row) * op.inner + i]))
    return y


def _joined(op, arrays, out, change):
    """Walk the parts row by row; `change(value, part)` turns an element of an input into one of the output."""
    y = []
    for o in range(op.outer):
        stored = 0
        for part, (extent, source) in enumerate(zip(op.extent, op.source, strict=True)):
            count = extent * op.inner
            if source < 0:
                y += [int(v) for v in op.constant[stored + o * count : stored + (o + 1) * count]]
                stored += op.outer * count
            else:
                y += [change(int(v), part) for v in arrays[source].reshape(-1)[o * count : (o + 1) * count]]
    return y


def concat_oracle(op, arrays, tensors, out):
    def change(value, part):
        if op.shift[part] == 0:
            return value
        centred = value - tensors[op.source[part]].zero_point
        return sat(rounded(centred * op.mul[part], op.shift[part]) + out.zero_point, out.dtype)

    return _joined(op, arrays, out, change)


def concat_real(op, arrays, tensors, out):
    def change(value, part):
        if op.shift[part] == 0:
            return value
        centred = value - tensors[op.source[part]].zero_point
        return centred * op.mul[part] / 2.0 ** op.shift[part] + out.zero_point

    return np.array(_joined(op, arrays, out, change), np.float64)


def _as_floats(oracle):
    return lambda op, arrays, tensors, out: np.array(oracle(op, arrays, tensors, out), np.float64)


GENERATORS = {"concat": concat, "gather": gather, "move": move}
ORACLES = {"concat": concat_oracle, "gather": gather_oracle, "move": move_oracle}
REALS = {"concat": concat_real, "gather": _as_floats(gather_oracle), "move": _as_floats(move_oracle)}
