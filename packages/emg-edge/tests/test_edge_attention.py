"""Attention: laws of masks on the kernel, the forms that exporters write against onnxruntime, what is refused."""

from __future__ import annotations

from dataclasses import replace

import edge_onnx_rows as rows
import numpy as np
import pytest
from edge_operators.attention import GENERATORS
from edge_programs import sweep
from onnx import TensorProto

from emg_edge import EmgEdgeError, Tensor, load_onnx
from emg_edge._errors import UnsupportedError
from emg_edge.graph._float import run_float
from emg_edge.kernels import Attention, exp_table, multiplier
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.quantiser._quantise import quantise

HEADS, N, WIDTH = 2, 11, 6


def kernel(m=N, **changes):
    """An attention over q (N, H d) and one tensor of k and v (M, 2 H d), and its tensors."""
    span = HEADS * WIDTH
    index_mul, index_shift = multiplier(np.full(HEADS, 0.01))
    out_mul, out_shift = multiplier(np.full(HEADS, 1 / 256))
    op = Attention(
        name="a", inputs=("q", "kv", "kv"), output="y", heads=HEADS, width=WIDTH, keys=m,
        layout=(0, WIDTH, span, 0, WIDTH, 2 * span, span, WIDTH, 2 * span), index_mul=index_mul,
        index_shift=index_shift, out_mul=out_mul, out_shift=out_shift, table=exp_table(),
    )  # fmt: skip
    op = replace(op, **changes)
    q = Tensor(name="q", shape=(N, span), dtype="int8", scale=1.0)
    kv = Tensor(name="kv", shape=(m, 2 * span), dtype="int8", scale=1.0)
    pad = Tensor(name="pad", shape=(m,), dtype="int8", scale=1.0)
    out = Tensor(name="y", shape=(N, span), dtype="int8", scale=1.0, zero_point=7)
    tensors = [q, kv, kv, *([pad] if len(op.inputs) == 4 else [])]
    op.check(tensors, out)
    return op, tensors, out


def draw(seed, m=N):
    rng = np.random.default_rng(seed)
    shapes = (1, N, HEADS * WIDTH), (1, m, 2 * HEADS * WIDTH)
    return [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]


def run(op, tensors, out, q, kv, *padding):
    return op.reference([q, kv, kv, *padding], tensors, out)


@pytest.mark.parametrize("seed", range(4))
def test_a_causal_row_never_sees_the_future(seed):
    found = kernel(reach=(-N, 0))
    q, kv = draw(seed)
    before = run(*found, q, kv)
    for row in range(N - 1):
        changed = kv.copy()
        changed[:, row + 1 :] = np.random.default_rng(row).integers(-128, 128, changed[:, row + 1 :].shape)
        np.testing.assert_array_equal(run(*found, q, changed)[:, : row + 1], before[:, : row + 1])
    assert (run(*found, q, changed) != before).any()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_keys_under_a_mask_does_not_count(seed):
    rng = np.random.default_rng(seed)
    q, kv = draw(seed)
    visible, order = rng.random((HEADS, N, N)) < 0.6, rng.permutation(N)
    masks = [np.packbits(v, axis=-1, bitorder="little") for v in (visible, visible[..., order])]
    before = run(*kernel(mask=masks[0]), q, kv)
    np.testing.assert_array_equal(run(*kernel(mask=masks[1]), q, kv[:, order]), before)


def test_reach_bits_and_padding_say_the_same():
    q, kv = draw(9)
    band = np.abs(np.arange(N) - np.arange(N)[:, None]) <= 2
    near = run(*kernel(reach=(-2, 2)), q, kv)
    bits = np.packbits(band[None], axis=-1, bitorder="little")
    np.testing.assert_array_equal(run(*kernel(mask=bits), q, kv), near)
    keep = np.arange(N)[None] < 5
    padded = kernel(inputs=("q", "kv", "kv", "pad"))
    first = np.packbits(np.broadcast_to(keep, (1, 1, N)), axis=-1, bitorder="little")
    np.testing.assert_array_equal(run(*padded, q, kv, keep.astype(np.int8)), run(*kernel(mask=first), q, kv))


def test_a_row_with_one_key_is_that_value_and_a_row_with_none_is_zero():
    q, kv = draw(3)
    op, tensors, out = kernel(reach=(0, 0))
    v = kv[0, :, HEADS * WIDTH :].astype(int)
    np.testing.assert_array_equal(op.reference([q, kv, kv], tensors, out)[0].reshape(N, -1), np.clip(v + 7, -128, 127))
    nothing = op_with_nothing()
    assert (nothing[0].reference([q, kv, kv], *nothing[1:]) == 7).all()


def op_with_nothing():
    return kernel(mask=np.zeros((1, 1, -(-N // 8)), np.uint8))


def test_a_constant_bias_of_a_row_changes_nothing():
    q, kv = draw(5)
    plain = run(*kernel(), q, kv)
    bias = np.repeat(np.arange(N, dtype=np.int32) * 1000, N)
    np.testing.assert_array_equal(run(*kernel(bias=bias, bias_layout=(0, 0, N, 1)), q, kv), plain)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": 3}, "2 heads cannot share keys in groups of 3"),
        ({"reach": (2, 1)}, r"reach \(2, 1\) must rise"),
        ({"mask": np.zeros((1, 3, 2), np.uint8)}, r"mask \(1, 3, 2\) must be \(1 or 2, 1 or 11, 2\)"),
        ({"bias": np.zeros(3, np.int32), "bias_layout": (0, 0, 1, 0)}, r"bias layout reads elements 0\.\.10 of 3"),
        ({"bias": np.full(3, 2**30, np.int32)}, r"reach \d+; need at most 2\*\*30"),
        ({"inputs": ("q", "kv")}, "reads 2 tensors; need q, k, v"),
    ],
)
def test_what_no_attention_can_be_is_refused(changes, message):
    op, tensors, out = kernel()
    broken = replace(op, **changes)
    with pytest.raises(EmgEdgeError, match=message):
        broken.check(tensors[: len(broken.inputs)], out)


def test_a_padding_needs_an_element_a_key():
    op, tensors, out = kernel(inputs=("q", "kv", "kv", "pad"))
    with pytest.raises(EmgEdgeError, match="padding of 3 elements for 11 keys"):
        op.check([*tensors[:3], replace(tensors[3], shape=(3,))], out)


def test_absent_paddings_cost_nothing():
    program = sweep("attention", 1, 6)
    assert {len(op.inputs) for op in program.ops} <= {3, 4}
    assert all(op.slots == 4 for op in program.ops)
    assert sorted(GENERATORS) == ["attention"]


# ------------------------------------------------------------------------------------------------ exporters' forms

D = 16
ANGLE = np.arange(20)[:, None] * 10000.0 ** (-np.arange(4) / 4)
J = np.arange(9)


def weights(*names):
    rng = np.random.default_rng(len(names))
    return {name: rng.normal(0, 0.3, (D, D)).astype(np.float32) for name in names}


QKV = [("MatMul", ["x", f"w{p}"], p) for p in "qkv"]
TABLES = {"c": np.cos(ANGLE).astype(np.float32), "s": np.sin(ANGLE).astype(np.float32), "pos": J[None]}
HEADED = {"q_num_heads": 2, "kv_num_heads": 2}


def rotated(**attrs):
    return [
        *QKV,
        ("RotaryEmbedding", ["q", "c", "s", "pos"], "qr", {"num_heads": 2, **attrs}),
        ("RotaryEmbedding", ["k", "c", "s", "pos"], "kr", {"num_heads": 2, **attrs}),
        ("Attention", ["qr", "kr", "v"], "y", {**HEADED, "is_causal": 1}),
    ]


def contributed(**attrs):
    settings = {"num_heads": 2, "contributed": True}
    return [
        *QKV,
        ("RotaryEmbedding", ["q", "pos", "c", "s"], "qr", {**settings, **attrs}),
        ("RotaryEmbedding", ["k", "pos", "c", "s"], "kr", {**settings, **attrs}),
        ("MultiHeadAttention", ["qr", "kr", "v", "b"], "y", settings),
    ]


def scored(*between, source="scores"):
    """Attention over one head, written out, with nodes between scores and softmax."""
    return [
        *QKV,
        ("Transpose", ["k"], "kt", {"perm": [0, 2, 1]}),
        ("MatMul", ["q", "kt"], "scores"),
        *between,
        ("Softmax", [source], "p", {"axis": -1}),
        ("IsNaN", ["p"], "lost"),
        ("Where", ["lost", "zero", "p"], "kept"),
        ("MatMul", ["kept", "v"], "y"),
    ]


SPELT = {"zero": np.float32(0), "low": np.float32(-1e9), "half": np.float32(0.25)}
ALIBI = -np.abs(J[:, None] - J) * np.array([0.5, 0.25])[:, None, None]
FORMS = {
    "causal": (23, [*QKV, ("Attention", ["q", "k", "v"], "y", {**HEADED, "is_causal": 1})], {}, {"reach": (-8, 0)}),
    "alibi near": (
        23,
        [*QKV, ("Attention", ["q", "k", "v", "m"], "y", HEADED)],
        {"m": np.where(np.abs(J[:, None] - J) < 4, ALIBI, -np.inf)[None].astype(np.float32)},
        {"reach": (-3, 3), "bias": (2, 17)},
    ),
    "bits": (
        23,
        [*QKV, ("Attention", ["q", "k", "v", "m"], "y", HEADED)],
        {"m": (J[:, None] * 7 + J * 3) % 5 != 1},
        {"mask": (1, 9, 2)},
    ),
    "shared heads": (
        23,
        [*QKV[:1], ("MatMul", ["x", "half_k"], "k"), ("MatMul", ["x", "half_v"], "v"),
         ("Attention", ["q", "k", "v"], "y", {"q_num_heads": 4, "kv_num_heads": 2})],
        {n: weights("a", "b", n)["a"][:, :8] for n in ("half_k", "half_v")},
        {"group": 2},
    ),
    "interleaved": (23, rotated(interleaved=1), TABLES, {"halves": False}),
    "halves": (23, rotated(interleaved=0), TABLES, {"halves": False}),
    "rotated in part": (
        23, rotated(rotary_embedding_dim=4), {**TABLES, "c": TABLES["c"][:, :2], "s": TABLES["s"][:, :2]}, None,
    ),
    "contributed": (20, contributed(interleaved=0), {**TABLES, "b": np.zeros(48, np.float32)}, {"halves": False}),
    "packed": (
        20,
        [("Attention", ["x", "w", "wb", "seen"], "y", {"num_heads": 2, "contributed": True})],
        {"w": np.concatenate(list(weights("a", "b", "c").values()), 1), "wb": np.linspace(-1, 1, 48, dtype=np.float32),
         "seen": (J < 7)[None].astype(np.int32)},
        {"heads": 2, "reach": None},
    ),
    "by heads": (
        23,
        [*QKV, *(node for p in "qkv" for node in (
            ("Reshape", [p, "shape"], f"{p}s"), ("Transpose", [f"{p}s"], f"{p}h", {"perm": [0, 2, 1, 3]}))),
         ("Attention", ["qh", "kh", "vh"], "c", {"scale": 0.25}),
         ("Transpose", ["c"], "ct", {"perm": [0, 2, 1, 3]}), ("Reshape", ["ct", "flat"], "y")],
        {"shape": np.array([1, 9, 2, 8]), "flat": np.array([1, 9, 16])},
        {"heads": 2, "reach": None, "mask": None},
    ),
    "written out": (
        20,
        scored(("Mul", ["scores", "half"], "scaled"), ("Add", ["scaled", "m"], "masked"), source="masked"),
        {**SPELT, "m": np.where(J[:, None] >= J, 0, -np.inf).astype(np.float32)},
        {"reach": (-8, 0)},
    ),
    "where": (
        20,
        scored(("Where", ["m", "scores", "low"], "masked"), ("Div", ["masked", "half"], "d"), source="d"),
        {**SPELT, "m": J[:, None] >= J},
        {"reach": (-8, 0)},
    ),
    "normalised": (
        23,
        [*QKV, *((("Reshape"), [p, "shape"], f"{p}h") for p in "qk"),
         *(("RMSNormalization", [f"{p}h", "g"], f"{p}n", {"axis": -1}) for p in "qk"),
         *(("Reshape", [f"{p}n", "flat"], f"{p}f") for p in "qk"),
         ("RotaryEmbedding", ["qf", "c", "s", "pos"], "qr", {"num_heads": 2}),
         ("RotaryEmbedding", ["kf", "c", "s", "pos"], "kr", {"num_heads": 2}),
         ("Attention", ["qr", "kr", "v"], "y", HEADED)],
        {**TABLES, "g": np.linspace(0.5, 2, 8, dtype=np.float32), "shape": np.array([1, 9, 2, 8]),
         "flat": np.array([1, 9, 16])},
        {"halves": True},
    ),
}  # fmt: skip


def decibel(wanted, found):
    return 10 * np.log10(np.square(wanted).sum() / np.square(wanted - found).sum())


def quantised(path, feeds):
    """Float outputs of the integer program, and the program."""
    graph = load_onnx(path)
    program = quantise(graph, feeds if len(feeds) > 1 else next(iter(feeds.values())))
    names = dict(zip(program.inputs, graph.inputs, strict=True))
    stored = {name: program.tensors[name].quantise(feeds[old].astype(np.float32)) for name, old in names.items()}
    out = program.outputs[0]
    return program.tensors[out].dequantise(run_reference(program, stored)[out]), program


@pytest.mark.parametrize("form", sorted(FORMS))
def test_forms_of_attention_follow_onnxruntime(form, tmp_path):
    opset, nodes, arrays, wanted = FORMS[form]
    used = {name for _, inputs, *_ in nodes for name in inputs}
    arrays = {**{n: a for n, a in weights("wq", "wk", "wv").items() if n in used}, **arrays}
    path = rows.model(tmp_path / "m.onnx", nodes, arrays, {"x": [1, 9, D]}, opset)
    x = np.random.default_rng(0).normal(size=(12, 9, D)).astype(np.float32)
    expected = rows.run(path, {"x": x})
    found, program = quantised(path, {"x": x})
    assert decibel(expected, found.reshape(expected.shape)) > 29
    if wanted is None:  # the same without the fused operator
        assert {"matmul", "softmax"} <= {op.kind for op in program.ops}
        return
    (op,) = [op for op in program.ops if op.kind == "attention"]
    for name, value in wanted.items():
        actual = getattr(op, name)
        assert (actual.shape if isinstance(actual, np.ndarray) else actual) == value


@pytest.mark.parametrize("keeps", [True, False])
def test_a_padding_input_hides_keys_in_either_sense(keeps, tmp_path):
    nodes = scored(
        ("Unsqueeze", ["pad", "axis"], "row"),
        ("Where", ["row", *(("zero", "low") if keeps else ("low", "zero"))], "added"),
        ("Add", ["scores", "added"], "masked"),
        source="masked",
    )
    arrays = {**weights("wq", "wk", "wv"), **SPELT, "axis": np.array([1])}
    shapes = {"x": [1, 9, D], "pad": [1, 9]}
    path = rows.model(tmp_path / "m.onnx", nodes, arrays, shapes, 20, {"pad": TensorProto.BOOL})
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=(12, 9, D)).astype(np.float32), "pad": rng.random((12, 9)) < 0.5}
    feeds["pad"][:, 0] = keeps
    expected = rows.run(path, feeds)
    found, program = quantised(path, feeds)
    assert decibel(expected, found.reshape(expected.shape)) > 29
    (op,) = [op for op in program.ops if op.kind == "attention"]
    assert len(op.inputs) == 4
    assert [op.kind for op in program.ops].count("table") == (0 if keeps else 1)


@pytest.mark.parametrize(
    ("between", "source", "reason"),
    [
        ([("Tanh", ["scores"], "t")], "t", "its input comes from Tanh"),
        ([("Mul", ["scores", "many"], "t")], "t", "multiplied by more than one number"),
        ([("Where", ["m", "scores", "half"], "t")], "t", "replaced by something that is no mask"),
        ([("Where", ["m", "half", "scores"], "t")], "t", "replaced by something that is no mask"),
        ([("Sub", ["half", "scores"], "t")], "t", "the scores are subtracted from something"),
        ([("ReduceMax", ["x", "last"], "pad"), ("Add", ["scores", "pad"], "t")], "t", "a mask is computed from"),
    ],
)
def test_scores_with_more_behind_them_compile_as_products_and_softmax(between, source, reason, tmp_path):
    from emg_edge.passes import PASSES, Notes

    arrays = {**weights("wq", "wk", "wv"), **SPELT, "many": np.linspace(0, 1, 9, dtype=np.float32),
              "last": np.array([2]), "m": J[:, None] >= J}  # fmt: skip
    path = rows.model(tmp_path / "m.onnx", scored(*between, source=source), arrays, {"x": [1, 9, D]})
    graph, notes = load_onnx(path), Notes()
    for step in PASSES:
        graph = step(graph, notes)
    assert any(reason in refused.why for refused in notes.refused.values()), notes.refused
    result = canonicalise(load_onnx(path))
    assert {"matmul", "softmax"} <= {node.op for node in result.nodes}
    x = np.random.default_rng(0).normal(size=(3, 9, D)).astype(np.float32)
    found = run_float(result, x)[result.outputs[0]].reshape(3, -1)
    np.testing.assert_allclose(found, rows.run(path, {"x": x}), atol=1e-5)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (("Attention", ["x", "x", "x"], "y", {**HEADED, "softcap": 3.0}), "softcap=3"),
        (("Attention", ["x", "x", "x"], ["y", "past"], HEADED), "without caches"),
        (("Attention", ["x", "x", "x"], "y", {"q_num_heads": 3, "kv_num_heads": 3}), "for 3 heads"),
        (("Attention", ["x", "x", "x"], "y", {"q_num_heads": 2, "kv_num_heads": 4}), "2 heads share 4 heads of k"),
        (
            ("Attention", ["x", "w", "", "pos"], "y", {"num_heads": 2, "contributed": True}),
            r"a mask of shape \(1, 20\) for 9 keys",
        ),
        (("RotaryEmbedding", ["x", "c", "s"], "y", {"num_heads": 2}), "tables for 20 of 9 rows"),
        (("RotaryEmbedding", ["x", "x", "x"], "y", {"num_heads": 2}), "computed at run time"),
    ],
)
def test_nodes_that_cannot_be_written_out_say_why(node, message, tmp_path):
    given = {**TABLES, "w": np.zeros((D, 48), np.float32), "pos": np.ones((1, 20), np.int32)}
    arrays = {name: array for name, array in given.items() if name in node[1]}
    path = rows.model(tmp_path / "m.onnx", [node], arrays, {"x": [1, 9, D]}, 23)
    with pytest.raises(UnsupportedError, match=message):
        load_onnx(path)
