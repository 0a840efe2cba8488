"""The importer against well-formed, odd and hostile files: refused with a reason, never a crash."""

import os

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from emg_edge._errors import EmgEdgeError, UnsupportedError
from emg_edge.graph._graph import Graph
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise


@pytest.fixture(scope="module")
def model(builders):
    return builders.tiny_myo()


def write(model, folder):
    path = folder / "m.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def small(nodes, shape=(1, 4), weights=(), out="y", **kwargs):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)], list(weights),
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9, **kwargs)


def relu(x="x", y="y", name="r"):
    return helper.make_node("Relu", [x], [y], name=name)


def test_metadata_and_shapes_are_kept(model, tmp_path):
    graph = load_onnx(write(model, tmp_path))
    assert graph.metadata == {"emg.version": "1", "emg.model": "Tiny Myo"}
    assert graph.inputs == ("emg",)
    assert graph.shape("emg") == (1, 4, 40)
    assert [graph.shape(name) for name in graph.outputs] == [(1, 5)]


def test_a_symbolic_batch_becomes_one(tmp_path):
    graph = load_onnx(write(small([relu()], shape=("batch", 4)), tmp_path))
    assert graph.shape("x") == (1, 4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, "time"), r"input 'x' has dynamic axis 1 \(time\); export it with static"),
        (("batch", "batch"), r"dynamic axis 1 \(batch\).*only the batch"),
        ((4, "time"), r"dynamic axis 1 \(time\)"),
        ((), "input 'x' has no axes"),
        ((1, -3), r"shape \(1, -3\) is not allowed"),
        ((1, 0), "is not allowed"),
        ((1, 2**40), "is not allowed"),
        ((1,) * 9, "is not allowed"),
    ],
)
def test_input_shapes_that_are_refused(shape, message, tmp_path):
    with pytest.raises(EmgEdgeError, match=message):
        load_onnx(write(small([relu()], shape=shape), tmp_path))


def test_all_unsupported_nodes_are_listed_at_once(tmp_path):
    nodes = [
        helper.make_node("RNN", ["x"], ["a"], name="rnn"),
        helper.make_node("Relu", ["a"], ["b"], name="innocent"),
        helper.make_node("Frobnicate", ["x"], ["c"], name="odd", domain="com.example"),
        helper.make_node("Gelu", ["x"], ["d"], name="shape", approximate="magic"),
        relu(),
    ]
    with pytest.raises(UnsupportedError, match="has 3 unsupported node") as caught:
        load_onnx(write(small(nodes), tmp_path))
    found = [(u.node, u.op) for u in caught.value.unsupported]
    assert found == [("rnn", "RNN"), ("odd", "com.example.Frobnicate"), ("shape", "Gelu")]
    assert "use GRU or LSTM" in caught.value.unsupported[0].change
    assert "functions of one variable" in caught.value.unsupported[1].change
    assert all(u.to_dict().keys() == {"node", "op", "why", "change"} for u in caught.value.unsupported)


def test_external_data_in_a_constant_node_is_refused(tmp_path):
    tensor = TensorProto(name="secret", dims=[4], data_type=1, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    nodes = [helper.make_node("Constant", [], ["c"], value=tensor), helper.make_node("Add", ["x", "c"], ["y"])]
    with pytest.raises(EmgEdgeError, match="'secret', a node's attribute, keeps its data in another file"):
        load_onnx(write(small(nodes), tmp_path))


def tensor(dims, data=b"", kind=1):
    return TensorProto(name="w", dims=dims, data_type=kind, raw_data=data)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (tensor([-4], bytes(16)), r"dimensions \(-4,\)"),
        (tensor([2**40, 2**40]), "dimensions"),
        (tensor([1] * 9, bytes(4)), "at most 8 axes"),
        (tensor([4], bytes(16), kind=99), "has type unknown"),
        (tensor([4], bytes(16), kind=8), "has type STRING"),
        (tensor([4], bytes(7)), "not a well-formed ONNX model"),
        (tensor([4], np.full(4, np.nan, np.float32).tobytes()), "truncated or holds NaN"),
    ],
)
def test_bad_tensors(bad, message, tmp_path):
    nodes = [helper.make_node("Add", ["x", "w"], ["y"], name="a")]
    with pytest.raises(EmgEdgeError, match=message):
        load_onnx(write(small(nodes, weights=[bad]), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([relu("b", "a"), relu("a", "b"), relu("b")], "'b' is read before anything wrote it .a cycle"),
        ([relu(), relu()], "a second time"),
        ([relu("x", "x"), relu()], "a second time"),
        ([helper.make_node("Relu", [], ["y"], name="r")], "input 0 is missing"),
        ([helper.make_node("Transpose", ["x"], ["y"], perm=[0, 7])], "not a permutation"),
        ([helper.make_node("Softmax", ["x"], ["y"], axis=5)], "axis 5 of 2 axes"),
        ([helper.make_node("Relu", ["x"], ["z"])], "'y' is read before anything wrote it"),
        ([], "0 nodes; a model holds"),
    ],
)
def test_bad_graphs(nodes, message, tmp_path):
    with pytest.raises(EmgEdgeError, match=message):
        load_onnx(write(small(nodes), tmp_path))


def test_huge_folded_constants_are_refused(tmp_path):
    shape = numpy_helper.from_array(np.array([2**13, 2**13], np.int64), "s")
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["c"], name="big"), helper.make_node("Add", ["x", "c"], ["y"])]
    with pytest.raises(EmgEdgeError, match=r"'big' of \(8192, 8192\) is refused"):
        load_onnx(write(small(nodes, weights=[shape]), tmp_path))
    one = numpy_helper.from_array(np.ones((2**13, 1), np.float32), "a")
    two = numpy_helper.from_array(np.ones((1, 2**13), np.float32), "b")
    nodes = [helper.make_node("Add", ["a", "b"], ["c"], name="fold"), helper.make_node("Add", ["x", "c"], ["y"])]
    with pytest.raises(EmgEdgeError, match="'fold' would fold into 67108864 elements"):
        load_onnx(write(small(nodes, weights=[one, two]), tmp_path))
    limits = [numpy_helper.from_array(np.array(v, np.int64), n) for v, n in ((0, "p"), (2**40, "q"), (1, "r"))]
    nodes = [helper.make_node("Range", ["p", "q", "r"], ["c"], name="far"), helper.make_node("Add", ["x", "c"], ["y"])]
    with pytest.raises(EmgEdgeError, match="'far' has more than"):
        load_onnx(write(small(nodes, weights=limits), tmp_path))


def test_models_that_would_run_for_hours_are_refused(tmp_path):
    wide = small([relu()], shape=(1, 2**27))
    for j in range(5):
        wide.graph.node.insert(j, relu(f"a{j}" if j else "x", f"a{j + 1}", f"more{j}"))
    wide.graph.node[5].input[0] = "a5"
    with pytest.raises(EmgEdgeError, match="939524096 activation elements and 0 multiply-accumulates"):
        load_onnx(write(wide, tmp_path))
    chain = [helper.make_node("MatMul", [f"p{j}" if j else "x", "x"], [f"p{j + 1}"], name=f"n{j}") for j in range(4)]
    with pytest.raises(EmgEdgeError, match="274877906944 multiply-accumulates; at most"):
        load_onnx(write(small(chain, shape=(1, 2**12, 2**12), out="p4"), tmp_path))


def test_many_folded_constants_are_refused(tmp_path):
    """Each alone is small enough; a chain that doubles is not."""
    seed = numpy_helper.from_array(np.ones(2**20, np.float32), "c0")
    nodes = [helper.make_node("Concat", [f"c{j}", f"c{j}"], [f"c{j + 1}"], axis=0, name=f"n{j}") for j in range(9)]
    with pytest.raises(EmgEdgeError, match="'n4' would fold into too many elements"):
        load_onnx(write(small([*nodes, relu()], weights=[seed]), tmp_path))
    nodes = [helper.make_node("Neg", ["c0"], [f"d{j}"], name=f"n{j}") for j in range(66)]
    with pytest.raises(EmgEdgeError, match="constants at 'n64' fold into more than 67108864 elements"):
        load_onnx(write(small([*nodes, relu()], weights=[seed]), tmp_path))


def test_shape_arithmetic_of_exporters_folds(tmp_path):
    w = [
        numpy_helper.from_array(np.array(v, np.int64), n)
        for v, n in ((0, "zero"), ([-1], "rest"), ([0], "axis"), (2, "two"), ([1], "one"), ([2], "two_"))
    ]
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["b"], axis=0),
        helper.make_node("Cast", ["b"], ["b64"], to=7),
        helper.make_node("Mod", ["b64", "two"], ["odd"]),
        helper.make_node("Equal", ["odd", "b64"], ["same"]),
        helper.make_node("Where", ["same", "b64", "zero"], ["chosen"]),
        helper.make_node("Unsqueeze", ["chosen", "axis"], ["bs"]),
        helper.make_node("Slice", ["rest", "one", "two_", "axis"], ["empty"]),
        helper.make_node("Concat", ["bs", "empty", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("Dropout", ["flat"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    graph = load_onnx(write(small(nodes, shape=(1, 2, 3), weights=w), tmp_path))
    assert [n.op for n in graph.nodes] == ["Reshape", "Relu"]
    assert graph.shape("y") == (1, 6)


def test_files_that_are_no_models(tmp_path, model):
    with pytest.raises(EmgEdgeError, match="no such file"):
        load_onnx(tmp_path / "absent.onnx")
    with pytest.raises(EmgEdgeError, match="0 bytes; a model file holds"):
        load_onnx(write(b"", tmp_path))
    with pytest.raises(EmgEdgeError, match=r"m\.onnx"):
        load_onnx(write(b"\x00\xff" * 50, tmp_path))
    data = model.SerializeToString()
    with pytest.raises(EmgEdgeError, match=r"m\.onnx: not a well-formed ONNX model"):
        load_onnx(write(data[: len(data) // 2], tmp_path))


def test_names_that_are_no_text_are_refused(tmp_path):
    data = small([relu(name="spoilt")]).SerializeToString()
    with pytest.raises(EmgEdgeError, match=r"the name b'.*' is not UTF-8; export the model again"):
        load_onnx(write(data.replace(b"spoilt", b"spoil\xff"), tmp_path))


def test_constant_outputs_are_refused(tmp_path):
    weight = numpy_helper.from_array(np.ones(4, np.float32), "w")
    with pytest.raises(EmgEdgeError, match=r"outputs \['y'\] do not depend on the input"):
        load_onnx(write(small([relu("w")], weights=[weight]), tmp_path))


def test_other_types_opsets_and_extras_are_refused(tmp_path):
    model = small([relu()])
    model.opset_import[0].version = 7
    with pytest.raises(EmgEdgeError, match=r"opset \[7\]; need one ai.onnx opset >= 9"):
        load_onnx(write(model, tmp_path))
    function = helper.make_function("local", "F", ["a"], ["b"], [relu("a", "b")], [helper.make_opsetid("", 20)])
    with pytest.raises(EmgEdgeError, match="model-local functions"):
        load_onnx(write(small([relu()], functions=[function]), tmp_path))
    weights = [numpy_helper.from_array(np.ones(4, np.float32), "w")] * 2
    with pytest.raises(EmgEdgeError, match="two initialisers share a name"):
        load_onnx(write(small([relu()], weights=weights), tmp_path))
    big = small([relu()])
    helper.set_model_props(big, {"emg.labels": "x" * 2**21})
    with pytest.raises(EmgEdgeError, match=r"emg.\* metadata above"):
        load_onnx(write(big, tmp_path))


def test_random_mutations_never_crash(builders, tmp_path):
    """Flip, cut, repeat and insert bytes: importer and passes give a graph or an EmgEdgeError, nothing else."""
    data = builders.tiny_myo(channels=2, patches=2, patch=4, width=2).SerializeToString()
    rng = np.random.default_rng(0)
    outcomes = {"graph": 0, "error": 0}
    for _ in range(int(os.environ.get("EMG_EDGE_MUTATIONS", "600"))):
        broken = bytearray(data)
        for _ in range(int(rng.integers(1, 6))):
            at, kind = int(rng.integers(len(broken))), int(rng.integers(4))
            if kind == 0:
                broken[at] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                broken[at] = int(rng.integers(256))
            elif kind == 2:
                del broken[at : at + int(rng.integers(1, 9))]
            else:
                broken[at:at] = broken[at : at + int(rng.integers(1, 9))]
        try:
            graph = canonicalise(load_onnx(write(bytes(broken), tmp_path)))
        except EmgEdgeError:
            outcomes["error"] += 1
        else:
            assert isinstance(graph, Graph)
            outcomes["graph"] += 1
    assert min(outcomes.values()) > 20, outcomes


@pytest.mark.parametrize(
    ("op", "advice"),
    [
        ("If", "trace the model on one window"),
        ("RequantShift", "another compiler's integer dialect"),
        ("TopK", "sort behind"),
    ],
)
def test_advice_for_operators_that_people_meet(op, advice, tmp_path):
    with pytest.raises(UnsupportedError, match=advice):
        load_onnx(write(small([helper.make_node(op, ["x"], ["y"], name="odd")]), tmp_path))
