"""Loops as converters of Keras write recurrent layers: recognised by what they do, else refused."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from emg_edge import EmgEdgeError, UnsupportedError, load_onnx
from emg_edge.graph._float import run_float
from emg_edge.passes import canonicalise

STEPS, DEPTH, SIZE = 9, 4, 6
RNG = np.random.default_rng(5)


def node(op, inputs, outputs, **attrs):
    return helper.make_node(op, inputs, outputs, **attrs)


def gates(source, count):
    return node("Split", [source], [f"{source}{k}" for k in range(count)], axis=-1)


def gru_after():
    """Keras's default: bias (2, 3 H), the reset gate behind the product."""
    nodes = [
        node("MatMul", ["xt", "w"], ["xw"]), node("Add", ["xw", "bw"], ["u"]), gates("u", 3),
        node("MatMul", ["h", "r"], ["hr"]), node("Add", ["hr", "br"], ["v"]), gates("v", 3),
        node("Add", ["u0", "v0"], ["az"]), node("Sigmoid", ["az"], ["z"]),
        node("Add", ["u1", "v1"], ["ar"]), node("Sigmoid", ["ar"], ["reset"]),
        node("Mul", ["reset", "v2"], ["rv"]), node("Add", ["u2", "rv"], ["an"]), node("Tanh", ["an"], ["n"]),
    ]  # fmt: skip
    return [*nodes, *mixed()], ("bw", "br"), ("h",)


def gru_before():
    nodes = [
        node("MatMul", ["xt", "w"], ["xw"]), node("Add", ["xw", "bw"], ["u"]), gates("u", 3),
        node("Split", ["r"], ["r0", "r1", "r2"], axis=-1),
        node("MatMul", ["h", "r0"], ["v0"]), node("Add", ["u0", "v0"], ["az"]), node("Sigmoid", ["az"], ["z"]),
        node("MatMul", ["h", "r1"], ["v1"]), node("Add", ["u1", "v1"], ["ar"]), node("Sigmoid", ["ar"], ["reset"]),
        node("Mul", ["reset", "h"], ["rh"]), node("MatMul", ["rh", "r2"], ["v2"]),
        node("Add", ["u2", "v2"], ["an"]), node("Tanh", ["an"], ["n"]),
    ]  # fmt: skip
    return [*nodes, *mixed()], ("bw",), ("h",)


def mixed():
    """New state from the update gate and the candidate."""
    nodes = [node("Mul", ["z", "h"], ["zh"]), node("Sub", ["unit", "z"], ["rest"]), node("Mul", ["rest", "n"], ["rn"])]
    return [*nodes, node("Add", ["zh", "rn"], ["h.new"])]


def lstm():
    """Gates in the order of Keras: i, f, c, o."""
    nodes = [
        node("MatMul", ["xt", "w"], ["xw"]), node("MatMul", ["h", "r"], ["hr"]), node("Add", ["xw", "hr"], ["sum"]),
        node("Add", ["sum", "bw"], ["u"]), gates("u", 4),
        node("Sigmoid", ["u0"], ["i"]), node("Sigmoid", ["u1"], ["f"]), node("Tanh", ["u2"], ["g"]),
        node("Sigmoid", ["u3"], ["o"]), node("Mul", ["f", "c"], ["fc"]), node("Mul", ["i", "g"], ["ig"]),
        node("Add", ["fc", "ig"], ["c.new"]), node("Tanh", ["c.new"], ["tc"]), node("Mul", ["o", "tc"], ["h.new"]),
    ]  # fmt: skip
    return nodes, ("bw",), ("h", "c")


def plain():
    """A layer with neither gates nor cell."""
    nodes = [
        node("MatMul", ["xt", "w"], ["xw"]),
        node("MatMul", ["h", "r"], ["hr"]),
        node("Add", ["xw", "hr"], ["sum"]),
    ]
    return [*nodes, node("Tanh", ["sum"], ["h.new"])], (), ("h",)


def loop(path, form, count, *, steps=STEPS, start="zero", out=("scan", "h.last"), axis=0):
    """A window (1, steps, depth), transposed, and a loop over it that carries a counter, the states and the weights."""
    nodes, biases, states = form()
    rows = count * SIZE
    arrays = {"w": RNG.normal(0, 0.5, (DEPTH, rows)), "r": RNG.normal(0, 0.4, (SIZE, rows)), "unit": np.ones(())}
    arrays |= {name: RNG.normal(0, 0.3, rows) for name in biases} | {"zero": np.zeros((1, SIZE))}
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    tensors += [numpy_helper.from_array(np.array(value), name) for name, value in (("count", steps), ("nought", 0))]
    tensors += [numpy_helper.from_array(np.array(True), "true"), numpy_helper.from_array(np.array(1), "one")]
    body = [node("Identity", ["go"], ["goes"]), node("Add", ["at", "one"], ["next"])]
    body += [node("Gather", ["seq", "at"], ["xt"], axis=axis), *nodes, node("Identity", ["h.new"], ["h.scan"])]
    value = helper.make_tensor_value_info
    carried = [value("at", TensorProto.INT64, ())] + [value(s, TensorProto.FLOAT, (1, SIZE)) for s in states]
    results = [value("goes", TensorProto.BOOL, ()), value("next", TensorProto.INT64, ())]
    results += [value(f"{s}.new", TensorProto.FLOAT, (1, SIZE)) for s in states]
    results.append(value("h.scan", TensorProto.FLOAT, (1, SIZE)))
    head = [value("k", TensorProto.INT64, ()), value("go", TensorProto.BOOL, ())]
    inner = helper.make_graph(body, "body", [*head, *carried], results)
    names = ["count", "true", "nought", *[start] * len(states)]
    finals = ["at.last", *(f"{s}.last" for s in states), "scan"]
    outer = [node("Transpose", ["x"], ["seq"], perm=[1, 0, 2]), node("Loop", names, finals, name="while", body=inner)]
    if start == "made":
        outer.insert(1, node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0))
        outer.insert(2, node("Concat", ["mean", "mean"], ["wide"], axis=1))
        outer.insert(3, node("Slice", ["wide", "from", "to", "axis1"], ["made"]))
        for name, at in (("from", 0), ("to", SIZE), ("axis1", 1)):
            tensors.append(numpy_helper.from_array(np.array([at]), name))
    outputs = [value(name, TensorProto.FLOAT, None) for name in out]
    graph = helper.make_graph(outer, "keras", [value("x", TensorProto.FLOAT, (1, STEPS, DEPTH))], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(("form", "count", "kind"), [(gru_after, 3, "gru"), (gru_before, 3, "gru"), (lstm, 4, "lstm")])
def test_loops_that_are_layers_become_them(form, count, kind, tmp_path):
    path = loop(tmp_path / "m.onnx", form, count)
    x = RNG.normal(size=(5, STEPS, DEPTH)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    graph = load_onnx(path)
    canonical = canonicalise(graph)
    assert [node.op for node in canonical.nodes if node.op in {"gru", "lstm"}] == [kind]
    found = run_float(graph, x)
    for name in ("scan", "h.last"):
        wanted = np.stack([session.run([name], {"x": sample[None]})[0] for sample in x])
        np.testing.assert_allclose(
            found[graph.outputs[graph.output_names.index(name)]].ravel(), wanted.ravel(), atol=1e-6
        )


def test_a_cell_that_leaves_the_loop_is_dropped_with_a_note(tmp_path):
    graph = load_onnx(loop(tmp_path / "m.onnx", lstm, 4, out=("scan", "c.last")))
    assert graph.output_names == ("scan",)
    assert any("output 'c.last' is not compiled: Loop 'while' keeps this output" in note for note in graph.notes)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"form": plain, "count": 1}, UnsupportedError, "is a loop.*export recurrent layers as LSTM or GRU nodes"),
        ({"form": lstm, "count": 4, "axis": 1}, EmgEdgeError, "is a loop|do not fit|on shapes"),
        ({"form": lstm, "count": 4, "steps": 5}, EmgEdgeError, "takes 5 of 9 steps; give whole windows"),
        ({"form": gru_after, "count": 3, "start": "made"}, UnsupportedError, "starts from a state that is computed"),
    ],
)
def test_other_loops_are_refused(options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        load_onnx(loop(tmp_path / "m.onnx", **options))


def reversed_by(path, lengths):
    nodes = [node("ReverseSequence", ["x", "n"], ["y"], name="back", time_axis=1, batch_axis=0)]
    value = helper.make_tensor_value_info
    tensors = [numpy_helper.from_array(np.array(lengths), "n")]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, (1, STEPS, DEPTH))], [value("y", TensorProto.FLOAT, None)], tensors
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def test_sequences_are_reversed_as_a_whole(tmp_path):
    x = RNG.normal(size=(2, STEPS, DEPTH)).astype(np.float32)
    graph = load_onnx(reversed_by(tmp_path / "m.onnx", [STEPS]))
    np.testing.assert_array_equal(run_float(graph, x)["y"], x[:, ::-1])
    with pytest.raises(UnsupportedError, match=r"reverses a part of \(1, 9, 4\).*give whole windows"):
        load_onnx(reversed_by(tmp_path / "m.onnx", [4]))
