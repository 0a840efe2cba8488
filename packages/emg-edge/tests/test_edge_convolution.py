"""Convolutions from the ONNX file to host C: every geometry, what stands behind them, and transposes between layers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import edge_onnx
import numpy as np
import onnxruntime
import pytest
from edge_onnx import Builder
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from emg_edge import UnsupportedError, compile_model, load_onnx
from emg_edge.graph._float import run_float
from emg_edge.graph._graph import Graph, Node, Value, sample_shape
from emg_edge.graph._shapes import output_shape
from emg_edge.passes import CONVOLUTION, Notes, canonicalise

RNG = np.random.default_rng(0)


def f32(*shape, scale=1.0):
    return (RNG.normal(size=shape) * scale).astype(np.float32)


def saved(model, folder):
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def one_node(kind, shape, *constants, **attrs):
    names = [f"c{i}" for i in range(len(constants))]
    node = helper.make_node(kind, ["emg", *names], ["y"], name="it", **attrs)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("emg", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(c), n) for c, n in zip(constants, names, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def wanted_of(model, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


CASES = {
    "1-D": ("Conv", (1, 3, 12), (f32(4, 3, 3), f32(4)), {"pads": [1, 1]}),
    "1-D causal": ("Conv", (1, 3, 12), (f32(4, 3, 3),), {"pads": [4, 0], "dilations": [2]}),
    "2-D": (
        "Conv", (1, 4, 9, 8), (f32(6, 2, 3, 2), f32(6)),
        {"strides": [2, 1], "dilations": [2, 3], "pads": [1, 2, 0, 1], "group": 2},
    ),
    "pixels": ("Conv", (1, 5, 3, 4), (f32(7, 5, 1, 1), f32(7)), {}),
    "pixels strided": ("Conv", (1, 5, 3, 4), (f32(7, 5, 1, 1), f32(7)), {"strides": [2, 1]}),
    "patches": ("Conv", (1, 3, 12), (f32(7, 3, 4),), {"strides": [4]}),
    "patches 2-D": ("Conv", (1, 1, 4, 6), (f32(3, 1, 2, 3), f32(3)), {"strides": [2, 3]}),
    "whole input": ("Conv", (1, 2, 6), (f32(3, 2, 6),), {}),
    "depthwise": ("Conv", (1, 4, 10), (f32(8, 1, 3), f32(8)), {"group": 4, "pads": [2, 1]}),
    "same upper": ("Conv", (1, 2, 7, 6), (f32(3, 2, 2, 3),), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
    "same lower": ("Conv", (1, 2, 7, 6), (f32(3, 2, 4, 3),), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "valid": ("Conv", (1, 2, 7), (f32(3, 2, 3),), {"auto_pad": "VALID"}),
    "implicit kernel": ("Conv", (1, 2, 7), (f32(3, 2, 3),), {"kernel_shape": [3]}),
}  # fmt: skip
TRANSPOSED = {
    "doubling": ("ConvTranspose", (1, 3, 5), (f32(3, 2, 4), f32(2)), {"strides": [2], "pads": [1, 1]}),
    "no overlap": ("ConvTranspose", (1, 3, 5), (f32(3, 2, 2), f32(2)), {"strides": [2]}),
    "gaps": ("ConvTranspose", (1, 3, 5), (f32(3, 2, 2),), {"strides": [3], "output_padding": [1]}),
    "plain": ("ConvTranspose", (1, 3, 5), (f32(3, 2, 3),), {}),
    "2-D": (
        "ConvTranspose", (1, 4, 3, 4), (f32(4, 3, 3, 2), f32(6)),
        {"strides": [2, 3], "pads": [1, 0, 0, 1], "output_padding": [1, 0], "dilations": [1, 2], "group": 2},
    ),
    "shape": ("ConvTranspose", (1, 2, 5), (f32(2, 3, 4),), {"strides": [2], "output_shape": [9]}),
    "same upper": ("ConvTranspose", (1, 2, 5), (f32(2, 3, 3),), {"strides": [2], "auto_pad": "SAME_UPPER"}),
    "same lower": ("ConvTranspose", (1, 2, 5), (f32(2, 3, 4),), {"strides": [3], "auto_pad": "SAME_LOWER"}),
    "valid": ("ConvTranspose", (1, 2, 5), (f32(2, 3, 4),), {"strides": [3], "auto_pad": "VALID"}),
}  # fmt: skip


@pytest.mark.parametrize("case", [*CASES.values(), *TRANSPOSED.values()], ids=[*CASES, *(f"T {n}" for n in TRANSPOSED)])
def test_import_and_pass_equal_onnxruntime(case, tmp_path):
    kind, shape, constants, attrs = case
    model = one_node(kind, shape, *constants, **attrs)
    x = f32(*shape)
    wanted = wanted_of(model, x)
    graph = load_onnx(saved(model, tmp_path))
    for found in (graph, CONVOLUTION(graph, Notes())):
        got = run_float(found, x)[found.outputs[0]]
        assert got.size == wanted.size
        np.testing.assert_allclose(got.reshape(wanted.shape), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("1-D", {"conv"}), ("pixels", {"linear"}), ("pixels strided", {"conv"}), ("patches", {"linear"}),
        ("patches 2-D", {"linear"}), ("whole input", {"linear"}), ("depthwise", {"conv"}),
    ],
)  # fmt: skip
def test_each_form_becomes_one_product(name, kinds, tmp_path):
    kind, shape, constants, attrs = CASES[name]
    graph = canonicalise(load_onnx(saved(one_node(kind, shape, *constants, **attrs), tmp_path)))
    assert {node.op for node in graph.nodes} - {"move"} == kinds


def conv(b, x, cin, cout, kernel, *, norm=True, relu=True, **attrs):
    """A convolution, batch normalisation and Relu as exporters write them."""
    group = attrs.get("group", 1)
    y = b.op("Conv", x, b.random(cout, cin // group, *kernel, scale=(cin // group * np.prod(kernel)) ** -0.5), **attrs)
    if norm:
        positive = [b.constant(b.rng.uniform(0.5, 1.5, cout).astype(np.float32)) for _ in range(2)]
        y = b.op("BatchNormalization", y, positive[0], b.random(cout), b.random(cout, scale=0.3), positive[1])
    return b.op("Relu", y) if relu else y


def head(b, x, width, outputs=5, axes=(2, 3)):
    y = b.op("ReduceMean", x, b.ints(*axes), keepdims=0)
    return b.op("Gemm", y, b.random(outputs, width, scale=0.3), b.random(outputs), transB=1)


def all_convolutional():
    """One-dimensional, strided instead of pooled, dilated, to a 1x1 convolution and a mean."""
    b = Builder(1)
    x = conv(b, "emg", 4, 12, (7,), pads=[3, 3])
    x = conv(b, x, 12, 12, (3,), pads=[1, 1], strides=[2])
    x = conv(b, x, 12, 16, (3,), pads=[4, 0], dilations=[2])
    x = conv(b, x, 16, 9, (1,))
    return b.model(head(b, x, 9, axes=(2,)), [1, 4, 40], [1, 5])


def residual():
    """Two blocks with identity and projected skips, 2-D."""
    b = Builder(2)
    seen = b.op("Unsqueeze", "emg", b.ints(1))
    x = conv(b, seen, 1, 8, (3, 3), pads=[1, 1, 1, 1])
    y = conv(b, conv(b, x, 8, 8, (3, 3), pads=[1, 1, 1, 1]), 8, 8, (3, 3), pads=[1, 1, 1, 1], relu=False)
    x = b.op("Relu", b.op("Add", x, y))
    y = conv(b, x, 8, 12, (3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    y = conv(b, y, 12, 12, (3, 3), pads=[1, 1, 1, 1], relu=False)
    x = b.op("Relu", b.op("Add", conv(b, x, 8, 12, (1, 1), strides=[2, 2], relu=False), y))
    return b.model(head(b, x, 12), [1, 6, 16], [1, 5])


def separable():
    """Depthwise and pointwise, with Clip (ReLU6) and a depth multiplier."""
    b = Builder(3)
    seen = b.op("Unsqueeze", "emg", b.ints(2))
    x = conv(b, seen, 6, 8, (1, 3), pads=[0, 1, 0, 1])
    x = conv(b, x, 8, 16, (1, 5), group=8, pads=[0, 2, 0, 2], relu=False)
    x = b.op("Clip", x, b.constant(np.float32(0)), b.constant(np.float32(6)))
    x = conv(b, x, 16, 10, (1, 1))
    x = conv(b, x, 10, 10, (1, 3), group=10, strides=[1, 2], pads=[0, 0, 0, 1], norm=False)
    x = conv(b, x, 10, 10, (1, 1), group=2, relu=False)
    return b.model(head(b, x, 10), [1, 6, 24], [1, 5])


NETS = {"all-convolutional": all_convolutional, "residual": residual, "separable": separable}


@pytest.fixture(scope="module", params=sorted(NETS))
def compiled(request, tmp_path_factory):
    model, folder = NETS[request.param](), tmp_path_factory.mktemp("net")
    x = edge_onnx.windows(model, 40)
    return model, x, compile_model(saved(model, folder), x, target="gap9", out=folder / "out")


def test_networks_are_close_to_the_float_model(compiled):
    model, x, found = compiled
    wanted = np.concatenate([wanted_of(model, window[None]) for window in x])
    error = found.run(x, "reference").reshape(wanted.shape) - wanted
    assert 10 * np.log10(np.square(wanted).sum() / np.square(error).sum()) > 25


def test_a_network_is_equal_in_c(tmp_path):
    model = separable()
    x = edge_onnx.windows(model, 12)
    report = compile_model(saved(model, tmp_path), x, target="gap9", out=tmp_path / "out").compare(x[:4])
    assert report.equal, str(report.difference)


def test_no_transposes_stand_between_layers(compiled):
    *_, found = compiled
    kinds = Counter(op.kind for op in found.program.ops)
    assert kinds["move"] <= 1  # at the input, which is channel-first
    assert set(kinds) - {"move"} <= {"conv", "linear", "add", "mean", "table"}


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_float_operator_is_linear_in_its_input_and_the_pass_keeps_it(seed):
    """Random geometry, transposed or not: the canonical graph equals the importer's, bias aside it is homogeneous."""
    rng = np.random.default_rng(seed)
    spatial, transposed, group = int(rng.integers(1, 3)), bool(rng.integers(2)), int(rng.integers(1, 4))
    kernel, strides, dilations = (tuple(int(v) for v in rng.integers(1, 4, spatial)) for _ in range(3))
    inner, outer = (int(v) for v in rng.integers(1, 4, 2))
    pads = tuple(int(v) for v in rng.integers(0, 3, 2 * spatial)) if not transposed else (0,) * 2 * spatial
    batch = int(rng.integers(1, 4)) if spatial == 1 else 1
    shape = (batch, group * inner, *(int(v) for v in rng.integers(7, 10, spatial)))
    weight = (group * inner, outer, *kernel) if transposed else (group * outer, inner, *kernel)
    attrs = {"strides": strides, "pads": pads, "dilations": dilations, "group": group}
    attrs |= {"output_padding": tuple(int(v) for v in rng.integers(0, 3, spatial))} if transposed else {}
    node = Node(op="ConvTranspose" if transposed else "Conv", name="c", inputs=("x", "w"), output="y", attrs=attrs)
    graph = Graph(
        name="g", nodes=(), values={"x": Value(name="x", shape=shape)},
        constants={"w": rng.normal(size=weight).astype(np.float32)}, inputs=("x",), outputs=("x",),
    )  # fmt: skip
    value = Value(name="y", shape=output_shape(node, graph))
    graph = replace(graph, nodes=(node,), values={**graph.values, "y": value}, outputs=("y",))
    graph.verify()
    x = rng.normal(size=(2, *sample_shape(shape)))
    y = run_float(graph, x, dtype=np.float64)["y"]
    np.testing.assert_allclose(run_float(graph, 3 * x, dtype=np.float64)["y"], 3 * y, atol=1e-9)
    rewritten = CONVOLUTION(graph, Notes())
    assert {n.op for n in rewritten.nodes} & {"conv", "linear"}
    np.testing.assert_allclose(run_float(rewritten, x, dtype=np.float64)["y"], y, atol=1e-5)


def refused(model, folder):
    with pytest.raises(UnsupportedError) as caught:
        canonicalise(load_onnx(saved(model, folder)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "shape", "constants", "attrs", "message"),
    [
        ("Conv", (1, 2, 3, 4, 5), (f32(2, 2, 1, 1, 1),), {}, r"has 3 spatial axes; use 1-D or 2-D convolutions"),
        ("Conv", (1, 2, 9), (f32(2, 2, 3),), {"auto_pad": "SAME"}, r"auto_pad='SAME'; export with explicit pads"),
        ("Conv", (1, 2, 9), (f32(2, 2, 3),), {"pads": [-1, 0]}, r"pads=\[-1, 0\] is negative; slice the input"),
        ("Conv", (2, 2, 9, 4), (f32(2, 2, 3, 1),), {}, r"it reads 2 images at once; keep the batch at 1"),
        (
            "BatchNormalization", (1, 2, 9), (f32(2), f32(2), f32(2), f32(2)), {"training_mode": 1},
            r"it learns its statistics while it runs; export the model in evaluation mode",
        ),
        ("Einsum", (1, 2, 9), (f32(2, 3),), {"equation": "bij,ik->bijk"}, r"share no letter to sum over"),
        ("Einsum", (1, 2, 9), (), {"equation": "bij->bi"}, r"sums over letters of one operand; write it as MatMul"),
        ("Einsum", (1, 2, 9), (f32(9, 3),), {"equation": "...j,jk->...k"}, r"equation '\.\.\.j,jk->\.\.\.k' of 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_change(kind, shape, constants, attrs, message, tmp_path):
    assert re.search(message, refused(one_node(kind, shape, *constants, **attrs), tmp_path))


def test_weights_computed_at_run_time_are_refused(tmp_path):
    b = Builder()
    wide = b.op("Reshape", "emg", b.ints(2, 2, 3))
    y = b.op("Conv", b.op("Reshape", "emg", b.ints(1, 2, 6)), wide)
    assert "its weights are computed at run time" in refused(b.model(y, [1, 12], [1, 2, 4]), tmp_path)
    b = Builder()
    y = b.op("BatchNormalization", "emg", *[b.op("Reshape", "emg", b.ints(3))] * 4)
    assert "its statistics are computed at run time" in refused(b.model(y, [1, 3], [1, 3]), tmp_path)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("poi,bip->bop", [(5, 4, 3), (1, 3, 5)]), ("bij,jk->bik", [(1, 2, 3), (3, 4)]), ("bij->bji", [(1, 2, 3)]),
        ("bpi,pij", [(1, 4, 3), (4, 3, 2)]), ("btc,oc->bot", [(1, 6, 4), (3, 4)]),
    ],
)  # fmt: skip
def test_einsum_equals_onnxruntime(equation, shapes, tmp_path):
    place = next(j for j, shape in enumerate(shapes) if shape[0] == 1)
    names = [f"c{j}" if j != place else "emg" for j in range(len(shapes))]
    arrays = {name: f32(*shape) for name, shape in zip(names, shapes, strict=True)}
    graph = helper.make_graph(
        [helper.make_node("Einsum", names, ["y"], equation=equation)], "g",
        [helper.make_tensor_value_info("emg", TensorProto.FLOAT, shapes[place])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(arrays[name], name) for name in names if name != "emg"],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    wanted = wanted_of(model, arrays["emg"])
    found = canonicalise(load_onnx(saved(model, tmp_path)))
    got = run_float(found, arrays["emg"])[found.outputs[0]]
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, atol=1e-5)


def test_locally_connected_layers_are_one_convolution(tmp_path):
    """Normalisation and activation behind an Einsum go into it, and nothing moves."""
    b = Builder(4)
    x = conv(b, b.op("Unsqueeze", "emg", b.ints(1)), 1, 6, (3, 3), pads=[1, 1, 1, 1])
    y = b.op("Einsum", b.random(12, 5, 6, scale=0.4), b.op("Reshape", x, b.ints(1, 6, 12)), equation="poi,bip->bop")
    parts = [b.constant(b.rng.uniform(0.5, 1.5, 5).astype(np.float32)) for _ in range(2)]
    y = b.op("Relu", b.op("BatchNormalization", y, parts[0], b.random(5), b.random(5), parts[1]))
    y = b.op("Gemm", b.op("Flatten", y), b.random(4, 60, scale=0.2), b.random(4), transB=1)
    graph = canonicalise(load_onnx(saved(b.model(y, [1, 3, 4], [1, 4]), tmp_path)))
    assert [node.op for node in graph.nodes] == ["conv", "conv", "linear"]
