"""The integer operators in tensors against the same in Python's own integers."""

import importlib.util
import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from emg_distill._quantise import kernels
from emg_distill._quantise.integers import isqrt, multiplier, rounding_shift

FACTORS = st.floats(1e-7, 50.0)
SCALES = st.floats(1e-4, 0.5).map(lambda v: float(torch.tensor(v, dtype=torch.float32)))


@pytest.fixture(scope="session")
def oracle():
    path = Path(__file__).with_name("distill_oracles_quantise.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wide(values):
    return torch.tensor(values, dtype=torch.float64)


@given(st.lists(FACTORS, min_size=1, max_size=4))
@example([0.5])
@example([math.nextafter(0.25, 1)])
@example([math.nextafter(4.0, 0)])
@example([2.0**-33])
def test_multiplier(oracle, factors):
    mul, shift = multiplier(wide(factors))
    assert (mul.tolist(), shift.item()) == oracle.multiplier(factors)
    assert mul.max() < 2**30


@given(st.integers(-(2**61), 2**61), st.integers(1, 61))
@example(-1, 1)
@example(-3, 1)
@example(3, 1)
def test_rounding_shift_sends_ties_upwards(oracle, value, shift):
    found = rounding_shift(torch.tensor(value), torch.tensor(shift))
    assert found.item() == oracle.shifted(value, shift) == math.floor(Fraction(value, 2**shift) + Fraction(1, 2))


@given(st.integers(0, 2**31 - 1), st.sampled_from([-1, 0, 1]))
def test_isqrt(root, offset):
    value = max(root * root + offset, 0)
    assert isqrt(torch.tensor([value])).item() == math.isqrt(value)


@given(st.lists(st.integers(-128, 127), min_size=6, max_size=6), SCALES, SCALES)
def test_change_of_scale_and_mean(oracle, codes, scale, out):
    x = torch.tensor(codes)
    (mul,), shift = oracle.multiplier([scale / out])
    assert kernels.requantise(x, wide(scale), wide(out)).tolist() == [oracle.shifted(v * mul, shift) for v in codes]
    (mul,), shift = oracle.multiplier([scale / (out * 3)])
    found = kernels.mean(x.view(2, 3), (1,), wide(scale), wide(out))
    assert found.tolist() == [oracle.shifted(sum(codes[i : i + 3]) * mul, shift) for i in (0, 3)]


@given(st.lists(st.integers(-32768, 32767), min_size=4, max_size=4), SCALES, SCALES, SCALES)
def test_sum_is_rounded_once(oracle, codes, a, b, out):
    (mul_a, mul_b), shift = oracle.multiplier([a / out, b / out])
    x, y = torch.tensor(codes[:2]), torch.tensor(codes[2:])
    found = kernels.add(x, y, (wide(a), wide(b)), wide(out))
    want = [oracle.shifted(p * mul_a + q * mul_b, shift) for p, q in zip(codes[:2], codes[2:], strict=True)]
    assert found.tolist() == want


@given(st.lists(st.integers(-32768, 32767), min_size=3, max_size=3), st.lists(st.floats(-9, 9), min_size=3, max_size=3))
def test_sum_with_a_constant(oracle, codes, constant):
    scale, out = 2.0**-9, 0.0031
    values = torch.tensor(constant)
    steps = [float(v) / out for v in values]
    _, widest = oracle.multiplier([scale / out])
    shift = max(1, min(widest, math.floor(30 - math.log2(max(1e-9, *map(abs, steps))))))
    mul = round(scale / out * 2.0**shift)
    want = [oracle.shifted(c * mul + round(s * 2.0**shift), shift) for c, s in zip(codes, steps, strict=True)]
    assert kernels.add_constant(torch.tensor(codes), values, wide(scale), wide(out)).tolist() == want


@given(st.integers(0, 10**6), st.sampled_from([(1, 8), (12, 8), (32767, 6), (127, 64)]), SCALES)
def test_layer_norm(oracle, seed, kind, out):
    spread, width = kind
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(-spread, spread + 1, (3, width), generator=generator)
    gamma, beta = torch.randn(2, width, generator=generator)
    eps, scale = float(torch.tensor(1e-5)), 0.01
    found = kernels.layer_norm(codes, gamma, beta, 1e-5, wide(scale), wide(out))
    for row, want in zip(codes.tolist(), found.tolist(), strict=True):
        assert oracle.layer_norm(row, gamma.tolist(), beta.tolist(), eps, scale, out) == want


def test_layer_norm_of_equal_values_is_beta():
    gamma, beta = torch.ones(4), torch.tensor([0.0, 1.0, -1.0, 0.5])
    found = kernels.layer_norm(torch.full((1, 4), 77), gamma, beta, 1e-5, wide(0.1), wide(0.25))
    assert found.tolist() == [[0, 4, -4, 2]]


@given(st.integers(0, 10**6))
def test_attention_with_rotation(oracle, seed):
    generator = torch.Generator().manual_seed(seed)
    heads, rows, width = 2, 3, 4
    q, k, v = torch.randint(-128, 128, (3, 1, heads, rows, width), generator=generator)
    scales = torch.rand(3, heads, generator=generator).double() * 0.05 + 1e-3
    angle = torch.rand(rows, width // 2, generator=generator) * 6
    cos, sin = angle.cos(), angle.sin()
    out = 0.013
    found = kernels.attention(kernels.turn(q, cos, sin), kernels.turn(k, cos, sin), v, scales, wide(out))
    step = math.log(510.0) / 255.0
    index = [float(a * b * (1 / math.sqrt(width)) / step) for a, b in zip(scales[0], scales[1], strict=True)]
    behind = [float(c / out / 2.0**8) for c in scales[2]]
    for head in range(heads):
        turned = [
            [
                oracle.turned(row, c, s)
                for row, c, s in zip(x[0, head].tolist(), cos.tolist(), sin.tolist(), strict=True)
            ]
            for x in (q, k)
        ]
        want = oracle.attention(*turned, v[0, head].tolist(), index, behind, head)
        assert found[0, head].tolist() == want


def test_a_small_row_with_a_large_bias_gets_a_coarse_step():
    weight, bias = torch.tensor([[1.27, -0.5], [1e-9, 0.0], [0.0, 0.0]]), torch.tensor([0.0, 100.0, 0.0])
    scales = kernels.weight_scales(weight, bias, wide(0.01))
    assert scales.tolist() == pytest.approx([0.01, 100.0 / (0.01 * 2**29), 1e-30])
    assert scales.float().double().equal(scales)
    assert kernels.weight_codes(weight, scales).tolist() == [[127, -50], [0, 0], [0, 0]]
    assert kernels.bias_codes(bias, wide(0.01), scales).abs().max() <= 2**29
