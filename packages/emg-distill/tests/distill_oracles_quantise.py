"""The integer scheme once more, slow and obvious: Python's own integers, one number at a time."""

import math

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


def half_even(value):
    return round(value)


def saturate(value, dtype):
    low, high = LIMITS[dtype]
    return min(max(value, low), high)


def shifted(value, shift):
    return (value + 2 ** (shift - 1)) // 2**shift


def multiplier(factors):
    """Multipliers and the one shift with which the largest lies in [2**29, 2**30)."""
    mantissa, exponent = math.frexp(max(factors))
    shift = min(max(30 - (exponent - (mantissa == 0.5)), 1), 62)
    if max(half_even(f * 2.0**shift) for f in factors) >= 2**30:
        shift -= 1
    return [half_even(f * 2.0**shift) for f in factors], shift


def weights(rows, biases, x_scale, scales):
    """int8 rows and int32 biases; scales are float32 numbers."""
    codes = [[min(max(half_even(w / s), -127), 127) for w in row] for row, s in zip(rows, scales, strict=True)]
    return codes, [half_even(b / (x_scale * s)) for b, s in zip(biases, scales, strict=True)]


def products(x, rows, biases, factors):
    """One row of centred codes through a layer, centred, before saturation."""
    mul, shift = multiplier(factors)
    totals = [sum(a * b for a, b in zip(x, row, strict=True)) + bias for row, bias in zip(rows, biases, strict=True)]
    return [shifted(total * m, shift) for total, m in zip(totals, mul, strict=True)]


def patches(image, kernel, stride, padding, dilation):
    """Rows (channel-major) that a 2-D convolution reads, and the places' shape; outside the image there is 0."""
    channels, height, width = len(image), len(image[0]), len(image[0][0])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    down = (height + 2 * padding[0] - reach[0]) // stride[0] + 1
    across = (width + 2 * padding[1] - reach[1]) // stride[1] + 1

    def at(c, i, j):
        return image[c][i][j] if 0 <= i < height and 0 <= j < width else 0

    rows = [
        [
            [
                at(c, r * stride[0] - padding[0] + i * dilation[0], s * stride[1] - padding[1] + j * dilation[1])
                for i in range(kernel[0])
                for j in range(kernel[1])
            ]
            for c in range(channels)
        ]
        for r in range(down)
        for s in range(across)
    ]
    return rows, (down, across)


def layer_norm(row, gamma, beta, eps, scale, out_scale):
    width = len(row)
    centred = [width * v - sum(row) for v in row]
    std = max(math.isqrt(sum(d * d for d in centred) // width + half_even(eps * width**2 / scale**2)), 1)
    bits = std.bit_length()
    mantissa = std << (16 - bits) if bits < 16 else std >> (bits - 16)
    inverse = 2**31 // mantissa
    normal = [shifted(d * inverse, bits + 3) for d in centred]
    gain, offset = [g / out_scale for g in gamma], [b / out_scale for b in beta]
    largest = [max(1e-30, *(abs(v) for v in part)) for part in (gain, offset)]
    shift = math.floor(min(30.0, 42.0 - math.log2(largest[0]), 30.0 - math.log2(largest[1])))
    return [
        shifted(t * half_even(g * 2.0 ** (shift - 12)) + half_even(b * 2.0**shift), shift)
        for t, g, b in zip(normal, gain, offset, strict=True)
    ]


def turned(row, cos, sin):
    """int8 pairs (2i, 2i+1) by Q15 tables."""
    out = []
    for i, pair in enumerate(zip(cos, sin, strict=True)):
        c, s = (min(max(half_even(v * 32768.0), -32768), 32767) for v in pair)
        a, b = row[2 * i], row[2 * i + 1]
        out += [saturate(shifted(a * c - b * s, 15), "int8"), saturate(shifted(a * s + b * c, 15), "int8")]
    return out


def attention(q, k, v, index_factors, out_factors, head):
    """One head: rows of q, k and v; the factors are those of all heads, for the common shifts."""
    step = math.log(510.0) / 255.0
    table = [half_even(255.0 * math.exp(-step * i)) for i in range(255)] + [0]
    index_mul, index_shift = multiplier(index_factors)
    out_mul, out_shift = multiplier(out_factors)
    rows = []
    for query in q:
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in k]
        e = [table[min(shifted((max(scores) - s) * index_mul[head], index_shift), 255)] for s in scores]
        total = sum(e)
        inverse = (2**30 + total // 2) // total
        context = [sum(weight * row[i] for weight, row in zip(e, v, strict=True)) for i in range(len(v[0]))]
        rows.append([shifted(shifted(c * inverse, 22) * out_mul[head], out_shift) for c in context])
    return rows
