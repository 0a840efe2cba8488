"""The float executor against the onnx reference evaluator and onnxruntime, and its own helpers."""

import itertools
import math

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import run_float
from emg_edge.graph.operations._attention import rotate
from emg_edge.graph.operations._elementwise import erf, gelu
from emg_edge.onnx_reader._onnx import load_onnx

RNG = np.random.default_rng(0)


def one_node(kind, shape, *constants, opset=20, **attrs):
    names = [f"c{i}" for i in range(len(constants))]
    node = helper.make_node(kind, ["x", *names], ["y"], name="it", **attrs)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(c), n) for c, n in zip(constants, names, strict=True)],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def f32(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def i64(*values):
    return np.array(values, np.int64)


CASES = {
    **{op: (op, (1, 3, 4), (), {}) for op in ("Abs", "Erf", "Exp", "Neg", "Relu", "Sigmoid", "Tanh", "Gelu")},
    "reciprocal": ("Reciprocal", (1, 3, 4), (), {}),
    "gelu tanh": ("Gelu", (1, 3, 4), (), {"approximate": "tanh"}),
    **{op: (op, (1, 3, 4), (f32(3, 1),), {}) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")},
    "wider constant": ("Add", (1, 3), (f32(2, 1, 3),), {}),
    "pow": ("Pow", (1, 3, 4), (np.float32(2),), {}),
    "clip": ("Clip", (1, 8), (np.float32(-0.5), np.float32(0.4)), {}),
    "matmul": ("MatMul", (1, 5, 4), (f32(4, 3),), {}),
    "batched matmul": ("MatMul", (1, 2, 5, 4), (f32(2, 4, 3),), {}),
    "gemm": ("Gemm", (1, 4), (f32(4, 3), f32(3)), {"alpha": 0.5, "beta": 2.0}),
    "gemm transposed": ("Gemm", (1, 4), (f32(3, 1), f32(4, 3)), {"transA": 1, "transB": 1}),
    "conv patches": ("Conv", (1, 1, 4, 20), (f32(6, 1, 1, 5), f32(6)), {"strides": [1, 5]}),
    "conv dilated": (
        "Conv", (1, 4, 9, 8), (f32(6, 2, 3, 2), f32(6)),
        {"strides": [2, 1], "dilations": [2, 3], "pads": [1, 2, 0, 1], "group": 2},
    ),
    "conv 1d": ("Conv", (1, 3, 12), (f32(4, 3, 3),), {"pads": [1, 1]}),
    "softmax": ("Softmax", (1, 3, 4), (), {"axis": 1}),
    "mean": ("ReduceMean", (1, 3, 4), (i64(1, -1),), {"keepdims": 0}),
    "mean all": ("ReduceMean", (1, 3, 4), (), {}),
    "pool": ("GlobalAveragePool", (1, 3, 4, 5), (), {}),
    "layernorm": ("LayerNormalization", (1, 3, 4), (f32(4), f32(4)), {"epsilon": 1e-3}),
    "reshape": ("Reshape", (1, 3, 4), (i64(0, -1, 2),), {}),
    "flatten": ("Flatten", (1, 3, 4), (), {"axis": 2}),
    "transpose": ("Transpose", (1, 3, 4), (), {"perm": [2, 0, 1]}),
    "transpose default": ("Transpose", (1, 3, 4), (), {}),
    "slice": ("Slice", (1, 6, 4), (i64(4, 1), i64(-100, 3), i64(1, 2), i64(-2, 1)), {}),
    "gather": ("Gather", (1, 3, 4), (np.array([[0, -1], [1, 1]]),), {"axis": 1}),
    "concat": ("Concat", (1, 3, 4), (f32(1, 3, 2),), {"axis": -1}),
    "expand": ("Expand", (1, 3, 1), (i64(2, 1, 4),), {}),
    "unsqueeze": ("Unsqueeze", (1, 3), (i64(-1, 1),), {}),
    "squeeze": ("Squeeze", (1, 3, 1), (i64(-1),), {}),
    "squeeze all": ("Squeeze", (1, 3, 1), (), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_operator_equals_the_reference_evaluator(name, tmp_path):
    kind, shape, constants, attrs = CASES[name]
    model = one_node(kind, shape, *constants, **attrs)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    x = f32(*shape)
    wanted = ReferenceEvaluator(model).run(None, {"x": x})[0]
    graph = load_onnx(tmp_path / "m.onnx")
    got = run_float(graph, x)[graph.outputs[0]]
    assert got.size == wanted.size
    assert np.allclose(got.reshape(wanted.shape), wanted, atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize(
    ("kind", "shape", "attrs", "opset"),
    [
        ("ReduceMean", (1, 3, 4), {"axes": [1], "keepdims": 0}, 13),
        ("Squeeze", (1, 3, 1), {"axes": [2]}, 11),
        ("Unsqueeze", (1, 3), {"axes": [0]}, 11),
        ("Slice", (1, 6), {"starts": [1], "ends": [4], "axes": [1]}, 9),
        ("Clip", (1, 6), {"min": -0.1, "max": 0.1}, 9),
        ("Softmax", (1, 6), {}, 11),
    ],
)
def test_older_opsets(kind, shape, attrs, opset, tmp_path):
    model = one_node(kind, shape, opset=opset, **attrs)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    x = f32(*shape)
    wanted = ReferenceEvaluator(model).run(None, {"x": x})[0]
    graph = load_onnx(tmp_path / "m.onnx")
    assert np.allclose(run_float(graph, x)[graph.outputs[0]].reshape(wanted.shape), wanted, atol=1e-6)


FORMS = [
    {"rope_form": r, "qkv_form": q, "scale_form": s, "gelu_form": g, "decomposed": d}
    for (r, q, s), (g, d) in itertools.product(
        [("gather", "split", "both"), ("slices", "permute", "div"), ("none", "separate", "before")],
        [("node", False), ("erf", True)],
    )
    if not (g == "node" and d)
]


@pytest.mark.parametrize("form", FORMS, ids=lambda f: "-".join(str(v) for v in f.values()))
def test_whole_models_equal_onnxruntime(builders, tmp_path, form):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'validate'")
    model = builders.tiny_myo(**form)
    path = builders.save(model, tmp_path / "m.onnx")
    x = builders.windows(model, 5)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"emg": sample[None]})[0] for sample in x])
    graph = load_onnx(path)
    assert np.abs(run_float(graph, x)[graph.outputs[0]] - wanted).max() < 1e-5


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_erf_is_exact_to_1e12(values):
    assert np.abs(erf(np.array(values)) - [math.erf(v) for v in values]).max() < 1e-12


def test_erf_in_single_precision():
    grid = np.append(np.linspace(-7, 7, 20001), [0.0, -0.0, np.inf, -np.inf, 1e30]).astype(np.float32)
    found = erf(grid)
    assert found.dtype == np.float32
    assert np.abs(found - [math.erf(v) for v in grid]).max() < 5e-7
    assert np.isnan(erf(np.array([np.nan], np.float32)))


def test_gelu_forms_differ_by_less_than_5e4():
    x = np.linspace(-6, 6, 1001)
    assert 1e-5 < np.abs(gelu(x) - gelu(x, "tanh")).max() < 5e-4


def test_rotation_keeps_lengths():
    x = RNG.normal(size=(2, 3, 10, 8))
    angle = RNG.uniform(0, 6, (5, 4))
    y = rotate(x, np.cos(angle), np.sin(angle))
    assert np.allclose((y**2).sum(-1), (x**2).sum(-1))
    assert np.allclose(y[:, :, 5:], rotate(x[:, :, 5:], np.cos(angle), np.sin(angle)))


def test_wrong_input_is_refused(builders, tmp_path):
    graph = load_onnx(builders.save(builders.tiny_myo(), tmp_path / "m.onnx"))
    for shape in [(4, 40), (2, 4, 41), (0, 4, 40), (1, 40, 4)]:
        with pytest.raises(EmgEdgeError, match=r"need \(n, 4, 40\) with n >= 1"):
            run_float(graph, np.zeros(shape))


def test_onnx_version_of_the_builders_is_checked():
    assert tuple(int(v) for v in onnx.__version__.split(".")[:2]) >= (1, 15)
