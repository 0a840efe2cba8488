"""Small sound models that the campaign damages: every family of operators, float and quantised, as bytes."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from types import ModuleType

TESTS = Path(__file__).parents[1] / "tests"


@cache
def builders() -> ModuleType:
    """The builders that the tests use."""
    spec = importlib.util.spec_from_file_location("edge_onnx", TESTS / "edge_onnx.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _perceptron() -> onnx.ModelProto:
    b = builders().Builder(1)
    y = b.op("Gemm", "emg", b.random(8, 6), b.random(8), transB=1)
    y = b.op("LayerNormalization", b.op("Relu", y), b.random(8), b.random(8), axis=-1)
    y = b.op("Add", b.op("MatMul", b.op("Tanh", y), b.random(8, 3)), b.random(3))
    return b.model(y, [1, 6], [1, 3])


def _encoder(**options: object) -> onnx.ModelProto:
    sizes = {"channels": 2, "patches": 3, "patch": 4, "width": 4, "outputs": 3}
    return builders().tiny_myo(**{**sizes, **options})


def _patches() -> onnx.ModelProto:
    b = builders().Builder(2)
    y = b.op("Conv", "emg", b.random(5, 2, 3, scale=0.3), b.random(5), strides=[3])
    y = b.op("Transpose", b.op("Clip", y, b.constant(np.float32(-1)), b.constant(np.float32(1))), perm=[0, 2, 1])
    y = b.op("Reshape", y, b.ints(1, -1))
    return b.model(b.op("Gemm", y, b.random(20, 3), b.random(3)), [1, 2, 12], [1, 3])


def _convolutions() -> onnx.ModelProto:
    b = builders().Builder(3)
    y = b.op("Conv", "emg", b.random(4, 2, 3), b.random(4), pads=[1, 1])
    y = b.op("BatchNormalization", y, *(b.constant(np.linspace(0.5, 1.5, 4, dtype=np.float32)) for _ in range(4)))
    y = b.op("MaxPool", b.op("Relu", y), kernel_shape=[2], strides=[2])
    y = b.op("Flatten", b.op("GlobalAveragePool", y))
    return b.model(b.op("MatMul", y, b.random(4, 3)), [1, 2, 12], [1, 3])


def _shapes() -> onnx.ModelProto:
    """What exporters compute with shapes and constants."""
    b = builders().Builder(4)
    rows = b.op("Gather", b.op("Shape", "emg"), b.constant(np.int64(1)), axis=0)
    shape = b.op("Concat", b.ints(1), b.op("Unsqueeze", rows, b.ints(0)), b.ints(-1), axis=0)
    y = b.op("Reshape", "emg", shape)
    line = b.op("Cast", b.op("Range", b.constant(np.int64(0)), rows, b.constant(np.int64(1))), to=1)
    grid = b.op("Expand", b.op("Unsqueeze", line, b.ints(1)), b.ints(4, 6))
    y = b.op("Add", y, b.op("Where", b.op("Less", grid, b.constant(np.float32(2))), grid, b.constant(np.float32(0))))
    halves = b.op("Split", y, b.ints(3, 3), outputs=2, axis=2)
    y = b.op("Concat", *(b.op("Slice", half, b.ints(0), b.ints(2), b.ints(2)) for half in halves), axis=2)
    y = b.op("ReduceMean", b.op("MatMul", y, b.random(4, 3)), b.ints(1), keepdims=0)
    return b.model(y, [1, 4, 6], [1, 3])


def _qdq() -> onnx.ModelProto:
    b = builders().Builder(5)

    def marked(x: str, scale: float, zero: int) -> str:
        pair = b.constant(np.float32(scale)), b.constant(np.int8(zero))
        return b.op("DequantizeLinear", b.op("QuantizeLinear", x, *pair), *pair)

    rng = np.random.default_rng(5)
    codes = b.constant(rng.integers(-127, 128, (4, 6)).astype(np.int8))
    steps, zeros = b.constant(np.full(4, 0.01, np.float32)), b.constant(np.zeros(4, np.int8))
    weight = b.op("DequantizeLinear", codes, steps, zeros, axis=0)
    y = marked(b.op("Gemm", marked("emg", 0.02, 3), weight, b.random(4), transB=1), 0.03, -7)
    y = marked(b.op("Sigmoid", y), 1 / 256, -128)
    return b.model(marked(b.op("MatMul", y, b.random(4, 3)), 0.02, 0), [1, 6], [1, 3], opset=21)


def _qoperator() -> onnx.ModelProto:
    b = builders().Builder(6)
    scale, zero = b.constant(np.float32(0.05)), b.constant(np.uint8(120))
    codes = b.constant(np.random.default_rng(6).integers(-127, 128, (6, 3)).astype(np.int8))
    weight = codes, b.constant(np.full(3, 0.01, np.float32)), b.constant(np.zeros(3, np.int8))
    y = b.op("QLinearMatMul", b.op("QuantizeLinear", "emg", scale, zero), scale, zero, *weight, scale, zero)
    return b.model(b.op("DequantizeLinear", y, scale, zero), [1, 6], [1, 3], opset=21)


def _recurrent(kind: str, gates: int) -> onnx.ModelProto:
    b = builders().Builder(7)
    y = b.op("Transpose", "emg", perm=[2, 0, 1])
    weights = (b.random(1, 4 * gates, width) for width in (2, 4))
    states = b.op(kind, y, *weights, b.random(1, 8 * gates), outputs=2, hidden_size=4)
    return b.model(b.op("MatMul", b.op("Squeeze", states[1], b.ints(0)), b.random(4, 3)), [1, 2, 5], [1, 3])


def _external() -> onnx.ModelProto:
    """A model whose first weights lie in a file beside it."""
    model = _perceptron()
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "m.onnx.data"), ("offset", "0"), ("length", str(len(tensor.raw_data)))):
        tensor.external_data.add(key=key, value=value)
    tensor.ClearField("raw_data")
    return model


def _control_flow() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Constant", [], ["y"], value=numpy_helper.from_array(np.zeros((1, 3), np.float32)))],
        "branch",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    b = builders().Builder(8)
    y = b.op("If", b.constant(np.array(True)), then_branch=body, else_branch=body)
    return b.model(b.op("Add", y, b.op("MatMul", "emg", b.random(6, 3))), [1, 6], [1, 3])


MODELS = {
    "perceptron": _perceptron,
    "encoder": _encoder,
    "decomposed": lambda: _encoder(decomposed=True, gelu_form="erf", scale_form="div"),
    "rotated": lambda: _encoder(rope_form="slice", head="concat", scale_form="mul"),
    "patches": _patches,
    "convolutions": _convolutions,
    "shapes": _shapes,
    "qdq": _qdq,
    "qoperator": _qoperator,
    "lstm": lambda: _recurrent("LSTM", 4),
    "gru": lambda: _recurrent("GRU", 3),
    "external": _external,
    "control-flow": _control_flow,
}


@cache
def specimen(name: str) -> bytes:
    """A sound model (some of operators that are refused), serialised."""
    return bytes(MODELS[name]().SerializeToString())
