"""Files that are quantised already: their grids and codes are taken as they are, or refused with node and reason."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from emg_edge._compile import compile_model
from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge._serialise import program_hash
from emg_edge.graph._graph import GivenGrid
from emg_edge.kernels import Linear
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.quantiser._options import QuantiseOptions
from emg_edge.quantiser._quantise import quantise
from emg_edge.quantiser._sqnr import layer_sqnr
from emg_edge.quantiser._superseded import grid_warnings


def marked(b, x, scale, zero=0, kind=np.int8, **attrs):
    """A QuantizeLinear and DequantizeLinear pair; the zero point is as long as the scale."""
    scale = np.asarray(scale, np.float32)
    parameters = b.constant(scale), b.constant(np.full(scale.shape, zero, kind))
    return b.op("DequantizeLinear", b.op("QuantizeLinear", x, *parameters, **attrs), *parameters, **attrs)


def stored(b, codes, scale, zero=0, **attrs):
    """A quantised constant behind its DequantizeLinear."""
    scale = np.asarray(scale, np.float32)
    zeros = b.constant(np.full(scale.shape, zero, codes.dtype))
    return b.op("DequantizeLinear", b.constant(codes), b.constant(scale), zeros, **attrs)


def read(builders, b, output, path, shape=(1, 6), out=(1, 3), opset=21):
    return load_onnx(builders.save(b.model(output, shape, out, opset=opset), path / "m.onnx"))


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(64, 6)).astype(np.float32)


def perceptron(b, **first):
    """Two layers with given weights; the second one's result has no grid."""
    rng = np.random.default_rng(5)
    codes = rng.integers(-90, 91, (4, 6)).astype(np.int8)
    scale = np.array([0.01, 0.02, 0.03, 0.005], np.float32)
    weight = stored(b, codes, scale, axis=0)
    bias = stored(b, np.arange(-200, 200, 100, np.int32), scale * np.float32(0.05), axis=0)
    hidden = b.op("Gemm", marked(b, "emg", 0.05), weight, bias, transB=1)
    hidden = marked(b, hidden, **first) if first else hidden
    last = rng.integers(-127, 128, (4, 3)).astype(np.uint8)
    return b.op("MatMul", hidden, stored(b, last, 0.0125, 128)), codes, last, scale


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
def test_grids_and_codes_of_the_file_are_those_of_the_program(builders, tmp_path, x, kind):
    b, offset = builders.Builder(), {"u": 128 if kind == np.uint8 else 32768}.get(np.dtype(kind).kind, 0)
    output, codes, last, scale = perceptron(b, scale=0.07, zero=offset + 3, kind=kind)
    program = quantise(read(builders, b, output, tmp_path), x)
    wide = np.dtype(kind).itemsize == 2
    first, second = program.ops
    source, hidden = program.tensors["emg"], program.tensors[first.output]
    assert (source.dtype, source.scale) == ("int8", np.float32(0.05))
    assert (hidden.dtype, hidden.zero_point, hidden.scale) == ("int16" if wide else "int8", 3, np.float32(0.07))
    assert np.array_equal(first.weight, codes)
    assert np.array_equal(first.bias, np.arange(-200, 200, 100))
    assert np.array_equal(second.weight, (last.astype(int) - 128).T)
    factors = np.float64(np.float32(0.05)) * scale.astype(np.float64) / np.float64(np.float32(0.07))
    np.testing.assert_allclose(first.mul * 2.0**-first.shift, factors, rtol=1e-8)
    assert program.tensors["logits"].dtype == "int16"  # calibrated, since the file leaves it open


def test_bias_correction_leaves_given_layers_alone(builders, tmp_path, x):
    b = builders.Builder()
    output, *_ = perceptron(b, scale=0.2)
    graph = read(builders, b, output, tmp_path)
    program = quantise(graph, x + 0.3)
    assert np.array_equal(program.ops[0].bias, np.arange(-200, 200, 100))
    assert min(layer_sqnr(graph, program, x).values()) > 15


def test_what_is_left_open_is_calibrated(builders, tmp_path, x):
    b = builders.Builder()
    output, codes, *_ = perceptron(b)
    program = quantise(read(builders, b, output, tmp_path), x)
    hidden = program.tensors[program.ops[0].output]
    assert hidden.scale > 0
    assert np.array_equal(program.ops[0].weight, codes)


def test_gains_behind_a_layer_scale_the_steps(builders, tmp_path, x):
    b = builders.Builder()
    codes = np.array([[127, -3, 5, 0, 1, 2]] * 3, np.int8)
    y = b.op("Gemm", "emg", stored(b, codes, 0.5), transB=1)
    y = b.op("Mul", y, b.constant(np.array([1.0, -2.0, 0.25], np.float32)))
    (op,) = quantise(read(builders, b, y, tmp_path), x).ops
    assert np.array_equal(op.weight, codes * np.array([[1], [-1], [1]]))


def test_a_grid_behind_a_layer_keeps_the_next_operator_apart(builders, tmp_path, x):
    b = builders.Builder()
    y = marked(b, b.op("MatMul", "emg", b.random(6, 3)), 0.06)
    y = b.op("Add", y, b.constant(np.array([1.0, 2.0, 3.0], np.float32)))
    program = quantise(read(builders, b, y, tmp_path), x)
    assert [op.kind for op in program.ops] == ["linear", "affine"]


def test_int16_with_an_int8_copy(builders, tmp_path, x):
    b = builders.Builder()
    y = marked(b, b.op("MatMul", "emg", b.random(6, 6)), 0.0005, kind=np.int16)
    narrow = marked(b, y, 0.04, zero=-9)
    y = b.op("Add", y, b.op("MatMul", narrow, b.random(6, 6)))
    program = quantise(read(builders, b, y, tmp_path, out=(1, 6)), x)
    assert [op.kind for op in program.ops] == ["linear", "requantise", "linear", "add"]
    copy = program.tensors[program.ops[1].output]
    assert (copy.dtype, copy.zero_point, copy.scale) == ("int8", -9, np.float32(0.04))


def test_a_grid_in_front_of_a_function_is_the_table_s(builders, tmp_path, x):
    b = builders.Builder()
    before = marked(b, b.op("MatMul", "emg", b.random(6, 3)), 0.05, zero=10)
    y = marked(b, b.op("Sigmoid", before), 1 / 255, zero=-128)
    (op,) = quantise(read(builders, b, y, tmp_path), x).ops
    assert isinstance(op, Linear)
    assert op.pre_zero == 10
    real = (np.arange(-128, 128) - 10) * float(np.float32(0.05))
    want = np.clip(np.rint(1 / (1 + np.exp(-real)) / float(np.float32(1 / 255))) - 128, -128, 127)
    assert np.array_equal(op.table[np.arange(-128, 128).astype(np.int8).view(np.uint8)], want)


def test_grids_behind_movement_belong_to_its_source(builders, tmp_path):
    b = builders.Builder()
    y = b.op("Conv", marked(b, "emg", 0.02, kind=np.int16), b.random(5, 2, 3, scale=0.3), strides=[3])
    y = marked(b, y, 0.031)
    y = b.op("Reshape", marked(b, b.op("Transpose", y, perm=[0, 2, 1]), 0.031), b.ints(1, 10))
    y = b.op("MatMul", y, b.random(10, 3))
    x = np.random.default_rng(0).normal(size=(32, 2, 6)).astype(np.float32)
    program = quantise(read(builders, b, y, tmp_path, shape=(1, 2, 6)), x)
    patches = next(op for op in program.ops if op.kind == "linear")
    assert program.tensors[patches.output].scale == np.float32(0.031)
    values = run_reference(program, {"emg": program.tensors["emg"].quantise(x)})
    assert values[program.outputs[0]].shape == (32, 3)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", ["QInt8", "QUInt8"])
def test_what_onnxruntime_quantised_gives_its_results(builders, tmp_path, x, per_channel, activations):
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        rows = iter([{"emg": row[None]} for row in x])

        def get_next(self):
            return next(self.rows, None)

    b = builders.Builder()
    y = b.op("Gemm", "emg", b.random(8, 6, scale=0.4), b.random(8, scale=0.1), transB=1)
    y = b.op("Gemm", b.op("Relu", y), b.random(3, 8, scale=0.4), b.random(3, scale=0.1), transB=1)
    path = builders.save(b.model(y, (1, 6), (1, 3)), tmp_path / "float.onnx")
    kinds = {"activation_type": getattr(QuantType, activations), "weight_type": QuantType.QInt8}
    quantize_static(
        str(path), str(tmp_path / "qdq.onnx"), Reader(), quant_format=QuantFormat.QDQ, per_channel=per_channel, **kinds
    )
    graph = load_onnx(tmp_path / "qdq.onnx")
    assert graph.given
    program = quantise(graph, x)
    session = InferenceSession(str(tmp_path / "qdq.onnx"), providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"emg": row[None]})[0] for row in x])
    out = program.tensors[program.outputs[0]]
    found = out.dequantise(run_reference(program, {"emg": program.tensors["emg"].quantise(x)})[out.name])
    assert np.abs(found - wanted).max() <= 1.01 * out.scale  # one code: the table in front of ReLU, and ties


def refused(builders, tmp_path, b, y, shape=(1, 6), out=(1, 3)):
    graph = read(builders, b, y, tmp_path, shape, out)
    with pytest.raises(UnsupportedError) as caught:
        quantise(graph, np.ones((2, *shape[1:]), np.float32))
    return str(caught.value)


def test_weights_without_a_symmetric_form_need_leave(builders, tmp_path, x):
    def case(function, shape=(1, 6)):
        b = builders.Builder()
        graph = read(builders, b, function(b), tmp_path, shape)
        samples = np.random.default_rng(0).normal(size=(8, *shape[1:])).astype(np.float32)
        with pytest.raises(
            UnsupportedError, match=r"more than 127 steps from their zero point.*requantise_weights=True"
        ):
            quantise(graph, samples)
        quantise(graph, samples, QuantiseOptions(requantise_weights=True))

    weight, low = np.full((3, 6), 5, np.int8), np.full((3, 6), -128, np.int8)
    case(lambda b: b.op("Gemm", "emg", stored(b, low, 0.1), transB=1))
    case(lambda b: b.op("Gemm", "emg", stored(b, weight, 0.1 * np.arange(1, 7), axis=1), transB=1))
    case(lambda b: b.op("MatMul", "emg", stored(b, np.arange(200, 218).reshape(6, 3).astype(np.uint8), 0.1, 60)))

    def patches(b):
        y = b.op("Conv", "emg", stored(b, np.full((3, 2, 3), -100, np.int8), 0.1, 28))
        return b.op("Reshape", y, b.ints(1, 3))

    case(patches, shape=(1, 2, 3))


def test_weights_with_a_zero_point_that_fit_are_taken_as_they_are(builders, tmp_path, x):
    b, codes = builders.Builder(), np.random.default_rng(1).integers(20, 230, (6, 3)).astype(np.uint8)
    program = quantise(read(builders, b, b.op("MatMul", "emg", stored(b, codes, 0.1, 120)), tmp_path), x)
    assert np.array_equal(program.ops[0].weight, codes.astype(int).T - 120)


def test_a_scale_per_channel_belongs_to_attention(builders, tmp_path):
    b = builders.Builder()
    message = refused(builders, tmp_path, b, marked(b, b.op("MatMul", "emg", b.random(6, 3)), np.full(3, 0.1), axis=1))
    assert "only q, k and v in front of attention have a scale per channel" in message


def test_two_grids_of_one_value_are_two_tensors(builders, tmp_path, x):
    b = builders.Builder()
    y = marked(b, marked(b, b.op("MatMul", "emg", b.random(6, 3)), 0.1), 0.03, zero=5)
    graph = canonicalise(read(builders, b, y, tmp_path))
    program = quantise(graph, x)
    assert [op.kind for op in program.ops] == ["linear", "requantise"]
    steps = [(program.tensors[op.output].scale, program.tensors[op.output].zero_point) for op in program.ops]
    assert steps == [(np.float32(0.1), 0), (np.float32(0.03), 5)]
    assert grid_warnings(graph) == []


def test_parts_of_a_value_with_grids_of_their_own_are_requantised(builders, tmp_path, x):
    b = builders.Builder()
    halves = b.op("Split", b.op("MatMul", "emg", b.random(6, 6)), b.ints(3, 3), outputs=2, axis=1)
    y = b.op("Add", marked(b, halves[0], 0.05), marked(b, halves[1], 0.02))
    program = quantise(read(builders, b, y, tmp_path), x)
    assert {program.tensors[op.output].scale for op in program.ops if op.kind == "requantise"} == {
        np.float32(0.05),
        np.float32(0.02),
    }


def test_int16_grids_that_operators_cannot_use_give_way_with_a_warning(builders, tmp_path, x):
    b = builders.Builder()
    y = marked(b, b.op("MatMul", "emg", b.random(6, 3)), 0.001, kind=np.int16)
    graph = canonicalise(read(builders, b, marked(b, b.op("Sigmoid", y), 0.0001, kind=np.int16), tmp_path))
    (warning,) = grid_warnings(graph)
    assert warning == (
        "1 grids of the file give way, because each one's value has a writer or reader that cannot use it "
        "(its operator writes int8): n5"
    )
    program = quantise(graph, x)
    assert [op.kind for op in program.ops] == ["linear", "requantise", "table"]
    assert program.tensors[program.ops[0].output].scale == np.float32(0.001)


def test_a_maximum_has_the_grid_behind_it(builders, tmp_path):
    b = builders.Builder()
    y = b.op("Conv", "emg", b.random(4, 2, 3, scale=0.3), pads=[1, 1])
    y = marked(b, b.op("MaxPool", y, kernel_shape=[2], strides=[2]), 0.04, zero=-3)
    y = b.op("MatMul", b.op("Flatten", y), b.random(12, 3))
    x = np.random.default_rng(0).normal(size=(16, 2, 6)).astype(np.float32)
    graph = canonicalise(read(builders, b, y, tmp_path, shape=(1, 2, 6)))
    program = quantise(graph, x)
    conv = next(op for op in program.ops if op.kind == "conv")
    assert (program.tensors[conv.output].scale, program.tensors[conv.output].zero_point) == (np.float32(0.04), -3)
    assert grid_warnings(graph) == []


def test_grids_inside_an_operator_give_way_with_a_warning(builders, tmp_path, x):
    b = builders.Builder()
    mean = marked(b, b.op("ReduceMean", "emg", b.ints(1), keepdims=1), 0.01)
    centred = b.op("Sub", "emg", mean)
    variance = b.op("ReduceMean", b.op("Mul", centred, centred), b.ints(1), keepdims=1)
    spread = b.op("Sqrt", b.op("Add", variance, b.constant(np.float32(1e-5))))
    y = b.op("Add", b.op("Mul", b.op("Div", centred, spread), b.random(6)), b.random(6))
    graph = canonicalise(read(builders, b, y, tmp_path, out=(1, 6)))
    assert [node.op for node in graph.nodes] == ["layernorm"]
    assert grid_warnings(graph) == [
        "1 grids of the file give way, because each one's value lives inside an integer operator, whose own arithmetic "
        "is finer: n2"
    ]


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_grids_inside_a_decomposed_gelu_give_way(builders, tmp_path, x, form):
    b = builders.Builder()
    y = marked(b, b.op("MatMul", "emg", b.random(6, 3)), 0.05)
    begin = len(b.nodes)
    builders.gelu(b, y, form)
    inner, b.nodes = b.nodes[begin:], b.nodes[:begin]
    renamed = {}
    for node in inner:
        inputs = [renamed.get(name, name) for name in node.input]
        made = b.op(node.op_type, *inputs)
        renamed[node.output[0]] = marked(b, made, 0.05)
    graph = canonicalise(read(builders, b, renamed[inner[-1].output[0]], tmp_path))
    assert [(node.op, node.attrs["function"]) for node in graph.nodes] == [
        ("linear", "gelu" if form == "erf" else "gelu_tanh")
    ]
    (warning,) = grid_warnings(graph)
    assert warning.count(",") >= len(inner) - 2


def test_nodes_that_fit_no_form_are_refused_at_the_import(builders, tmp_path):
    def case(function, error=UnsupportedError):
        b = builders.Builder()
        with pytest.raises(error) as caught:
            read(builders, b, function(b), tmp_path)
        return str(caught.value)

    one = np.float32(0.1)
    blocks = case(lambda b: b.op("QuantizeLinear", "emg", b.constant(one), b.constant(np.int8(0)), block_size=2))
    assert "n1 (QuantizeLinear): quantises in blocks; quantise per tensor or per channel" in blocks
    assert "quantises a computed value to INT32" in case(lambda b: marked(b, "emg", 0.1, kind=np.int32))
    assert "has codes of type INT64" in case(lambda b: marked(b, "emg", 0.1, kind=np.int64))
    float8 = case(lambda b: b.op("QuantizeLinear", "emg", b.constant(one), output_dtype=17))
    assert "writes codes of ONNX type 17" in float8

    def other_axis(b):
        y = marked(b, b.op("Reshape", "emg", b.ints(1, 2, 3)), [0.1, 0.2], axis=1)
        return b.op("Conv", y, b.random(3, 2, 3))

    def uneven(b):
        zeros = b.constant(np.arange(6, dtype=np.int8))
        return b.op("QuantizeLinear", "emg", b.constant(np.full(6, one)), zeros, axis=1)

    assert "has a scale per channel of an axis that is not the last" in case(other_axis)
    assert "has zero points that differ; use one zero point" in case(uneven)
    raw = case(lambda b: b.op("Relu", b.op("QuantizeLinear", "emg", b.constant(one), b.constant(np.int8(0)))))
    assert "Relu): reads integers; give the file in QDQ form" in raw
    codes = case(lambda b: b.op("Relu", b.op("QuantizeLinear", "emg", b.constant(one), b.constant(np.int8(0)))))
    assert "reads integers" in codes

    def mixed(b):
        stored_ = b.op("QuantizeLinear", "emg", b.constant(one), b.constant(np.int8(0)))
        return b.op("DequantizeLinear", stored_, b.constant(np.float32(0.2)), b.constant(np.int8(0)))

    assert "reads codes of 'n1' on another grid; give both one scale and zero point" in case(mixed)
    floats = case(lambda b: b.op("DequantizeLinear", "emg", b.constant(one), b.constant(np.int8(0))))
    assert "reads integers that no QuantizeLinear wrote" in floats
    wrong = case(lambda b: marked(b, "emg", [0.1, 0.2], axis=1), EmgEdgeError)
    assert "2 scales for axis 1 of (1, 6); need one, or one each" in wrong
    assert "must be positive and zero points" in case(lambda b: marked(b, "emg", -0.1), EmgEdgeError)


def test_an_integer_output_is_refused(tmp_path):
    arrays = [numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.int8(0), "z")]
    node = helper.make_node("QuantizeLinear", ["emg", "s", "z"], ["codes"], name="last")
    ports = [helper.make_tensor_value_info("emg", TensorProto.FLOAT, [1, 6])]
    outputs = [helper.make_tensor_value_info("codes", TensorProto.INT8, [1, 6])]
    graph = helper.make_graph([node], "net", ports, outputs, arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "m.onnx")
    with pytest.raises(EmgEdgeError, match="output 'codes' is integer; let the model return float32"):
        load_onnx(tmp_path / "m.onnx")


def test_constants_of_nodes_keep_their_type(builders, tmp_path, x):
    b = builders.Builder()
    scale = b.op("Constant", value=numpy_helper.from_array(np.float32(0.05)))
    zero = b.op("Constant", value=numpy_helper.from_array(np.int16(0)))
    y = b.op("DequantizeLinear", b.op("QuantizeLinear", "emg", scale, zero), scale, zero)
    program = quantise(read(builders, b, b.op("MatMul", y, b.random(6, 3)), tmp_path), x)
    assert (program.tensors["emg"].dtype, program.tensors["emg"].scale) == ("int16", np.float32(0.05))


@pytest.fixture(scope="module")
def encoder(builders, tmp_path_factory):
    """A canonical network with attention, the name of its q, k and v, and windows."""
    model = builders.tiny_myo(channels=2, patches=3, patch=4, width=8, outputs=3)
    graph = canonicalise(load_onnx(builders.save(model, tmp_path_factory.mktemp("m") / "m.onnx")))
    attention = next(node for node in graph.nodes if node.op == "attention")
    return graph, attention, builders.windows(model, 16)


def given(graph, name, *grids):
    fields = ("dtype", "scale", "zero_point")
    return replace(graph, given={name: tuple(GivenGrid(**dict(zip(fields, g, strict=True)), node="q") for g in grids)})


def test_scales_per_head(encoder):
    graph, attention, x = encoder
    heads, width = attention.attrs["heads"], attention.attrs["width"]
    scales = np.repeat(np.arange(1, 3 * heads + 1) * 0.01, width)
    one = quantise(given(graph, attention.inputs[0], ("int8", (0.03,), 0)), x)
    each = quantise(given(graph, attention.inputs[0], ("int8", tuple(scales), 0)), x)
    linear = next(op for op in each.ops if op.output == attention.inputs[0])
    before = next(op for op in one.ops if op.output == attention.inputs[0])
    ratio = (linear.mul * 2.0**-linear.shift) / (before.mul * 2.0**-before.shift)
    np.testing.assert_allclose(ratio, 0.03 / scales, rtol=1e-6)


@pytest.mark.parametrize("grid", [("int16", (0.01,), 0), ("int8", (0.01,), 4), ("int8", (0.01, 0.02), 0)])
def test_grids_that_attention_cannot_use_give_way(encoder, grid):
    graph, attention, x = encoder
    odd = given(graph, attention.inputs[0], grid)
    assert grid_warnings(odd) == [
        "1 grids of the file give way, because each one's value is q, k or v, which attention reads on one symmetric "
        "int8 grid a head: q"
    ]
    assert program_hash(quantise(odd, x)) == program_hash(quantise(graph, x))


def test_a_head_has_one_scale(encoder):
    graph, attention, x = encoder
    channels = graph.shape(graph.producers[attention.inputs[0]].inputs[1])[0]
    odd = given(graph, attention.inputs[0], ("int8", tuple(0.01 * (1 + i) for i in range(channels)), 0))
    assert "one symmetric int8 grid a head: q" in grid_warnings(odd)[0]
    quantise(odd, x)


def test_a_transposed_value_is_read_in_int8(builders, tmp_path):
    b = builders.Builder()
    y = marked(b, b.op("MatMul", "emg", b.random(6, 6)), 0.0005, kind=np.int16)
    y = b.op("Transpose", y, perm=[0, 2, 1])
    y = b.op("MatMul", b.op("Reshape", b.op("Sigmoid", y), b.ints(1, 12)), b.random(12, 3))
    graph = canonicalise(read(builders, b, y, tmp_path, shape=(1, 2, 6)))
    assert quantise(graph, np.random.default_rng(0).normal(size=(8, 2, 6)).astype(np.float32)).ops
    assert len(graph.given) == 1


def test_float_weights_behind_a_pair_are_rounded_as_it_says(builders, tmp_path, x):
    b = builders.Builder()
    weight = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    step = np.array([0.02, 0.03, 0.04], np.float32)
    y = b.op("Gemm", "emg", marked(b, b.constant(weight), step, axis=0), transB=1)
    (op,) = quantise(read(builders, b, y, tmp_path), x).ops
    assert np.array_equal(op.weight, np.clip(np.rint(weight / step[:, None].astype(float)), -127, 127))


def test_a_pair_without_zero_point_is_unsigned(builders, tmp_path, x):
    b = builders.Builder()
    y = b.op("Relu", b.op("MatMul", "emg", b.random(6, 3)))
    scale = b.constant(np.float32(0.02))
    y = b.op("DequantizeLinear", b.op("QuantizeLinear", y, scale), scale)
    program = quantise(read(builders, b, y, tmp_path), x)
    assert (program.tensors["logits"].zero_point, program.tensors["logits"].dtype) == (-128, "int8")


def test_attention_writes_bytes(encoder):
    graph, attention, x = encoder
    wide = given(graph, attention.output, ("int16", (0.01,), 0))
    assert "(its operator writes int8): q" in grid_warnings(wide)[0]
    assert program_hash(quantise(wide, x)) == program_hash(quantise(graph, x))


def test_the_reader_of_a_symmetric_grid_refuses_a_zero_point(encoder):
    graph, attention, x = encoder
    source = attention.inputs[0]
    shared = replace(graph, outputs=(*graph.outputs, source), output_names=())  # no grid a head where others read it
    odd = given(shared, source, ("int8", (0.01,), 9))
    assert "(its readers need zero point 0): q" in grid_warnings(odd)[0]
    assert quantise(odd, x).tensors[source].zero_point == 0


def test_compile_lists_the_grids_that_give_way(builders, tmp_path):
    b = builders.Builder()
    y = marked(b, b.op("Sigmoid", b.op("MatMul", "emg", b.random(6, 3))), 0.0001, kind=np.int16)
    path = builders.save(b.model(y, (1, 6), (1, 3), opset=21), tmp_path / "m.onnx")
    windows = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    compiled = compile_model(path, windows, target="host", out=tmp_path / "out")
    assert any(w.startswith("1 grids of the file give way") for w in compiled.warnings)
