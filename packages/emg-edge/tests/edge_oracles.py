"""Every integer kernel once more, in plain Python integers, element by element, from the docstring's formula alone."""

import math

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


def sat(value, dtype):
    low, high = LIMITS[dtype]
    return low if value < low else min(value, high)


def rounded(value, shift):
    return (value + (1 << (shift - 1))) >> shift  # Python's >> floors


def linear(op, x, tensor, out):
    n, k = op.weight.shape
    flat, y = [int(v) for v in x.reshape(-1)], []
    for start in range(0, len(flat), k):
        for c in range(n):
            acc = sum(flat[start + j] * int(op.weight[c, j]) for j in range(k)) + int(op.bias[c])
            assert -(2**31) <= acc < 2**31
            v = sat(rounded(acc * int(op.mul[c]), op.shift) + op.pre_zero, out.dtype)
            y.append(v if op.table is None else int(op.table[v & 255]))
    return y


def add(op, a, b, ta, tb, out):
    y = []
    for p, q in zip(a.reshape(-1), b.reshape(-1), strict=True):
        total = (int(p) - ta.zero_point) * op.mul_a + (int(q) - tb.zero_point) * op.mul_b
        y.append(sat(rounded(total, op.shift) + out.zero_point, out.dtype))
    return y


def add_constant(op, x, tensor, out):
    width, y = op.value.shape[1], []
    for e, v in enumerate(x.reshape(-1)):
        row, column = e // (op.repeat * width), e % width
        total = (int(v) - tensor.zero_point) * op.mul + int(op.value[row, column])
        y.append(sat(rounded(total, op.shift) + out.zero_point, out.dtype))
    return y


def requantise(op, x, tensor, out):
    return [
        sat(rounded((int(v) - tensor.zero_point) * op.mul, op.shift) + out.zero_point, out.dtype) for v in x.reshape(-1)
    ]


def table(op, x, tensor, out):
    return [int(op.table[int(v) & 255]) for v in x.reshape(-1)]


def mean(op, x, tensor, out):
    flat, y = [int(v) for v in x.reshape(-1)], []
    for o in range(op.outer):
        for i in range(op.inner):
            total = sum(flat[(o * op.axis + a) * op.inner + i] - tensor.zero_point for a in range(op.axis))
            y.append(sat(rounded(total * op.mul, op.shift) + out.zero_point, out.dtype))
    return y


def transpose(op, x, tensor, out):
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


def layernorm(op, x, tensor, out):
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


def attention(op, arrays, out):
    n, d, y = out.size // (op.heads * op.width), op.width, {}
    parts = []
    for part, x in enumerate(arrays):
        base, head, row = op.layout[3 * part : 3 * part + 3]
        flat = [int(v) for v in x.reshape(-1)]
        parts.append(
            [[[flat[base + h * head + r * row + i] for i in range(d)] for r in range(n)] for h in range(op.heads)]
        )
    q, k, v = parts
    if op.cos is not None:
        q, k = [[[_rotate(op, row, r) for r, row in enumerate(rows)] for rows in part] for part in (q, k)]
    for h in range(op.heads):
        for r in range(n):
            s = [sum(a * b for a, b in zip(q[h][r], key, strict=True)) for key in k[h]]
            idx = [min(rounded((max(s) - v) * int(op.index_mul[h]), op.index_shift), 255) for v in s]
            e = [int(op.table[i]) for i in idx]
            den = sum(e)
            assert den >= 255
            reciprocal = (2**30 + den // 2) // den
            for i in range(d):
                ctx = sum(e[j] * v[h][j][i] for j in range(n))
                assert abs(ctx) < 2**31
                fraction = rounded(ctx * reciprocal, 22)
                y[r, h, i] = sat(rounded(fraction * int(op.out_mul[h]), op.out_shift) + out.zero_point, "int8")
    return [y[key] for key in sorted(y)]


def _rotate(op, row, r):
    turned, at = [], r % len(op.cos)
    for j in range(len(row) // 2):
        a, b, c, s = row[2 * j], row[2 * j + 1], int(op.cos[at, j]), int(op.sin[at, j])
        turned += [sat(rounded(a * c - b * s, 15), "int8"), sat(rounded(a * s + b * c, 15), "int8")]
    return turned
