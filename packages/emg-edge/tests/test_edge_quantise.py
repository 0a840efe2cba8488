"""The quantiser: accuracy in dB against float, what lands in which integers, and every option."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import run_float
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.kernels import Linear
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.quantiser._correct import _shifted
from emg_edge.quantiser._options import QuantiseOptions
from emg_edge.quantiser._quantise import quantise
from emg_edge.quantiser._sqnr import layer_sqnr
from emg_edge.quantiser._weights import quantise_weights


@pytest.fixture(scope="module")
def model(builders):
    return builders.tiny_myo(channels=4, patches=5, patch=8, width=16, outputs=6)


@pytest.fixture(scope="module")
def graph(builders, model, tmp_path_factory):
    return load_onnx(builders.save(model, tmp_path_factory.mktemp("m") / "m.onnx"))


@pytest.fixture(scope="module")
def windows(builders, model):
    return builders.windows(model, 64, seed=1), builders.windows(model, 200, seed=2)


@pytest.fixture(scope="module")
def program(graph, windows):
    return quantise(graph, windows[0])


def logits(program, x):
    (name,), (out,) = program.inputs, program.outputs
    tensor = program.tensors[out]
    return tensor.dequantise(run_reference(program, {name: program.tensors[name].quantise(x)})[out])


def test_accuracy_on_unseen_windows(graph, program, windows):
    sqnr = layer_sqnr(graph, program, windows[1])
    assert set(sqnr) == {op.name for op in program.ops}
    assert min(sqnr.values()) > 25
    assert sqnr[program.ops[-1].name] > 28
    wanted = run_float(graph, windows[1])[graph.outputs[0]]
    agreement = (logits(program, windows[1]).argmax(1) == wanted.argmax(1)).mean()
    assert agreement > 0.97


def test_the_program_says_what_it_is(graph, program):
    assert program.name == "tiny_myo"
    assert program.metadata == graph.metadata
    assert (program.inputs, program.outputs) == (("emg",), ("logits",))
    canonical = canonicalise(graph)
    assert [op.name for op in program.ops] == [n.name for n in canonical.nodes]
    assert set(program.tensors) == set(canonical.values)
    for name, tensor in program.tensors.items():
        assert tensor.size == canonical.values[name].size
        assert isinstance(tensor.scale, float)


def test_which_integers_hold_what(program):
    dtypes = {name: t.dtype for name, t in program.tensors.items()}
    wide = {n for n, d in dtypes.items() if d == "int16"}
    ports = {"emg", "n2", "norm", "mean", "logits"}
    assert wide == {n for n in dtypes if n in ports or any(word in n for word in ("add", "affine", "proj", "fc2"))}
    assert program.tensors["attn_qkv"].scale == 0.0
    assert {t.zero_point for n, t in program.tensors.items() if n in {"emg", "attn_qkv"}} == {0}
    fc1 = program.tensors["blocks_0_mlp_fc1"]
    assert fc1.zero_point < -90  # GELU is hardly ever negative
    assert fc1.zero_point * -fc1.scale + 127 * fc1.scale > 0


def test_quantising_twice_gives_the_same_bits(graph, program, windows):
    again = quantise(graph, windows[0])
    for a, b in zip(program.ops, again.ops, strict=True):
        for name, array in a.constants().items():
            assert np.array_equal(array, b.constants()[name])
    assert program.tensors == again.tensors


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"method": "minmax"}, 25), ({"method": "percentile", "percentile": 99.9}, 25), ({"input_dtype": "int8"}, 28),
        ({"residual_dtype": "int8"}, 22), ({"headroom": 1.0}, 28),
        ({"bias_correction": False}, 28),
        ({"wide": ("mean",)}, 28),
    ],
)  # fmt: skip
def test_every_option_gives_a_working_program(graph, windows, options, least):
    program = quantise(graph, windows[0], QuantiseOptions(**options))
    program.verify()
    assert layer_sqnr(graph, program, windows[1])[program.ops[-1].name] > least


def test_the_int16_stream_pays(graph, program, windows):
    narrow = quantise(graph, windows[0], QuantiseOptions(residual_dtype="int8", input_dtype="int8"))
    assert {t.dtype for n, t in narrow.tensors.items() if n != "logits"} == {"int8"}
    last = program.ops[-1].name
    assert layer_sqnr(graph, program, windows[1])[last] > layer_sqnr(graph, narrow, windows[1])[last] + 1.0


def test_bias_correction_removes_the_mean_error(graph, program, windows):
    plain = quantise(graph, windows[0], QuantiseOptions(bias_correction=False))
    wanted = run_float(graph, windows[0])[graph.outputs[0]]
    before, after = (np.abs((logits(p, windows[0]) - wanted).mean(0)).max() for p in (plain, program))
    assert after < before


def test_loud_heads_do_not_drown_quiet_ones(graph, windows):
    """One head of q 30 times louder than the other: scales per head keep the quiet one's accuracy."""
    canonical = canonicalise(graph)
    node = next(n for n in canonical.nodes if n.name == "attn_qkv")
    weight, bias = (canonical.constants[name].copy() for name in node.inputs[1:])
    rows = slice(16, 32)  # second head of q; its keys shrink, so that scores stay the same
    weight[rows] *= 30.0
    bias[rows] *= 30.0
    keys = slice(48, 64)
    weight[keys] /= 30.0
    bias[keys] /= 30.0
    loud = replace(canonical, constants={**canonical.constants, node.inputs[1]: weight, node.inputs[2]: bias})
    sqnr = layer_sqnr(loud, quantise(loud, windows[0]), windows[1])
    assert sqnr["attn"] > 26


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-30, 1e-6, 1.0]))
def test_weights_and_biases_are_close(seed, quiet):
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(4, 7)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    weight[1] *= quiet
    stored, b, scale = quantise_weights(weight, bias, 0.01)
    assert stored.dtype == np.int8
    assert np.abs(stored.astype(int)).max() <= 127
    assert (np.abs(stored * scale[:, None] - weight) <= scale[:, None] * 0.5 + 1e-12).all()
    assert np.abs(b).max() < 2**30
    assert (np.abs(b * scale * 0.01 - bias) <= scale * 0.005 + 1e-12).all()


def chain(*specs, shape=(1, 4, 6), constants=None):
    values, nodes = {"x": Value(name="x", shape=shape)}, []
    for op, inputs, output, out_shape, attrs in specs:
        values[output] = Value(name=output, shape=out_shape)
        nodes.append(Node(op=op, name=output, inputs=inputs, output=output, attrs={**attrs, "shape": out_shape}))
    graph = Graph(
        name="int", nodes=tuple(nodes), values=values, constants=constants or {}, inputs=("x",),
        outputs=(nodes[-1].output,),
    )  # fmt: skip
    graph.verify()
    return graph


def random_windows(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_value_that_is_added_and_multiplied_gets_an_int8_copy():
    """As behind the LayerNorm of a post-norm block."""
    rng = np.random.default_rng(0)
    c = {
        "w": rng.normal(size=(6, 6)).astype(np.float32),
        "b": np.ones(6, np.float32),
        "v": rng.normal(size=(4, 6)).astype(np.float32),
        "one": np.ones((1, 1), np.float32),
    }
    s = (1, 4, 6)
    graph = chain(
        ("affine", ("x", "one", "v"), "a", s, {"outer": 1, "rows": 4, "repeat": 1, "width": 6}),
        ("linear", ("a", "w", "b"), "l", s, {}),
        ("add", ("a", "l"), "y", s, {}),
        constants=c,
    )
    program = quantise(graph, random_windows(32, 4, 6))
    assert [op.kind for op in program.ops] == ["affine", "requantise", "linear", "add"]
    assert (program.tensors["a"].dtype, program.tensors["a_int8"].dtype) == ("int16", "int8")
    assert min(layer_sqnr(graph, program, random_windows(50, 4, 6)).values()) > 30


def turned(rows, columns):
    """A transposition of (rows, columns) as the box of a `move`."""
    return {"extent": (columns, rows), "stride": (1, columns), "base": 0, "out_stride": (rows, 1), "out_base": 0}


def test_transposed_values_keep_their_grid():
    rng = np.random.default_rng(0)
    c = {"w": rng.normal(size=(3, 4)).astype(np.float32), "b": np.ones(3, np.float32)}
    graph = chain(
        ("move", ("x",), "t", (1, 6, 4), turned(4, 6)),
        ("linear", ("t", "w", "b"), "l", (1, 6, 3), {}),
        ("move", ("l",), "y", (1, 3, 6), turned(6, 3)),
        constants=c,
    )
    program = quantise(graph, random_windows(32, 4, 6))
    assert program.tensors["t"].scale == program.tensors["x"].scale
    assert program.tensors["l"].dtype == program.tensors["y"].dtype == "int16"
    assert min(layer_sqnr(graph, program, random_windows(50, 4, 6)).values()) > 30


def test_standalone_tables(builders):
    body = Graph(
        name="b", nodes=(Node(op="Tanh", name="t", inputs=("v",), output="w"),),
        values={n: Value(name=n, shape=(1,)) for n in "vw"}, constants={}, inputs=("v",), outputs=("w",),
    )  # fmt: skip
    s = (1, 4, 6)
    graph = chain(("table", ("x",), "y", s, {"body": body, "function": "tanh"}))
    program = quantise(graph, random_windows(32, 4, 6))
    assert layer_sqnr(graph, program, random_windows(50, 4, 6))["y"] > 30
    broken = replace(body, nodes=(replace(body.nodes[0], op="Reciprocal"),))
    bad = chain(("table", ("x",), "y", s, {"body": broken, "function": "function"}))
    with pytest.raises(EmgEdgeError, match="the function at 'y' is not finite"):
        quantise(bad, random_windows(32, 4, 6))


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "guess"}, {"percentile": 10.0}, {"input_dtype": "int32"}, {"residual_dtype": "float"},
        {"headroom": 0.5},
    ],
)  # fmt: skip
def test_options_are_checked(bad):
    with pytest.raises(EmgEdgeError, match=f"{next(iter(bad))}=.* is not allowed"):
        QuantiseOptions(**bad)


def test_int16_inputs_of_long_rows_are_refused():
    rng = np.random.default_rng(0)
    c = {"w": rng.choice([-1.0, 1.0], (2, 2000)).astype(np.float32), "b": np.zeros(2, np.float32)}
    graph = chain(("linear", ("x", "w", "b"), "y", (1, 2), {}), shape=(1, 2000), constants=c)
    with pytest.raises(EmgEdgeError, match=r"accumulator may reach .* use int8 input"):
        quantise(graph, random_windows(8, 2000), QuantiseOptions(input_dtype="int16"))


def normaliser(eps):
    """A graph that is nothing but a LayerNorm of 64 values."""
    shape = (1, 4, 64)
    return Graph(
        name="norm",
        nodes=(
            Node(
                op="LayerNormalization",
                name="norm",
                inputs=("emg", "gamma", "beta"),
                output="logits",
                attrs={"eps": eps},
            ),
        ),
        values={name: Value(name=name, shape=shape) for name in ("emg", "logits")},
        constants={"gamma": np.ones(64, np.float32), "beta": np.zeros(64, np.float32)},
        inputs=("emg",),
        outputs=("logits",),
    )


def test_epsilon_counts_where_the_input_is_in_volts():
    """Microvolts in volts: epsilon is ten thousand times the variance and must not be cut down."""
    graph, x = normaliser(1e-5), (3e-5 * np.random.default_rng(0).normal(size=(32, 4, 64))).astype(np.float32)
    program = quantise(graph, x)
    assert program.ops[0].eps > 2**40
    assert min(layer_sqnr(graph, program, x).values()) > 40


def test_epsilon_beyond_the_integers_is_refused():
    with pytest.raises(EmgEdgeError, match="scale the model's input up"):
        quantise(normaliser(1e-5), np.full((4, 4, 64), 1e-12, np.float32))


def test_bias_correction_leaves_the_accumulator_in_bounds():
    op = Linear(
        name="l", inputs=("x",), output="y", weight=np.ones((2, 3), np.int8), bias=np.array([2**30, 5], np.int32),
        mul=np.array([1, 0], np.int32), shift=1,
    )  # fmt: skip
    found, wanted = np.zeros((4, 2), np.float32), np.full((4, 2), 1e9, np.float32)
    shifted = _shifted(op, found, wanted, 0.1, 1000)
    assert shifted.bias.tolist() == [2**30 + 1000, 5]  # the second output does not depend on its bias


def test_an_input_that_a_table_reads_cannot_be_int16(builders, tmp_path):
    b = builders.Builder()
    y = builders.linear(b, b.op("Tanh", "emg"), 16, 8, "a")
    graph = load_onnx(builders.save(b.model(y, [1, 4, 16], [1, 4, 8]), tmp_path / "m.onnx"))
    with pytest.raises(EmgEdgeError, match=r"input_dtype='int16', but \['table'\] read the input in int8 alone"):
        quantise(graph, np.ones((4, 4, 16), np.float32), QuantiseOptions(input_dtype="int16"))


def test_a_function_with_a_pole_is_refused(builders, tmp_path):
    b = builders.Builder()
    y = b.op("Reciprocal", builders.linear(b, "emg", 16, 8, "a"))
    graph = load_onnx(builders.save(b.model(y, [1, 4, 16], [1, 4, 8]), tmp_path / "m.onnx"))
    x = np.random.default_rng(0).normal(size=(16, 4, 16)).astype(np.float32)
    with pytest.raises(EmgEdgeError, match="is not finite on"):
        quantise(graph, x)


def test_outputs_that_are_one_value_become_copies_in_their_own_shapes(builders, tmp_path):
    b = builders.Builder()
    y = builders.linear(b, "emg", 16, 8, "a")
    model = b.model(y, [1, 4, 16], [1, 4, 8])
    model.graph.node.add(op_type="Identity", input=["emg"], output=["same"])
    model.graph.node.append(onnx.helper.make_node("Reshape", [y, b.ints(1, 32)], ["flat"]))
    model.graph.initializer.append(b.weights[-1])
    for name, shape in (("same", [1, 4, 16]), ("flat", [1, 32])):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    graph = load_onnx(builders.save(model, tmp_path / "m.onnx"))
    x = np.random.default_rng(0).normal(size=(16, 4, 16)).astype(np.float32)
    program = quantise(graph, x)
    assert program.outputs == ("logits", "same", "flat")
    assert [op.kind for op in program.ops] == ["linear", "move", "move"]
    found = run_reference(program, {"emg": program.tensors["emg"].quantise(x)})
    assert [found[name].shape for name in program.outputs] == [(16, 4, 8), (16, 4, 16), (16, 32)]
    np.testing.assert_array_equal(found["flat"], found["logits"].reshape(16, 32))
    np.testing.assert_array_equal(found["same"], found["emg"])
