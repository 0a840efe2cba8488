"""Passes: the canonical graph of every spelling is the same, and what cannot be placed is refused with a reason."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge._identifiers import identifier
from emg_edge.graph._float import evaluate, run_float
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.graph._shapes import output_shape
from emg_edge.graph.operations import CANONICAL
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import (
    AFFINE,
    FOLD,
    IDENTITY,
    LAYERNORM,
    LINEAR,
    PAIRWISE,
    PASSES,
    TABLE,
    Notes,
    Pass,
    canonicalise,
)
from emg_edge.passes._views import affine, as_transpose, index_map, linear_form

EXPECTED = [
    "linear", "affine", "layernorm", "linear", "attention", "linear", "add", "layernorm", "linear", "linear",
    "add", "layernorm", "mean", "linear",
]  # fmt: skip
SPELLINGS = [
    {"rope_form": r, "qkv_form": q, "scale_form": s, "gelu_form": g, "decomposed": g == "erf", "head": h}
    for r, (q, s), (g, h) in itertools.product(
        ["gather", "slices", "half", "none", "heads"],
        [("split", "both"), ("permute", "div"), ("separate", "before")],
        [("node", "concat"), ("erf", "mean"), ("tanh", "mean")],
    )
]


def build(shape, *specs, constants=None, seed=0):
    """A graph of a chain of nodes from (op, inputs, output, attrs), shapes inferred."""
    graph = Graph(
        name="g", nodes=(), values={"x": Value(name="x", shape=shape)}, constants=dict(constants or {}), inputs=("x",),
        outputs=("x",),
    )  # fmt: skip
    for op, inputs, output, attrs in specs:
        node = Node(op=op, name=output, inputs=inputs, output=output, attrs=attrs)
        value = Value(name=output, shape=output_shape(node, graph))
        graph = replace(graph, nodes=(*graph.nodes, node), values={**graph.values, output: value}, outputs=(output,))
    graph.verify()
    return graph


def same(a, b, tolerance=1e-5):
    x = np.random.default_rng(3).normal(size=(3, *a.shape("x")[1:]))
    ya, yb = (run_float(g, x, dtype=np.float64)[g.outputs[0]] for g in (a, b))
    assert np.abs(ya.reshape(-1) - yb.reshape(-1)).max() <= tolerance * max(1, np.abs(ya).max())


def apply(step, graph):
    notes = Notes()
    result = step(graph, notes)
    same(graph, result)
    return result, notes


@pytest.mark.parametrize("form", SPELLINGS, ids=lambda f: "-".join(str(v) for v in f.values()))
def test_every_spelling_has_one_canonical_form(builders, tmp_path, form):
    graph = load_onnx(builders.save(builders.tiny_myo(**form), tmp_path / "m.onnx"))
    canonical = canonicalise(graph)
    extra = 2 if form["qkv_form"] == "separate" else 0
    assert [n.op for n in canonical.nodes] == EXPECTED[:3] + ["linear"] * extra + EXPECTED[3:]
    x = builders.windows(builders.tiny_myo(), 4)
    old, new = run_float(graph, x)[graph.outputs[0]], run_float(canonical, x)["logits"]
    assert np.abs(old - new).max() < 2e-5
    attention = next(n for n in canonical.nodes if n.op == "attention")
    assert attention.attrs["scale"] == pytest.approx(8**-0.5, rel=1e-5)
    assert len(attention.inputs) == (5 if form["rope_form"] in {"gather", "slices", "half"} else 3)
    if len(attention.inputs) == 5:  # positions restart in every channel
        assert canonical.shape(attention.inputs[3]) == (5, 4)
        assert np.allclose(canonical.constants[attention.inputs[3]], np.cos(builders.angles(5, 5, 8)), atol=1e-6)
    function = next(n.attrs["function"] for n in canonical.nodes if "function" in n.attrs)
    assert function == {"node": "gelu", "erf": "gelu", "tanh": "gelu_tanh"}[form["gelu_form"]]


def test_names_are_readable_unique_identifiers(builders, tmp_path):
    canonical = canonicalise(load_onnx(builders.save(builders.tiny_myo(), tmp_path / "m.onnx")))
    names = [n.name for n in canonical.nodes]
    assert names[2:8] == [
        "blocks_0_norm1", "attn_qkv", "attn", "blocks_0_attn_proj", "blocks_0_attn_add", "blocks_0_norm2",
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert all(name == identifier(name) for name in names)
    assert (canonical.inputs, canonical.outputs) == (("emg",), ("logits",))
    assert all(n.output in {n.name, "logits"} for n in canonical.nodes)
    assert canonicalise(canonical) is canonical


@given(st.text(max_size=80))
def test_identifiers_are_whitelisted(text):
    name = identifier(text)
    assert 0 < len(name) <= 50
    assert name[0].isalpha()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_fold_removes_constant_arithmetic():
    graph = build((1, 3), ("Neg", ("c",), "n", {}), ("Add", ("x", "n"), "y", {}), constants={"c": np.ones(3)})
    result, _ = apply(FOLD, graph)
    assert [n.op for n in result.nodes] == ["Add"]


def test_identity_cases():
    one, nothing = np.ones(1), np.zeros((1, 3))
    graph = build(
        (1, 3),
        ("Reshape", ("x",), "a", {"shape": (1, 3)}),
        ("Transpose", ("a",), "b", {"perm": (0, 1)}),
        ("Slice", ("b",), "c", {"slices": ((0, 1, 1), (0, 3, 1))}),
        ("Concat", ("c",), "d", {"axis": 1}),
        ("Mul", ("one", "d"), "e", {}),
        ("Sub", ("e", "nothing"), "f", {}),
        ("Sub", ("nothing", "f"), "y", {}),  # a sign change is no identity
        constants={"one": one, "nothing": nothing},
    )
    result, _ = apply(IDENTITY, graph)
    assert [n.op for n in result.nodes] == ["Sub"]


def decomposed(width, *, eps=1e-5, reciprocal=False, spoil=False, rows=4):
    rng = np.random.default_rng(width)
    constants = {
        "two": np.array(2.0),
        "eps": np.array(eps),
        "gamma": rng.normal(1, 0.3, width),
        "beta": rng.normal(0, 1, width),
    }
    mean = {"axes": (2,), "keepdims": 1}
    tail = (
        [("Reciprocal", ("s",), "r", {}), ("Mul", ("d", "r"), "n", {})]
        if reciprocal
        else [("Div", ("d", "s"), "n", {})]
    )
    square = ("Mul", ("d", "d"), "q", {}) if reciprocal else ("Pow", ("d", "two"), "q", {})
    return build(
        (1, rows, width),
        ("ReduceMean", ("x",), "m", mean),
        ("Sub", ("x", "m"), "d", {}),
        square,
        ("ReduceMean", ("q",), "v", mean),
        ("Add", ("v", "eps"), "w", {}),
        ("Sqrt", ("w",), "s", {}),
        *tail,
        ("Mul", ("n", "s" if spoil else "gamma"), "g", {}),
        ("Add", ("g", "beta"), "y", {}),
        constants=constants,
    )


@pytest.mark.parametrize("reciprocal", [False, True])
@pytest.mark.parametrize("eps", [1e-12, 1e-6, 1e-5, 1e-3])
def test_layernorm_is_found_by_its_values(reciprocal, eps):
    graph = decomposed(12, eps=eps, reciprocal=reciprocal)
    result, _ = apply(LAYERNORM, graph)
    assert [n.op for n in result.nodes] == ["layernorm"]
    node = result.nodes[0]
    assert node.attrs["eps"] == pytest.approx(eps, rel=1e-2, abs=1e-9)
    assert np.allclose(result.constants[node.inputs[1]], graph.constants["gamma"], atol=1e-5)


def test_what_only_looks_like_layernorm_stays():
    result, _ = apply(LAYERNORM, decomposed(12, spoil=True))
    assert "layernorm" not in {n.op for n in result.nodes}


def test_linear_absorbs_what_follows():
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.normal(size=(4, 3)),
        "b": rng.normal(size=3),
        "s": rng.normal(size=(1, 1, 3)),
        "k": np.array([2.0]),
    }
    graph = build(
        (1, 5, 4),
        ("MatMul", ("x", "w"), "m", {}),
        ("Add", ("b", "m"), "a", {}),
        ("Mul", ("a", "s"), "c", {}),
        ("Sub", ("b", "c"), "d", {}),
        ("Div", ("d", "k"), "e", {}),
        ("Sub", ("e", "b"), "y", {}),
        constants=constants,
    )
    result, _ = apply(LINEAR, graph)
    assert [n.op for n in result.nodes] == ["linear"]


def test_linear_does_not_absorb_across_rows():
    constants = {"w": np.ones((4, 5)), "rows": np.arange(5.0)[:, None]}
    graph = build((1, 5, 4), ("MatMul", ("x", "w"), "m", {}), ("Add", ("m", "rows"), "y", {}), constants=constants)
    result, _ = apply(LINEAR, graph)
    assert [n.op for n in result.nodes] == ["linear", "Add"]


def test_mean_sees_through_the_head_of_tinymyo():
    graph = build(
        (1, 6, 4),
        ("Reshape", ("x",), "a", {"shape": (1, 2, 3, 4)}),
        ("Transpose", ("a",), "b", {"perm": (0, 2, 1, 3)}),
        ("Reshape", ("b",), "c", {"shape": (1, 3, 8)}),
        ("ReduceMean", ("c",), "y", {"axes": (1,), "keepdims": 0}),
    )
    final = canonicalise(graph)
    assert [(n.op, n.attrs["outer"], n.attrs["axis"], n.attrs["inner"]) for n in final.nodes] == [("mean", 2, 3, 4)]


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"])
def test_scattered_elements_are_brought_together_first(op):
    graph = build((1, 2, 3, 4), (op, ("x",), "y", {"axes": (1, 3), "keepdims": 0}))
    final = canonicalise(graph)
    assert [n.op for n in final.nodes] == ["move", "mean" if op in {"ReduceMean", "ReduceSum"} else "reduce_max"]
    assert [final.nodes[1].attrs[key] for key in ("outer", "axis", "inner")] == [3, 8, 1]


def test_means_of_too_many_elements_are_refused():
    graph = build((1, 33000), ("ReduceSum", ("x",), "y", {"axes": (1,), "keepdims": 0}))
    with pytest.raises(UnsupportedError, match="it reduces 33000 elements to one; reduce at most 32768 at a time"):
        canonicalise(graph)


@pytest.mark.parametrize(("function", "specs"), [
    ("relu", [("Relu", ("x",), "y", {})]),
    ("silu", [("Sigmoid", ("x",), "s", {}), ("Mul", ("x", "s"), "y", {})]),
    ("function", [("Exp", ("x",), "s", {}), ("Mul", ("s", "k"), "y", {})]),
])  # fmt: skip
def test_functions_of_one_variable_become_tables(function, specs):
    result, _ = apply(TABLE, build((1, 3), *specs, constants={"k": np.array([0.5])}))
    assert [(n.op, n.attrs["function"]) for n in result.nodes] == [("table", function)]


def test_sums_and_their_constants():
    value = np.random.default_rng(0).normal(size=(1, 2, 1, 4))
    graph = build(
        (1, 2, 3, 4),
        ("Add", ("value", "x"), "a", {}),
        ("Relu", ("a",), "b", {}),
        ("Add", ("a", "b"), "y", {}),
        constants={"value": value},
    )
    result, _ = apply(PAIRWISE, apply(AFFINE, graph)[0])
    assert [n.op for n in result.nodes] == ["affine", "Relu", "add"]
    first = result.nodes[0]
    assert [first.attrs[key] for key in ("outer", "rows", "repeat", "width")] == [1, 2, 3, 4]
    assert [result.constants[name].shape for name in first.inputs[1:]] == [(1, 1), (2, 4)]


def test_broadcast_sums_read_through_strides():
    graph = build((1, 2, 3), ("ReduceMean", ("x",), "m", {"axes": (2,), "keepdims": 1}), ("Sub", ("x", "m"), "y", {}))
    last = canonicalise(graph).nodes[-1]
    assert (last.op, last.attrs["extent"], last.attrs["stride_b"]) == ("add", (2, 3), (1, 0))


@pytest.mark.parametrize(("spec", "ops"), [
    (("Slice", {"slices": ((0, 1, 1), (3, 0, -2))}), ["table", "move", "table"]),
    (("Gather", {"axis": 1, "indices": np.array([3, 0, 0, 2, 1])}), ["table", "gather", "table"]),
    (("Pad", {"pads": ((0, 0), (2, 1))}), ["table", "move", "table"]),
    (("Transpose", {"perm": (1, 0)}), ["table", "table"]),
])  # fmt: skip
def test_movement_becomes_nothing_a_box_or_rows(spec, ops):
    graph = build((1, 4), ("Relu", ("x",), "r", {}), (spec[0], ("r",), "m", spec[1]), ("Tanh", ("m",), "y", {}))
    assert [n.op for n in canonicalise(graph).nodes] == ops


def attention_graph(builders, tmp_path, **form):
    return load_onnx(builders.save(builders.tiny_myo(**form), tmp_path / "m.onnx"))


def test_what_is_added_to_the_scores_becomes_the_bias_of_attention(builders, tmp_path):
    graph = attention_graph(builders, tmp_path)
    softmax = next(n for n in graph.nodes if n.op == "Softmax")
    mask = Node(op="Add", name="mask", inputs=(softmax.inputs[0], "the_mask"), output="masked")
    graph = replace(graph, values={**graph.values, "masked": replace(graph.values[softmax.inputs[0]], name="masked")})
    constants = {"the_mask": np.triu(np.full((20, 20), -9.0), 1).astype(np.float32)}
    graph = graph.substitute(softmax.output, [mask, replace(softmax, inputs=("masked",))], constants=constants)
    graph.verify()
    result = canonicalise(graph)
    node = next(node for node in result.nodes if node.op == "attention")
    assert node.attrs["extras"][-1] == "bias"
    np.testing.assert_array_equal(result.constants[node.inputs[-1]], constants["the_mask"][None])


def test_a_rotation_of_q_alone_is_left_to_products_and_a_softmax(builders, tmp_path):
    graph = attention_graph(builders, tmp_path, rope_form="gather")
    turned = [n for n in graph.nodes if n.op == "Add" and graph.shape(n.output) == (1, 2, 20, 8)]
    broken = graph.alias(turned[1].output, next(n for n in graph.nodes if n.output == turned[1].inputs[0]).inputs[0])
    notes, result = Notes(), broken
    for step in PASSES:
        result = step(result, notes)
    assert any("only one of q and k is rotated" in why.why for why in notes.refused.values())
    ops = [node.op for node in canonicalise(broken).nodes]
    assert ops.count("matmul") == 2
    assert "softmax" in ops
    assert "attention" not in ops


def test_half_rotations_of_layers_that_are_read_elsewhere_stay_halves(builders, tmp_path):
    graph = attention_graph(builders, tmp_path, rope_form="half", qkv_form="separate")
    last = graph.producers[graph.outputs[0]]
    product = next(n for n in graph.nodes if graph.shape(n.output) == (1, 20, 16) and "attn.q.bias" in n.inputs)
    total = Node(
        op="ReduceMean", name="peek", inputs=(product.output,), output="peek", attrs={"axes": (1, 2), "keepdims": 0}
    )
    peek = replace(graph.values[graph.outputs[0]], name="peek", shape=(1,))
    seen = Node(op="Add", name="seen", inputs=("hidden", "peek"), output=last.output)
    graph = replace(graph, values={**graph.values, "peek": peek, "hidden": replace(peek, name="hidden", shape=(1, 5))})
    graph = graph.substitute(last.output, [replace(last, output="hidden"), total, seen])
    graph.verify()
    attention = next(node for node in canonicalise(graph).nodes if node.op == "attention")
    assert attention.attrs["halves"]


def test_softmax_outside_attention_is_an_operator_of_its_own():
    graph = build((1, 4), ("Softmax", ("x",), "y", {"axis": 1}))
    (node,) = canonicalise(graph).nodes
    assert (node.op, node.attrs["dtype"]) == ("softmax", "int16")


def test_a_pass_must_keep_its_promise():
    lazy = Pass(name="lazy", run=lambda graph, _: graph, ensures=frozenset({"Relu"}))
    with pytest.raises(EmgEdgeError, match=r"pass 'lazy' left .* behind without a reason"):
        lazy(build((1, 3), ("Relu", ("x",), "y", {})), Notes())


def test_every_pass_keeps_values_and_verifies(builders, tmp_path):
    graph = load_onnx(builders.save(builders.tiny_myo(decomposed=True, gelu_form="tanh"), tmp_path / "m.onnx"))
    x, notes = builders.windows(builders.tiny_myo(), 2), Notes()
    wanted = run_float(graph, x)[graph.outputs[0]]
    for step in PASSES:
        graph = step(graph, notes)
        assert np.abs(run_float(graph, x)[graph.outputs[0]] - wanted).max() < 1e-5, step.name
    assert not notes.refused
    assert {n.op for n in graph.nodes} & CANONICAL


@given(st.integers(0, 2**32 - 1))
def test_index_maps_of_random_movement(seed):
    """A value behind random movement equals the source taken at its index map; linear forms agree."""
    rng = np.random.default_rng(seed)
    shape, specs, last = (1, 2, 3, 4), [], "x"
    graph = build(shape)
    for step in range(int(rng.integers(1, 6))):
        now = graph.shape(last)
        kind, axis = int(rng.integers(4)), int(rng.integers(len(now)))
        if kind == 0:
            attrs = ("Transpose", {"perm": tuple(int(v) for v in rng.permutation(len(now)))})
        elif kind == 1:
            attrs = ("Reshape", {"shape": (int(np.prod(now[:axis])), *now[axis:])})
        elif kind == 2:
            attrs = ("Gather", {"axis": axis, "indices": rng.integers(0, now[axis], 3)})
        else:
            attrs = ("Slice", {"slices": tuple((e - 1, -1, -1) if i == axis else (0, e, 1) for i, e in enumerate(now))})
        specs.append((attrs[0], (last,), f"v{step}", attrs[1]))
        graph, last = build(shape, *specs), f"v{step}"
    x = rng.normal(size=(1, *shape))
    value = evaluate(graph, {"x": x})[last].reshape(-1)
    source, index = index_map(graph, last)
    assert source == "x"
    assert np.array_equal(value, x.reshape(-1)[index])
    form = linear_form(graph, last)
    assert np.array_equal(value, (x.reshape(-1)[form.index] * form.factor).sum(1))


@given(st.permutations([0, 1, 2, 3]), st.lists(st.integers(1, 5), min_size=4, max_size=4))
def test_any_permutation_is_read_back(perm, shape):
    index = np.arange(np.prod(shape)).reshape(shape).transpose(perm).reshape(-1)
    view, order = as_transpose(index)
    assert np.array_equal(np.arange(len(index)).reshape(view).transpose(order).reshape(-1), index)


def test_what_is_no_permutation_or_layout():
    assert as_transpose(np.array([0, 0, 1])) is None
    assert as_transpose(np.array([1, 0])) is None
    assert as_transpose(np.array([0, 2, 1])) is None
    h, r, i = np.ogrid[:2, :3, :4]
    assert affine(5 + 4 * h + 20 * r + i) == (5, 4, 20)
    assert affine(5 + 4 * h + 20 * r + 2 * i) is None
