"""What the families share: random tensors and multipliers, saturation, rounding."""

from __future__ import annotations

from emg_edge.kernels import multiplier
from emg_edge.program._tensor import DTYPES, Tensor


def tensor(rng, name, shape, dtype="int8", *, symmetric=False):
    low, high = (-128, 127) if dtype == "int8" else (-1000, 1000)
    zero = 0 if symmetric or dtype == "int32" else int(rng.integers(low, high + 1))
    return Tensor(name=name, shape=tuple(shape), dtype=dtype, scale=0.05, zero_point=zero)


def small(rng):
    return str(rng.choice(["int8", "int16"]))


def scale_to(rng, peak, dtype):
    """A multiplier and shift that bring values of size `peak` near the dtype's range, or to an extreme."""
    if rng.random() < 0.15:
        return int(rng.choice([0, 1, 2**31 - 1])), int(rng.choice([1, 31, 62]))
    mul, shift = multiplier(DTYPES[dtype][2] * rng.uniform(0.2, 3.0) / peak, int(rng.integers(16, 32)))
    return int(mul[0]), shift


def sat(value, dtype):
    low, high = DTYPES[dtype][1:]
    return low if value < low else min(value, high)


def rounded(value, shift):
    return (value + (1 << (shift - 1))) >> shift  # Python's >> floors
