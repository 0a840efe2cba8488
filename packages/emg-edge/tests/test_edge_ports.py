"""Inputs and outputs: several of them, their types and axes, labels that are dropped, weights beside the model."""

import os
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from emg_edge import compile_model
from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge.graph._float import run_float
from emg_edge.onnx_reader import _external
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.quantiser._quantise import quantise

RNG = np.random.default_rng(3)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, weights=None, opset=17):
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return path


def dense(x, y, n, k, weights):
    weights |= {f"{y}.w": RNG.normal(size=(k, n)).astype(np.float32), f"{y}.b": RNG.normal(size=n).astype(np.float32)}
    return helper.make_node("Gemm", [x, f"{y}.w", f"{y}.b"], [y], name=y)


def test_two_inputs_and_two_outputs(tmp_path):
    weights = {}
    nodes = [dense("a", "p", 6, 4, weights), dense("b", "q", 6, 3, weights), helper.make_node("Add", ["p", "q"], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], ["r"]), dense("r", "z", 2, 6, weights)]
    inputs, outputs = [value("a", (1, 4)), value("b", ("N", 3))], [value("z", (1, 2)), value("s", (1, 6))]
    graph = load_onnx(save(tmp_path / "m.onnx", nodes, inputs, outputs, weights))
    assert graph.inputs == ("a", "b")
    feeds = {"a": RNG.normal(size=(64, 4)).astype(np.float32), "b": RNG.normal(size=(64, 3)).astype(np.float32)}
    found = run_float(canonicalise(graph), feeds)
    s = feeds["a"] @ weights["p.w"] + feeds["b"] @ weights["q.w"] + weights["p.b"] + weights["q.b"]
    np.testing.assert_allclose(found["s"], s, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["z"], np.maximum(s, 0) @ weights["z.w"] + weights["z.b"], rtol=1e-4, atol=1e-4)
    program = quantise(graph, feeds)
    assert (program.inputs, program.outputs) == (("a", "b"), ("z", "s"))


def test_inputs_that_nothing_reads_and_none_at_all_are_refused(tmp_path):
    nodes = [helper.make_node("Relu", ["a"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, [value("a", (1, 4)), value("mask", (1, 4))], [value("y", None)])
    with pytest.raises(EmgEdgeError, match=r"no compiled output depends on inputs \['mask'\]; remove them"):
        load_onnx(path)
    with pytest.raises(EmgEdgeError, match="no inputs; a model needs one at least"):
        load_onnx(save(tmp_path / "m.onnx", nodes, [], [value("y", None)], {"a": np.ones(3, np.float32)}))


@pytest.mark.parametrize(
    ("shape", "wanted", "note"),
    [
        (("unk__7", 4), (1, 4), ""),
        ((9, "batch_size", 4), (9, 1, 4), ""),
        ((3, 4), (3, 4), "no batch axis of 1"),
        ((4,), (4,), "no batch axis of 1"),
    ],
)
def test_batch_axes(shape, wanted, note, tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [value("x", shape)], [value("y", None)])
    graph = load_onnx(path)
    assert graph.shape("x") == wanted
    assert note in " ".join(graph.notes)
    assert bool(graph.notes) == bool(note)


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "BFLOAT16"])
def test_other_floats_are_cast(kind, tmp_path):
    number = TensorProto.DataType.Value(kind)
    wide = np.array([[0.5, -2.0], [1.0, 0.25]], np.float32)
    tensor = helper.make_tensor("w", number, (2, 2), wide.reshape(-1))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Cast", ["m"], ["y"], to=number)],
        "g",
        [value("x", (1, 2), number)],
        [value("y", None, number)],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    found = load_onnx(tmp_path / "m.onnx")
    x = RNG.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_allclose(run_float(found, x)[found.outputs[0]], x @ wide, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "stored"), [("UINT8", ("int8", -128)), ("INT16", ("int16", 0)), ("BOOL", ("int8", 0))]
)
def test_integer_inputs_keep_their_numbers(kind, stored, tmp_path):
    weights = {}
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT), dense("c", "y", 3, 4, weights)]
    inputs = [value("x", (1, 4), TensorProto.DataType.Value(kind))]
    graph = load_onnx(save(tmp_path / "m.onnx", nodes, inputs, [value("y", None)], weights))
    assert graph.values["x"].dtype == kind.lower()
    program = quantise(graph, RNG.integers(0, 2, (32, 4)).astype(np.float32))
    tensor = program.tensors["x"]
    assert (tensor.dtype, tensor.zero_point, tensor.scale) == (*stored, 1.0)


def test_input_types_that_are_refused(tmp_path):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    with pytest.raises(EmgEdgeError, match=r"input 'x' is STRING; need one of \["):
        load_onnx(save(tmp_path / "m.onnx", nodes, [value("x", (1, 4), TensorProto.STRING)], [value("y", None)]))


def labelled(path, *, scores=True):
    weights = {}
    nodes = [
        dense("x", "s", 3, 4, weights),
        helper.make_node("ArgMax", ["s"], ["index"], name="pick", axis=1),
        helper.make_node("ArrayFeatureExtractor", ["names", "index"], ["label"], domain="ai.onnx.ml"),
    ]
    outputs = [value("label", None, TensorProto.INT64), *([value("s", (1, 3))] if scores else [])]
    return save(path, nodes, [value("x", ("N", 4))], outputs, weights | {"names": np.arange(3)})


def test_labels_are_dropped_with_a_note(tmp_path):
    graph = load_onnx(labelled(tmp_path / "m.onnx"))
    assert graph.output_names == ("s",)
    assert re.search("output 'label' is not compiled: ArgMax 'pick' ", " ".join(graph.notes))
    assert canonicalise(graph).notes == graph.notes
    with pytest.raises(UnsupportedError) as caught:
        load_onnx(labelled(tmp_path / "m.onnx", scores=False))
    assert [u.node for u in caught.value.unsupported] == ["pick"]


def test_a_float_output_that_needs_what_was_dropped_is_refused(tmp_path):
    nodes = [
        helper.make_node("ArgMax", ["x"], ["i"], name="pick", axis=1),
        helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["x"], ["z"]),
    ]
    path = save(tmp_path / "m.onnx", nodes, [value("x", (1, 4))], [value("y", (1, 1)), value("z", (1, 4))])
    with pytest.raises(UnsupportedError) as caught:
        load_onnx(path)
    assert [(u.node, u.op) for u in caught.value.unsupported] == [("pick", "ArgMax")]


def beside(folder, size=12):
    """A model of one layer whose weights lie in w.data."""
    weights = {}
    nodes = [dense("x", "y", 3, 4, weights)]
    save(folder / "inside.onnx", nodes, [value("x", (1, 4))], [value("y", None)], weights)
    model = onnx.load(str(folder / "inside.onnx"))
    onnx.save(model, str(folder / "m.onnx"), save_as_external_data=True, location="w.data", size_threshold=size)
    return onnx.load(str(folder / "m.onnx"), load_external_data=False)


def rewritten(folder, model, **entries):
    """Write the model with other entries for its first tensor."""
    tensor = model.graph.initializer[0]
    known = {entry.key: entry.value for entry in tensor.external_data} | {k: str(v) for k, v in entries.items()}
    del tensor.external_data[:]
    for key, text in known.items():
        tensor.external_data.add(key=key, value=text)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


def test_weights_beside_the_model_are_read(tmp_path):
    beside(tmp_path)
    inside, outside = (load_onnx(tmp_path / name) for name in ("inside.onnx", "m.onnx"))
    for name, array in inside.constants.items():
        np.testing.assert_array_equal(outside.constants[name], array)


@pytest.mark.parametrize(
    "location",
    ["../w.data", "/etc/passwd", "sub/w.data", "..", ".", "", "C:w.data", "\\\\host\\share", "w\x00.data", "w" * 300],
)
def test_names_that_lead_out_of_the_folder_are_refused(location, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    model = beside(folder)
    (tmp_path / "w.data").write_bytes((folder / "w.data").read_bytes())
    with pytest.raises(EmgEdgeError, match=r"only a plain name in the model's own folder is read"):
        load_onnx(rewritten(folder, model, location=location))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "absent"}, r"'absent', which cannot be read beside the model \(No such file"),
        ({"offset": -1}, r"offset '-1' of its data in another file must be a whole number"),
        ({"offset": "٣"}, "must be a whole number"),
        ({"length": 2**63}, "length '9223372036854775808' of its data"),
        ({"offset": 4096}, r"ends at byte 4144 of 'w.data', which has"),
        ({"length": 8}, "keeps 8 bytes in another file, but its FLOAT values take 48"),
        ({"basepath": "/"}, r"describes its data in another file by \['basepath', 'length', 'location', 'offset'\]"),
    ],
)
def test_places_that_do_not_fit_the_file_are_refused(entries, message, tmp_path):
    with pytest.raises(EmgEdgeError, match=message):
        load_onnx(rewritten(tmp_path, beside(tmp_path), **entries))


@pytest.mark.parametrize(
    ("trick", "message"),
    [
        (lambda old, new: new.symlink_to(old), "a link; copy the file itself"),
        (os.link, "has 2 hard links; copy the file itself"),
        (lambda _, new: new.mkdir(), "no regular file|cannot be read"),
        (lambda _, new: os.mkfifo(new), "no regular file"),
    ],
)
def test_links_and_odd_files_are_refused(trick, message, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    beside(folder)
    (folder / "w.data").rename(tmp_path / "secret")
    trick(tmp_path / "secret", folder / "w.data")
    with pytest.raises(EmgEdgeError, match=message):
        load_onnx(folder / "m.onnx")


def test_all_weights_beside_a_model_are_bounded_together(tmp_path, monkeypatch):
    beside(tmp_path)
    monkeypatch.setattr(_external, "MAX_BYTES", 50)
    with pytest.raises(EmgEdgeError, match="the model keeps more than 50 bytes of weights in other files; refused"):
        load_onnx(tmp_path / "m.onnx")


def test_inputs_answer_to_the_names_that_the_file_has(tmp_path):
    weights = {}
    nodes = [dense("EMG::Window", "y", 3, 4, weights)]
    path = save(tmp_path / "m.onnx", nodes, [value("EMG::Window", (1, 4))], [value("y", None)], weights)
    graph = canonicalise(load_onnx(path))
    assert (graph.inputs, graph.input_names) == (("emg_window",), ("EMG::Window",))
    x = RNG.normal(size=(24, 4)).astype(np.float32)
    compiled = compile_model(path, {"EMG::Window": x}, target="host", out=tmp_path / "out")
    np.testing.assert_array_equal(run_float(graph, {"EMG::Window": x})["y"], run_float(graph, x)["y"])
    assert compiled.program.inputs == ("emg_window",)
    np.testing.assert_array_equal(compiled.run({"EMG::Window": x[:2], "other": x}), compiled.run(x[:2]))


def test_nodes_out_of_order_are_sorted_and_cycles_named(tmp_path):
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])]
    graph = load_onnx(save(tmp_path / "m.onnx", nodes, [value("x", (1, 4))], [value("y", None)]))
    assert [node.op for node in graph.nodes] == ["Neg", "Relu"]
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Neg", ["a"], ["b"])]
    with pytest.raises(EmgEdgeError, match=r"'b' is read before anything wrote it \(a cycle"):
        load_onnx(save(tmp_path / "m.onnx", nodes, [value("x", (1, 4))], [value("b", None)]))


def test_products_of_extents_are_folded(tmp_path):
    """As converters of Keras flatten all but the last axis in front of a dense layer."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "nought", "two"], ["front"]),
        helper.make_node("ReduceProd", ["front"], ["rows"], axes=[0], keepdims=1),
        helper.make_node("Concat", ["rows", "minus"], ["flat"], axis=0),
        helper.make_node("Reshape", ["x", "flat"], ["y"]),
    ]
    numbers = {"nought": np.array([0]), "two": np.array([2]), "minus": np.array([-1])}
    graph = load_onnx(save(tmp_path / "m.onnx", nodes, [value("x", (1, 3, 4))], [value("y", None)], numbers))
    assert graph.shape("y") == (3, 4)
    nodes = [helper.make_node("ReduceProd", ["x"], ["y"], axes=[1])]
    with pytest.raises(UnsupportedError, match="ReduceProd has no integer operator"):
        load_onnx(save(tmp_path / "m.onnx", nodes, [value("x", (1, 3, 4))], [value("y", None)]))
