"""Each kernel reference against plain Python integers on random shapes and extremes, and against the float meaning."""

from dataclasses import replace

import numpy as np
import pytest
from edge_operators import ORACLES
from edge_programs import linear_op
from hypothesis import given
from hypothesis import strategies as st

from emg_edge._errors import EmgEdgeError
from emg_edge.kernels import (
    FRACTION,
    OPERATORS,
    STEP,
    Attention,
    LayerNorm,
    Linear,
    Mean,
    Requantise,
    Table,
    exp_table,
    isqrt,
    multiplier,
    rounding_shift,
)
from emg_edge.kernels._weights import pack_nibbles
from emg_edge.program._tensor import DTYPES, Tensor

SEEDS = st.integers(0, 2**32 - 1)


def tensor(name, shape, dtype="int8", zero=0, scale=0.05):
    return Tensor(name=name, shape=tuple(shape), dtype=dtype, scale=scale, zero_point=zero)


def fill(rng, t, batch=2):
    """Random values, sometimes only the extremes of the dtype."""
    _, low, high = DTYPES[t.dtype]
    choices = [low, high, 0, -1, 1] if rng.random() < 0.3 else None
    shape = (batch, *t.shape)
    x = rng.integers(low, high + 1, shape) if choices is None else rng.choice(choices, shape)
    return x.astype(t.dtype)


def zero(rng):
    return int(rng.integers(-128, 128))


def some_shift(rng):
    return int(rng.choice([1, 2, 7, 16, 31, 40, 62]))


def some_mul(rng, size=None):
    big = rng.integers(0, 2**31, size)
    return big >> rng.integers(0, 31, size)


def run(op, xs, tensors, out):
    op.check(tensors, out)
    y = op.reference(xs, tensors, out)
    assert y.dtype == np.dtype(out.dtype)
    assert y.size == len(xs[0]) * out.size
    return y.reshape(len(y), -1)


def test_layernorm_at_the_widest_row_and_without_variance():
    x, out = tensor("x", (1, 1024), "int16"), tensor("y", (1, 1024), "int16")
    op = LayerNorm(
        name="n", inputs=("x",), output="y", gamma=np.full(1024, 2**20, np.int32), beta=np.zeros(1024, np.int32),
        shift=20, eps=0,
    )  # fmt: skip
    extremes = np.where(np.arange(1024) % 2, 32767, -32768).astype(np.int16)
    lonely = np.where(np.arange(1024) == 7, 32767, -32768).astype(np.int16)
    for row in (extremes, lonely, np.full(1024, 32767, np.int16)):
        assert ORACLES["layernorm"](op, [row], [x], out) == run(op, [row[None, None]], [x], out)[0].tolist()
    assert not run(op, [np.full((1, 1, 1024), 32767, np.int16)], [x], out).any()


def test_attention_means_softmax():
    rng = np.random.default_rng(5)
    heads, n, d, scale = 2, 50, 16, 1 / 127
    q, k, v = (rng.normal(0, s, (n, heads, d)) for s in (1.0, 1.0, 0.5))
    parts = [
        tensor(name, (n, heads, d), scale=float(np.abs(p).max() * scale))
        for name, p in zip("qkv", (q, k, v), strict=True)
    ]
    stored = [t.quantise(p)[None] for t, p in zip(parts, (q, k, v), strict=True)]
    w = np.exp(np.einsum("rhi,shi->hrs", q, k) / 4)
    want = np.einsum("hrs,shi->rhi", w / w.sum(-1, keepdims=True), v).reshape(n, heads * d)
    out = tensor("y", (n, heads * d), scale=float(np.abs(want).max() * scale))
    index, index_shift = multiplier(np.full(heads, parts[0].scale * parts[1].scale / 4 / STEP))
    mul, shift = multiplier(np.full(heads, parts[2].scale / out.scale / 256))
    op = Attention(
        name="a", inputs=("q", "k", "v"), output="y", heads=heads, width=d, layout=(0, d, heads * d) * 3,
        index_mul=index, index_shift=index_shift, out_mul=mul, out_shift=shift, table=exp_table(),
    )  # fmt: skip
    got = out.dequantise(run(op, stored, parts, out)).reshape(want.shape)
    assert 10 * np.log10((want**2).sum() / ((got - want) ** 2).sum()) > 30


def test_layernorm_means_layernorm():
    rng = np.random.default_rng(6)
    x = rng.normal(3, 2, (20, 192))
    gamma, beta = rng.normal(1, 0.2, 192), rng.normal(0, 0.3, 192)
    wanted = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * gamma + beta
    t, out = tensor("x", x.shape, "int16", scale=20 / 32767), tensor("y", x.shape, "int16", scale=8 / 32767)
    shift = 14
    op = LayerNorm(
        name="n", inputs=("x",), output="y", shift=shift, eps=round(1e-5 * 192**2 / t.scale**2),
        gamma=np.rint(gamma / out.scale * 2.0 ** (shift - FRACTION)).astype(np.int32),
        beta=np.rint(beta / out.scale * 2.0**shift).astype(np.int32),
    )  # fmt: skip
    got = out.dequantise(run(op, [t.quantise(x)[None]], [t], out)).reshape(wanted.shape)
    assert np.abs(got - wanted).max() < 2e-3


@given(st.integers(0, 2**62 - 1))
def test_isqrt_is_exact(value):
    root = int(isqrt(np.array([value]))[0])
    assert root * root <= value < (root + 1) ** 2


@pytest.mark.parametrize("root", [0, 1, 2, 46340, 46341, 2**26 + 1, 2**31 - 1])
def test_isqrt_around_squares(root):
    values = [v for v in (root * root - 1, root * root, root * root + 1) if 0 <= v < 2**62]
    assert isqrt(np.array(values)).tolist() == [
        int(np.sqrt(v)) if v < 2**50 else root - (v < root * root) for v in values
    ]


@given(st.lists(st.floats(1e-6, 30.0), min_size=1, max_size=5), st.integers(8, 31))
def test_multiplier_reproduces_its_factors(factors, bits):
    mul, shift = multiplier(factors, bits)
    assert 1 <= shift <= 62
    largest = max(factors)
    assert np.abs(mul * 2.0**-shift - factors).max() <= largest * 2.0 ** -(min(bits, 31) - 2)


@pytest.mark.parametrize("bad", [[0.0], [-1.0, 2.0], [np.nan], [np.inf]])
def test_multiplier_refuses(bad):
    with pytest.raises(EmgEdgeError, match="must be finite, >= 0 and not all 0"):
        multiplier(bad)


def test_multiplier_refuses_what_needs_a_left_shift():
    with pytest.raises(EmgEdgeError, match="cannot be written"):
        multiplier(2.0**31)


def test_rounding_shift_sends_ties_up():
    assert rounding_shift(np.array([-3, -1, 1, 3, 5], np.int64), 1).tolist() == [-1, 0, 1, 2, 3]


def test_exp_table_starts_at_255_and_ends_at_0():
    table = exp_table()
    assert (table[0], table[255]) == (255, 0)
    assert (np.diff(table.astype(int)) <= 0).all()


def test_registry_is_complete():
    import emg_edge.kernels as face
    from emg_edge.program._op import Op

    found = {v for v in vars(face).values() if isinstance(v, type) and issubclass(v, Op)}
    assert set(OPERATORS.values()) == found
    assert all(op.kind == kind for kind, op in OPERATORS.items())
    assert len(face.__all__) == len(set(face.__all__))
    assert all(hasattr(face, name) and getattr(face, name).__doc__ for name in face.__all__)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.full((2, 3), -128, np.int8)}, r"weights reach 128, must lie in \[-127, 127\]"),
        ({"weight": np.full((2, 3), -8, np.int8), "weight_bits": 4}, r"weights reach 8, must lie in \[-7, 7\]"),
        ({"weight_bits": 5}, "weight_bits 5 must be 8 or 4"),
        ({"shift": 0}, "mul must be >= 0 and shift 0"),
        ({"bias": np.zeros(3, np.int32)}, r"bias \(3,\) and mul \(2,\)"),
        ({"weight": np.ones((2, 2), np.int8)}, "does not split into rows of 2"),
        ({"bias": np.full(2, 2**31 - 1, np.int32)}, "accumulator may reach"),
        ({"table": np.zeros(3, np.int8)}, "a table needs int8 and 256 entries"),
        ({"pre_zero": 128}, r"pre_zero 128 must lie in -128\.\.127"),
        ({"weight": np.ones(3, np.int8)}, r"weight \(3,\), need \(outputs, depth\)"),
    ],
)
def test_linear_refuses(changes, message):
    with pytest.raises(EmgEdgeError, match=message):
        linear_op(**changes).check([tensor("x", (1, 3))], tensor("y", (1, 2)))


@pytest.mark.parametrize(
    ("op", "shape", "message"),
    [
        (Mean(name="m", inputs=("x",), output="y", outer=1, axis=3, inner=1, mul=1, shift=1), (4,), "is not .outer"),
        (Table(name="t", inputs=("x",), output="y", table=np.zeros(255, np.int8)), (4,), "256 entries"),
        (Requantise(name="r", inputs=("x",), output="y", mul=-1, shift=1), (4,), "out of range"),
        (
            LayerNorm(
                name="n",
                inputs=("x",),
                output="y",
                gamma=np.ones(4, np.int32),
                beta=np.ones(4, np.int32),
                shift=31,
                eps=0,
            ),
            (4,),
            "shift 31 out of range",
        ),
    ],
)
def test_others_refuse(op, shape, message):
    with pytest.raises(EmgEdgeError, match=message):
        op.check([tensor("x", shape)], tensor("y", shape))


def attention_op(**changes):
    fields = {
        "name": "a", "inputs": ("x", "x", "x"), "output": "y", "heads": 1, "width": 2,
        "layout": (0, 2, 6, 2, 2, 6, 4, 2, 6), "index_mul": np.ones(1, np.int32), "index_shift": 1,
        "out_mul": np.ones(1, np.int32), "out_shift": 1, "table": exp_table(),
    }  # fmt: skip
    return Attention(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": (0, 2, 6, 2, 2, -6, 4, 2, 6)}, "needs nine values >= 0"),
        ({"layout": (0, 2, 6)}, "needs nine values >= 0"),
        ({"layout": (0, 2, 9, 2, 2, 6, 4, 2, 6)}, "layout reads element 28"),
        ({"heads": 0}, "0 heads of 2; need at least one"),
        ({"width": 65537}, "1 heads of 65537"),  # a larger distance times index_mul leaves int64
        ({"table": np.zeros(256, np.uint8)}, "256 entries from 255 on"),
        ({"cos": np.zeros((1, 1), np.int16)}, "come together"),
        ({"out_shift": 63}, "shifts 1, 63 in 1..62"),
    ],
)
def test_attention_refuses(changes, message):
    x, y = tensor("x", (4, 6)), tensor("y", (4, 2))
    attention_op().check([x, x, x], y)
    with pytest.raises(EmgEdgeError, match=message):
        attention_op(**changes).check([x, x, x], y)


@pytest.mark.parametrize("columns", [1, 2, 7, 16])
def test_nibbles_hold_every_weight_and_come_back(columns):
    weight = np.random.default_rng(columns).integers(-8, 8, (5, columns)).astype(np.int8)
    weight[0, 0] = -8
    packed = pack_nibbles(weight)
    assert packed.shape == (5, (columns + 1) // 2)
    assert packed[0, 0] & 15 == 8  # the even column lies low
    halves = np.stack([packed << 4, packed & 0xF0], axis=-1).reshape(5, -1)[:, :columns]
    np.testing.assert_array_equal(np.ascontiguousarray(halves).view(np.int8) >> 4, weight)


def test_four_bit_weights_halve_the_table_and_keep_the_numbers():
    rng = np.random.default_rng(0)
    mul, shift = multiplier(np.full(6, 0.01))
    wide = Linear(
        name="l",
        inputs=("x",),
        output="y",
        weight=rng.integers(-7, 8, (6, 20)).astype(np.int8),
        bias=np.zeros(6, np.int32),
        mul=mul,
        shift=shift,
    )
    narrow = replace(wide, weight_bits=4)
    x = Tensor(name="x", shape=(3, 20), dtype="int8", scale=1.0)
    y = Tensor(name="y", shape=(3, 6), dtype="int8", scale=1.0)
    feed = [rng.integers(-128, 128, (2, 3, 20)).astype(np.int8)]
    np.testing.assert_array_equal(narrow.reference(feed, [x], y), wide.reference(feed, [x], y))
    tables = [member for member in narrow.members([x], y).values() if isinstance(member, np.ndarray)]
    assert sum(table.nbytes for table in tables) == 6 * 10 + 2 * 4 * 6
    assert (wide.scratch_bytes([x], y), narrow.scratch_bytes([x], y)) == (0, 16 * 20)
