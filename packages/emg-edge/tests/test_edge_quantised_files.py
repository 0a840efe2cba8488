"""Files of other quantizers on their own scales: our integers against onnxruntime running the same file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.quantiser._options import QuantiseOptions
from emg_edge.quantiser._quantise import quantise
from emg_edge.quantiser._superseded import grid_warnings


@pytest.fixture(scope="module")
def files():
    spec = importlib.util.spec_from_file_location("edge_quantised", Path(__file__).with_name("edge_quantised.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def windows(shape, n, seed):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def compared(files, path, x, options=None):
    """Return our outputs and onnxruntime's, the size of a step, and the program."""
    program = quantise(load_onnx(path), x, options)
    out = program.tensors[program.outputs[0]]
    fresh = windows(x.shape[1:], 48, 9)
    stored = run_reference(program, {"emg": program.tensors["emg"].quantise(fresh)})[out.name]
    wanted = files.onnxruntime_results(path, fresh)
    return out.dequantise(stored).reshape(wanted.shape), wanted, out.scale, program


NETWORKS = ["perceptron", "convolutions"]
SETTINGS = {
    "qdq": {"per_channel": True},
    "qdq-symmetric": {"extra_options": {"ActivationSymmetric": True}, "reduce_range": True, "per_channel": True},
    "operators-unsigned": {"operators": True, "activations": "QUInt8", "per_channel": True},
}


@pytest.mark.parametrize("setting", sorted(SETTINGS))
@pytest.mark.parametrize("network", NETWORKS)
def test_onnxruntime_networks_agree_within_a_step(files, builders, tmp_path, network, setting):
    model = getattr(files, network)(builders)
    x = windows([d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:], 32, 1)
    source = builders.save(model, tmp_path / "float.onnx")
    path = files.onnxruntime_quantised(source, tmp_path / "q.onnx", x, **SETTINGS[setting])
    found, wanted, step, program = compared(files, path, x)
    assert program.tensors["emg"].dtype == "int8"
    assert np.abs(found - wanted).max() <= 1.01 * step
    assert (np.abs(found - wanted) > 0.5 * step).mean() <= 0.05
    assert grid_warnings(canonicalise(load_onnx(path))) == []


def test_asymmetric_weights_need_leave_and_then_agree_nearly(files, builders, tmp_path):
    source = builders.save(files.perceptron(builders), tmp_path / "float.onnx")
    x = windows((6,), 32, 1)
    path = files.onnxruntime_quantised(source, tmp_path / "q.onnx", x, activations="QUInt8", weights="QUInt8")
    with pytest.raises(UnsupportedError, match="allow requantise_weights=True"):
        quantise(load_onnx(path), x)
    found, wanted, step, _ = compared(files, path, x, QuantiseOptions(requantise_weights=True))
    assert np.abs(found - wanted).max() <= 6.0 * step


def sqnr(found, wanted):
    return 10.0 * np.log10(np.square(wanted).sum() / np.square(found - wanted).sum())


ENCODERS = {
    "rotated": ({"rope_form": "half", "scale_form": "div"}, {"activations": "QUInt8", "per_channel": True}),
    "decomposed": ({"rope_form": "none", "decomposed": True, "gelu_form": "erf", "qkv_form": "separate"}, {}),
    "operators": ({"rope_form": "none", "gelu_form": "tanh"}, {"operators": True}),
}


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_onnxruntime_encoders_are_no_worse_than_onnxruntime(files, builders, tmp_path, name):
    shape, setting = ENCODERS[name]
    model = builders.tiny_myo(channels=3, patches=4, **shape)
    source, x = builders.save(model, tmp_path / "float.onnx"), builders.windows(model, 32)
    path = files.onnxruntime_quantised(source, tmp_path / "q.onnx", x, **setting)
    found, wanted, _, _ = compared(files, path, x)
    exact = files.onnxruntime_results(source, windows(x.shape[1:], 48, 9))
    assert sqnr(found, wanted) > 24.0
    assert sqnr(found, exact) > sqnr(wanted, exact) - 1.0
    assert any("lives inside an integer operator" in text for text in grid_warnings(canonicalise(load_onnx(path))))


@pytest.mark.parametrize("exporter", ["torchao", "brevitas"])
def test_files_of_other_exporters_agree_within_a_step(files, builders, tmp_path, exporter):
    model = getattr(files, exporter)(builders)
    x = windows([d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:], 32, 1)
    path = builders.save(model, tmp_path / "m.onnx")
    found, wanted, step, program = compared(files, path, x)
    assert np.abs(found - wanted).max() <= 1.01 * step
    assert grid_warnings(canonicalise(load_onnx(path))) == []
    assert [op.kind for op in program.ops].count("requantise") == (exporter == "brevitas")


def codes(b, x, scale=0.05, zero=3):
    return b.op("QuantizeLinear", x, b.constant(np.float32(scale)), b.constant(np.int8(zero)))


def ends(b, scale=0.05, zero=3):
    return b.constant(np.float32(scale)), b.constant(np.int8(zero))


def loaded(builders, tmp_path, function, shape=(1, 6), opset=21):
    b = builders.Builder()
    model = b.model(function(b), shape, (1, 3), opset=opset)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    return load_onnx(tmp_path / "m.onnx")


UNARY = {"QLinearSigmoid": {}, "QLinearLeakyRelu": {"alpha": 0.1}, "QLinearSoftmax": {"axis": 1, "opset": 13}}


SCALES = {
    "QGemm": 0.03,
    "QLinearAdd": 0.07,
    "QLinearConcat": 0.06,
    "QLinearLeakyRelu": 0.05,
    "QLinearMul": 0.07,
    "QLinearSigmoid": 0.01,
    "QLinearSoftmax": 0.01,
}


def microsoft(name):
    """A network around one operator of com.microsoft, from the builder to its output."""

    def build(b):
        x = codes(b, "emg")
        if name in UNARY:
            y = b.op(name, x, *ends(b), *ends(b, SCALES[name]), domain="com.microsoft", **UNARY[name])
        elif name == "QLinearConcat":
            other = b.op("QLinearSigmoid", x, *ends(b), *ends(b, 0.01), domain="com.microsoft")
            y = b.op(name, *ends(b, 0.06), x, *ends(b), other, *ends(b, 0.01), axis=1, domain="com.microsoft")
        elif name in {"QLinearAdd", "QLinearMul"}:
            other = b.constant(np.array([[5, -3, 8, 1, 100, -100]], np.int8))
            y = b.op(name, x, *ends(b), other, *ends(b, 0.02, 1), *ends(b, 0.07), domain="com.microsoft")
        else:
            weight = b.constant(np.arange(-9, 9, dtype=np.int8).reshape(6, 3))
            bias = b.constant(np.array([7, -5, 1], np.int32))
            y = b.op(
                name, x, *ends(b), weight, *ends(b, 0.02, 0), bias, *ends(b, 0.03), domain="com.microsoft", alpha=0.5
            )
        return b.op("DequantizeLinear", y, *ends(b, SCALES[name]))

    return build


@pytest.mark.parametrize("name", sorted(SCALES))
def test_operators_of_microsoft_mean_what_onnxruntime_computes(files, builders, tmp_path, name):
    from emg_edge.graph._float import run_float

    graph = loaded(builders, tmp_path, microsoft(name))
    x = np.rint(windows((6,), 16, 2) / np.float32(0.05)) * np.float32(0.05)  # on the grid, so that only the last rounds
    found = run_float(graph, x)[graph.outputs[0]]
    wanted = files.onnxruntime_results(tmp_path / "m.onnx", x).reshape(found.shape)
    assert np.abs(found - wanted).max() <= 0.55 * SCALES[name] + 0.004


def test_pools_in_operator_form(files, builders, tmp_path):
    from emg_edge.graph._float import run_float

    def build(b):
        attrs = {"kernel_shape": [2], "strides": [2]}
        y = b.op("QLinearAveragePool", codes(b, "emg"), *ends(b), *ends(b), domain="com.microsoft", **attrs)
        y = b.op("QLinearGlobalAveragePool", y, *ends(b), *ends(b), domain="com.microsoft", channels_last=0)
        return b.op("DequantizeLinear", b.op("Flatten", y), *ends(b))

    graph = loaded(builders, tmp_path, build, shape=(1, 3, 8))
    x = windows((3, 8), 8, 4)
    found = run_float(graph, x)[graph.outputs[0]]
    assert np.abs(found - files.onnxruntime_results(tmp_path / "m.onnx", x)).max() <= 0.1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda b: b.op("DynamicQuantizeLinear", "emg", outputs=3)[0], r"scales at run time.*quantise statically"),
        (lambda b: b.op("MatMulInteger", codes(b, "emg"), b.constant(np.ones((6, 3), np.int8))), "run time"),
        (lambda b: b.op("Concat", codes(b, "emg"), codes(b, "emg", 0.1), axis=1), "joins codes of different grids"),
        (
            lambda b: b.op(
                "QLinearGlobalAveragePool", codes(b, "emg"), *ends(b), *ends(b), domain="com.microsoft", channels_last=1
            ),
            "pools with channels last",
        ),
    ],
)
def test_operators_on_codes_that_are_refused(builders, tmp_path, function, message):
    with pytest.raises(UnsupportedError, match=message):
        loaded(builders, tmp_path, function)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda b: b.op("Clip", codes(b, "emg"), b.constant(np.array([1, 2], np.int8))), "must be single integers"),
        (lambda b: b.op("QLinearConcat", *ends(b), codes(b, "emg"), domain="com.microsoft"), "with every part"),
        (
            lambda b: b.op("QGemm", codes(b, "emg"), "", "", codes(b, "emg"), *ends(b), "emg", domain="com.microsoft"),
            "scale is missing",
        ),
    ],
)
def test_malformed_operators_on_codes(builders, tmp_path, function, message):
    with pytest.raises(EmgEdgeError, match=message):
        loaded(builders, tmp_path, function)
