"""LSTM and GRU: import against onnxruntime, passes, ranges, error of a step, noise of trained-like networks, C."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from edge_operators import GENERATORS, REALS
from edge_programs import random_feeds, sweep
from onnx import TensorProto, helper, numpy_helper

from emg_edge import EmgEdgeError, UnsupportedError, compile_model, load_onnx
from emg_edge.graph._float import run_float
from emg_edge.kernels import Lstm, gate_table
from emg_edge.kernels._recurrent import SIGMOID_ERROR, TANH_ERROR, interpolate
from emg_edge.passes import canonicalise
from emg_edge.plan._tiles import tile
from emg_edge.program._program import run_reference
from emg_edge.program._tensor import DTYPES, Tensor
from emg_edge.quantiser._quantise import quantise
from emg_edge.targets import MemoryLevel

GATES = {"LSTM": 4, "GRU": 3}


def network(path, kind, *, size=12, depth=6, steps=15, directions=1, outputs=("Y",), states=None, tail=(), **attrs):
    """One recurrent node on (steps, 1, depth), seen from a window (1, steps, depth)."""
    rng = np.random.default_rng(7)
    rows = GATES[kind] * size
    layout = attrs.get("layout", 0)
    weights = {
        "w": rng.normal(0, 1.2 / np.sqrt(depth), (directions, rows, depth)),
        "r": rng.normal(0, 1.0 / np.sqrt(size), (directions, rows, size)),
        "b": rng.normal(0, 0.3, (directions, 2 * rows)),
    }
    inputs = ["seq", "w", "r", "b", ""]
    for name in ("h", "c")[: 2 if kind == "LSTM" else 1] if states else ():
        shape = (1, directions, size) if layout else (directions, 1, size)
        weights[name] = rng.uniform(-0.9, 0.9, shape) if states == "random" else np.zeros(shape)
        inputs.append(name)
    direction = attrs.pop("direction", "bidirectional" if directions == 2 else "forward")
    lead = "Identity" if layout else "Transpose"
    nodes = [helper.make_node(lead, ["x"], ["seq"], **({} if layout else {"perm": [1, 0, 2]}))]
    written = [name if name in outputs else "" for name in ("Y", "Y_h", "Y_c")[: 3 if kind == "LSTM" else 2]]
    nodes.append(helper.make_node(kind, inputs, written, name="rnn", hidden_size=size, direction=direction, **attrs))
    nodes += tail
    out = [tail[-1].output[0]] if tail else outputs
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, steps, depth))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in out],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def windows(n=48, steps=15, depth=6):
    return np.random.default_rng(8).normal(size=(n, steps, depth)).astype(np.float32)


def by_onnxruntime(path, x, names):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = [session.run(list(names), {"x": sample[None]}) for sample in x]
    return [np.stack([row[k] for row in rows]) for k in range(len(names))]


CASES = [
    ("LSTM", {}),
    ("LSTM", {"direction": "reverse", "states": "random"}),
    ("LSTM", {"directions": 2, "outputs": ("Y", "Y_h"), "states": "zero"}),
    ("LSTM", {"outputs": ("Y_h",), "directions": 2}),
    ("GRU", {"linear_before_reset": 1}),
    ("GRU", {"linear_before_reset": 0, "states": "random"}),
    ("GRU", {"directions": 2, "linear_before_reset": 1, "outputs": ("Y_h", "Y"), "states": "random"}),
    ("GRU", {"direction": "reverse", "linear_before_reset": 0, "outputs": ("Y_h",)}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_import_pass_and_integers_follow_onnxruntime(kind, options, tmp_path):
    path, x = network(tmp_path / "m.onnx", kind, **options), windows()
    names = options.get("outputs", ("Y",))
    wanted = by_onnxruntime(path, x, names)
    graph = load_onnx(path)
    canonical = canonicalise(graph)
    program = quantise(canonical, x)
    stored = run_reference(program, {"x": program.tensors["x"].quantise(x)})
    for given, renamed, real in zip(graph.outputs, canonical.outputs, wanted, strict=True):
        np.testing.assert_allclose(run_float(graph, x)[given].reshape(real.shape), real, atol=2e-6)
        np.testing.assert_allclose(run_float(canonical, x)[renamed].reshape(real.shape), real, atol=2e-6)
        tensor = program.tensors[renamed]
        found = tensor.dequantise(stored[renamed]).reshape(real.shape)
        assert (tensor.dtype, tensor.scale, tensor.zero_point) == ("int8", 1 / 128, 0)
        assert 10 * np.log10(np.square(real).sum() / np.square(real - found).sum()) > 32


def test_the_batch_first_layout_is_that_of_the_other_outputs(tmp_path):
    plain = load_onnx(network(tmp_path / "a.onnx", "LSTM", outputs=("Y", "Y_h"), directions=2, states="random"))
    first = load_onnx(
        network(tmp_path / "b.onnx", "LSTM", outputs=("Y", "Y_h"), directions=2, states="random", layout=1)
    )
    x = windows(4)
    for a, b in zip(plain.outputs, first.outputs, strict=True):
        np.testing.assert_array_equal(run_float(plain, x)[a].ravel(), run_float(first, x)[b].ravel())
    assert first.shape("Y") == (1, 15, 2, 12)
    assert canonicalise(first).nodes[0].op == "lstm"


def test_an_lstm_with_a_head_compiles_to_c_that_equals_the_reference(tmp_path):
    path = network(tmp_path / "m.onnx", "LSTM", outputs=("Y_h",), tail=(helper.make_node("Relu", ["Y_h"], ["y"]),))
    compiled = compile_model(path, windows(), target="gap9", out=tmp_path / "out")
    report = compiled.compare(windows(6))
    assert report.equal, str(report.difference)
    assert compiled.program.ops[0].kind == "lstm"


def test_several_layers_keep_25_db_at_the_logits(tmp_path):
    """Two bidirectional layers and a classifier, weights of the size that training leaves, long windows."""
    rng = np.random.default_rng(1)
    steps, sizes, weights, nodes, source = 60, (8, 16, 16), {}, [], "seq"
    nodes.append(helper.make_node("Transpose", ["x"], ["seq"], perm=[1, 0, 2]))
    for layer in range(2):
        depth, size = sizes[layer] * (1 + (layer > 0)), sizes[layer + 1]
        weights |= {
            f"w{layer}": rng.normal(0, 1.5 / np.sqrt(depth), (2, 4 * size, depth)),
            f"r{layer}": rng.normal(0, 1.5 / np.sqrt(size), (2, 4 * size, size)),
            f"b{layer}": np.concatenate([rng.normal(0.5, 0.5, (2, 4 * size)), np.zeros((2, 4 * size))], 1),
        }
        names = [source, f"w{layer}", f"r{layer}", f"b{layer}"]
        nodes.append(helper.make_node("LSTM", names, [f"y{layer}"], hidden_size=size, direction="bidirectional"))
        nodes.append(helper.make_node("Transpose", [f"y{layer}"], [f"t{layer}"], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", [f"t{layer}", "rows"], [f"s{layer}"]))
        source = f"s{layer}"
    nodes.append(helper.make_node("ReduceMean", [source], ["mean"], axes=[0], keepdims=0))
    nodes.append(helper.make_node("Gemm", ["mean", "wo", "bo"], ["logits"]))
    weights |= {"wo": rng.normal(size=(32, 5)), "bo": rng.normal(size=5)}
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([0, 0, -1]), "rows"))
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", steps, 8))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    x = windows(64, steps, 8)
    (wanted,) = by_onnxruntime(tmp_path / "m.onnx", x, ["logits"])
    program = quantise(load_onnx(tmp_path / "m.onnx"), x)
    assert [op.kind for op in program.ops] == ["lstm", "lstm", "mean", "linear"]
    stored = run_reference(program, {"x": program.tensors["x"].quantise(x)})["logits"]
    found = program.tensors["logits"].dequantise(stored).reshape(wanted.shape)
    assert 10 * np.log10(np.square(wanted).sum() / np.square(wanted - found).sum()) > 35
    assert (found.argmax(-1) == wanted.argmax(-1)).mean() > 0.95


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_one_step_stays_within_its_bound(kind):
    program = sweep(kind, 21, 25)
    feeds = random_feeds(program, 22, samples=3)
    used = 0.0
    for op in program.ops:
        tensors, out = program.operands(op)
        found = op.reference([feeds[name] for name in op.inputs], tensors, out)
        bound, (_, low, high) = op.error_steps(tensors, out), DTYPES[out.dtype]
        for sample in range(3):
            real = np.clip(REALS[kind](op, [feeds[name][sample] for name in op.inputs], tensors, out), low, high)
            error = np.abs(found[sample].reshape(-1) - real).max()
            assert error <= bound, op
            used = max(used, error / bound)
    assert used > 0.25  # not so wide that nothing could fall out


def test_the_tables_are_as_good_as_stated():
    gates = np.arange(-(2**15), 2**15)
    real = gates / 2.0**12
    for name, exact, bound in (
        ("sigmoid", 1 / (1 + np.exp(-real)), SIGMOID_ERROR),
        ("tanh", np.tanh(real), TANH_ERROR),
    ):
        error = np.abs(interpolate(gate_table(name), gates) * 2.0**-15 - exact)
        assert bound / 2 < error.max() + (3.4e-4 if name == "sigmoid" else 0) <= bound + 1e-4
        assert error.max() <= bound


def test_the_cell_gets_the_range_that_calibration_shows(tmp_path):
    """A forget gate that stays open lets the cell grow with every step."""
    path = network(tmp_path / "m.onnx", "LSTM", size=4, steps=40)
    few = quantise(load_onnx(path), windows(steps=40)[:, :, :]).ops[0]
    assert isinstance(few, Lstm)
    graph = load_onnx(path)
    bias = next(name for name, array in graph.constants.items() if array.shape == (1, 32))
    graph.constants[bias][:, 8:12] = 30.0  # forget nothing
    open_gate = quantise(graph, windows(steps=40)).ops[0]
    assert open_gate.cell_bits < few.cell_bits


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            "LSTM",
            {"activations": ["Relu", "Tanh", "Tanh"]},
            r"activations \['Relu', 'Tanh', 'Tanh'\].*use the usual ones",
        ),
        ("GRU", {"clip": 3.0}, "clips its gates.*train it without"),
        ("LSTM", {"input_forget": 1}, "clips its gates, or couples"),
    ],
)
def test_variants_without_an_integer_form_are_refused(kind, options, message, tmp_path):
    with pytest.raises(UnsupportedError, match=message):
        load_onnx(network(tmp_path / "m.onnx", kind, **options))


def rewired(path, position, array):
    """Give the recurrent node another constant as an input."""
    model = onnx.load(str(path))
    node = next(node for node in model.graph.node if node.name == "rnn")
    node.input.extend([""] * (position + 1 - len(node.input)))
    if isinstance(array, str):
        node.input[position] = array
    else:
        node.input[position] = f"extra{position}"
        model.graph.initializer.append(numpy_helper.from_array(array, f"extra{position}"))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("position", "array", "error", "message"),
    [
        (7, np.ones((1, 36), np.float32), UnsupportedError, "has peepholes; train it without peepholes"),
        (4, np.array([9], np.int32), UnsupportedError, r"stops after \[9\] of 15 steps; give whole windows"),
        (5, "x", UnsupportedError, "initial state is computed at run time or an input.*zero or constant states"),
        (
            5,
            np.ones((1, 2, 12), np.float32),
            EmgEdgeError,
            r"initial state \(1, 2, 12\), need \(1, 12\) of one sequence",
        ),
        (
            1,
            np.ones((2, 48, 6), np.float32),
            EmgEdgeError,
            r"direction 'forward' or hidden_size do not fit \(2, 48, 6\)",
        ),
        (1, np.ones((48, 6), np.float32), EmgEdgeError, "weights are missing or have not three axes"),
    ],
)
def test_inputs_that_are_refused(position, array, error, message, tmp_path):
    with pytest.raises(error, match=message.replace("; ", ".*")):
        load_onnx(rewired(network(tmp_path / "m.onnx", "LSTM"), position, array))


def test_zero_peepholes_and_whole_lengths_are_accepted(tmp_path):
    path = rewired(network(tmp_path / "m.onnx", "LSTM"), 7, np.zeros((1, 36), np.float32))
    assert load_onnx(rewired(path, 4, np.array([15], np.int32))).nodes[-1].op == "LSTM"


def test_several_sequences_side_by_side_are_refused(tmp_path):
    path = network(tmp_path / "m.onnx", "GRU", layout=1)  # (1, 15, 6) seen as one sequence; the other layout sees 15
    assert load_onnx(path).shape("Y") == (1, 15, 1, 12)
    model = onnx.load(str(path))
    del next(node for node in model.graph.node if node.name == "rnn").attribute[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UnsupportedError, match=r"runs 15 sequences of 1 steps side by side.*run one sequence a window"):
        load_onnx(path)


def test_the_last_cell_state_is_dropped_with_a_note_or_refused(tmp_path):
    graph = load_onnx(network(tmp_path / "m.onnx", "LSTM", outputs=("Y_h", "Y_c")))
    assert graph.output_names == ("Y_h",)
    assert any("output 'Y_c' is not compiled: LSTM 'rnn' keeps its last cell state" in note for note in graph.notes)
    path = network(
        tmp_path / "m.onnx", "LSTM", outputs=("Y_c",), tail=(helper.make_node("Relu", ["Y_c"], ["y"], name="t"),)
    )
    with pytest.raises(UnsupportedError, match="keeps its last cell state to itself"):
        load_onnx(path)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shift": 0}, r"shifts must lie in 1\.\.62"),
        ({"out_mul": -1}, "out_mul must lie in"),
        ({"reverse": 2}, "reverse and last are 0 or 1"),
        ({"sigmoid": np.zeros(5, np.int16)}, "tables need 257 entries"),
        ({"sigmoid": np.full(257, -1, np.int16)}, "those of sigmoid >= 0"),
        ({"bias": np.zeros((1, 1), np.int32)}, "bias needs"),
        ({"cell_bits": 16, "reset_after": 3}, "must lie in 0..15|is 0 or 1"),
    ],
)
def test_operators_that_are_refused(kind, change, message):
    op, feeds, out = GENERATORS[kind](np.random.default_rng(0), 0)
    change = {name: value for name, value in change.items() if hasattr(op, name)}
    with pytest.raises(EmgEdgeError, match=message):
        replace(op, **change).check(feeds, out)


def test_sums_and_sizes_are_proved():
    op, feeds, out = GENERATORS["lstm"](np.random.default_rng(3), 0)
    big = np.full_like(op.bias, 2**31 - 1)
    with pytest.raises(EmgEdgeError, match=r"a sum may reach \d+ >= 2\*\*31; use int8 input"):
        replace(op, bias=big).check(feeds, out)
    with pytest.raises(EmgEdgeError, match="does not hold"):
        op.check(feeds, Tensor(name="y", shape=(out.size + 1,), dtype="int8", scale=1 / 128))
    with pytest.raises(EmgEdgeError, match=r"weights must lie in \[-127, 127\]"):
        replace(op, weight=np.full_like(op.weight, -128)).check(feeds, out)


def test_weights_beyond_l1_are_fetched_again_at_every_step():
    """The tiles of a layer whose weights fit, and of one whose weights do not."""
    l1 = MemoryLevel(name="l1", nbytes=4096, budget=3000)
    for size, again in ((4, 1), (24, 7)):
        rng = np.random.default_rng(size)
        op, feeds, out = GENERATORS["lstm"](rng, 0)
        rows = 4 * size
        op = replace(
            op,
            weight=np.ones((1, rows, 8), np.int8),
            recurrent=np.ones((1, rows, size), np.int8),
            state=np.zeros((1, size), np.int16),
            hidden=np.zeros((1, size), np.int8),
            **{name: np.ones((1, rows), np.int32) for name in ("bias", "hidden_bias", "input_mul", "hidden_mul")},
            last=0,
        )
        feeds = [Tensor(name="x", shape=(7, 8), dtype="int8", scale=1.0)]
        out = Tensor(name="y", shape=(7, size), dtype="int8", scale=1 / 128)
        found = tile(op, feeds, out, l1)
        constants = sum(array.nbytes for array in op.constants().values())
        assert found.l1_bytes <= l1.budget
        assert found.nbytes // constants == again
        assert found.tiles >= again
