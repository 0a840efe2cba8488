"""Arithmetic of two values."""

from __future__ import annotations

import itertools

import numpy as np

from edge_operators.common import rounded, sat, scale_to, small, tensor
from emg_edge.kernels import Add, Div, Maximum, Minimum, Mul
from emg_edge.program._tensor import DTYPES


def _operands(rng, i):
    """Two tensors, the result, and the broadcasting between them."""
    a, b, out = small(rng), small(rng), small(rng)
    if rng.random() < 0.4:
        shape = tuple(int(v) for v in rng.integers(1, 9, 2))
        feeds = [tensor(rng, f"a{i}", shape, a), tensor(rng, f"b{i}", shape, b)]
        return feeds, tensor(rng, f"y{i}", shape, out), {}
    extent = tuple(int(v) for v in rng.integers(1, 5, int(rng.integers(1, 7))))
    strides, feeds = [], []
    for name, dtype in (("a", a), ("b", b)):
        kept = [bool(v) for v in rng.random(len(extent)) < 0.6]
        stride, size = [], 1
        for count, own in reversed(list(zip(extent, kept, strict=True))):
            stride.append(size if own else 0)
            size *= count if own else 1
        strides.append(tuple(reversed(stride)))
        feeds.append(tensor(rng, f"{name}{i}", (size,), dtype))
    box = {"extent": extent, "stride_a": strides[0], "stride_b": strides[1]}
    return feeds, tensor(rng, f"y{i}", extent, out), box


def _scaled(kind, *, signed):
    def generate(rng, i):
        feeds, out, box = _operands(rng, i)
        mul_a, shift = scale_to(rng, DTYPES[feeds[0].dtype][2], out.dtype)
        mul_b = int(rng.choice([0, mul_a, 2**31 - 1, mul_a // 1000]))
        signs = rng.choice([-1, 1], 2) if signed else (1, 1)
        names = {"name": f"{kind.kind}{i}", "inputs": (f"a{i}", f"b{i}"), "output": f"y{i}"}
        return kind(**names, mul_a=int(signs[0]) * mul_a, mul_b=int(signs[1]) * mul_b, shift=shift, **box), feeds, out

    return generate


def _factored(kind):
    def generate(rng, i):
        feeds, out, box = _operands(rng, i)
        peaks = [DTYPES[t.dtype][2] for t in feeds]
        mul, shift = scale_to(rng, peaks[0] * peaks[1] if kind is Mul else peaks[0], out.dtype)
        mul = min(mul, 2**30 - 1)
        names = {"name": f"{kind.kind}{i}", "inputs": (f"a{i}", f"b{i}"), "output": f"y{i}"}
        return kind(**names, mul=mul, shift=shift, **box), feeds, out

    return generate


def _pairs(op, arrays, tensors, out):
    """Both centred operands of every element, as Python integers."""
    a, b = ([int(v) - t.zero_point for v in x.reshape(-1)] for x, t in zip(arrays, tensors, strict=True))
    if not op.extent:
        return list(zip(a, b, strict=True))
    places = itertools.product(*(range(count) for count in op.extent))
    at = [
        [sum(p * s for p, s in zip(place, stride, strict=True)) for stride in (op.stride_a, op.stride_b)]
        for place in places
    ]
    return [(a[ia], b[ib]) for ia, ib in at]


def _rounded(value):
    """An oracle from the integer that is shifted."""

    def oracle(op, arrays, tensors, out):
        pairs = _pairs(op, arrays, tensors, out)
        return [sat(rounded(value(op, a, b), op.shift) + out.zero_point, out.dtype) for a, b in pairs]

    return oracle


def _real(value):
    def real(op, arrays, tensors, out):
        pairs = _pairs(op, arrays, tensors, out)
        return np.array([value(op, a, b) / 2**op.shift + out.zero_point for a, b in pairs])

    return real


def div_oracle(op, arrays, tensors, out):
    y = []
    for n, d in _pairs(op, arrays, tensors, out):
        if d == 0:
            y.append(sat(2**40 if n > 0 else -(2**40), out.dtype) if n else out.zero_point)
            continue
        q = (abs(n) * op.mul + abs(d) // 2) // abs(d)
        y.append(sat(rounded(q if (n < 0) == (d < 0) else -q, op.shift) + out.zero_point, out.dtype))
    return y


def div_real(op, arrays, tensors, out):
    pairs = _pairs(op, arrays, tensors, out)
    return np.array([(n * op.mul / d / 2**op.shift if d else np.sign(n) * 1e9) + out.zero_point for n, d in pairs])


_VALUES = {
    "add": lambda op, a, b: a * op.mul_a + b * op.mul_b,
    "maximum": lambda op, a, b: max(a * op.mul_a, b * op.mul_b),
    "minimum": lambda op, a, b: min(a * op.mul_a, b * op.mul_b),
    "mul": lambda op, a, b: a * b * op.mul,
}
GENERATORS = {
    "add": _scaled(Add, signed=True),
    "div": _factored(Div),
    "maximum": _scaled(Maximum, signed=False),
    "minimum": _scaled(Minimum, signed=False),
    "mul": _factored(Mul),
}
ORACLES = {**{kind: _rounded(value) for kind, value in _VALUES.items()}, "div": div_oracle}
REALS = {**{kind: _real(value) for kind, value in _VALUES.items()}, "div": div_real}
