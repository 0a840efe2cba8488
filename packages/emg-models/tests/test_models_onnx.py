"""The ONNX file: one file, tidy, described, the same every time; silence; every refusal."""

import json
import sys

import pytest
import torch

from emg_models import EmgModelsError, TinyMyoClassifier, TinyMyoConfig, create_model, export_onnx

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.usefixtures("translations")


@pytest.fixture
def export(small_model, tmp_path, describe, labels):
    def write(model=small_model, path=tmp_path / "model.onnx", **changes):
        arguments = {"preprocessing": describe(small_model.config), "labels": labels} | changes
        return export_onnx(model, path, **arguments)

    return write


def shapes(values):
    return {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}


def test_file_is_single_static_and_described(export, describe, labels, small_model, tmp_path):
    path = export()
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert shapes(proto.graph.input) == {"emg": [1, 8, 100]}
    assert shapes(proto.graph.output) == {"logits": [1, 6]}
    assert all(all(d > 0 for d in shape) for shape in shapes(proto.graph.value_info).values())
    metadata = {item.key: item.value for item in proto.metadata_props}
    assert json.loads(metadata.pop("emg.labels")) == labels
    assert json.loads(metadata.pop("emg.preprocessing")) == describe(small_model.config)
    assert metadata == {
        "emg.version": "1",
        "emg.model": "TinyMyoClassifier",
        "emg.task": "classification",
        "emg.output_shape": "[6]",
        "emg.sfreq": "100.0",
        "emg.n_chans": "8",
        "emg.n_times": "100",
        "emg.n_outputs": "6",
        "emg.parameters": str(sum(parameter.numel() for parameter in small_model.parameters())),
    }


@pytest.mark.untraced
def test_graph_is_tidy(export):
    proto = onnx.load(export())
    operators = [node.op_type for node in proto.graph.node]
    assert proto.opset_import[0].version == 20
    assert operators.count("LayerNormalization") == 5
    assert operators.count("Gelu") == operators.count("Softmax") == 2
    assert all(node.attribute[0].s == b"none" for node in proto.graph.node if node.op_type == "Gelu")
    tidy = {
        "Unsqueeze",
        "Conv",
        "Transpose",
        "Add",
        "Reshape",
        "LayerNormalization",
        "MatMul",
        "Split",
        "Mul",
        "Gather",
    }
    assert set(operators) == tidy | {"Softmax", "Gelu", "ReduceMean", "Gemm"}


@pytest.mark.untraced
def test_bytes_are_the_same_every_time_and_name_no_machine(export, tmp_path):
    first = export().read_bytes()
    assert first == export(path=tmp_path / "again.onnx").read_bytes()
    assert b"site-packages" not in first
    assert b".py" not in first


@pytest.mark.untraced
@pytest.mark.parametrize("opset", [18, 23])
def test_other_operator_sets_compute_the_same(export, opset, small_model):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = export(opset=opset)
    assert onnx.load(path).opset_import[0].version == opset
    x = torch.randn(1, 8, 100)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"emg": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), small_model(x).detach(), atol=1e-5, rtol=0)


@pytest.mark.untraced
def test_export_says_nothing_and_leaves_the_model_alone(export, small_model, capfd):
    small_model.train()
    before = {key: value.clone() for key, value in small_model.state_dict().items()}
    export()
    assert capfd.readouterr() == ("", "")
    assert all(module.training for module in small_model.modules())
    assert all(torch.equal(before[key], value) for key, value in small_model.state_dict().items())


@pytest.mark.untraced
def test_a_wide_network_has_no_computed_constants(export, describe, tmp_path):
    """Slicing the channel embedding and repeating the tables are folded at any width."""
    model = TinyMyoClassifier(TinyMyoConfig(n_chans=8, n_times=200, n_outputs=6, n_blocks=1))
    path = export(model, tmp_path / "wide.onnx", preprocessing=describe(model.config))
    graph = onnx.load(path).graph
    computed = {name for node in graph.node for name in node.output}
    for node in graph.node:
        assert computed.union({"emg"}).intersection(node.input), f"{node.op_type} works on constants alone"


def test_refusals(export, small_model, describe, labels, tmp_path, monkeypatch):
    with pytest.raises(EmgModelsError, match="type Linear: a model of this package is required"):
        export(torch.nn.Linear(2, 2))
    with pytest.raises(EmgModelsError, match=r"opset=17, batch=1: opset 18 to 23"):
        export(opset=17)
    with pytest.raises(EmgModelsError, match=r"batch=0: opset 18 to 23 and batch >= 1"):
        export(batch=0)
    with pytest.raises(EmgModelsError, match="5 labels given, the model has 6 outputs"):
        export(labels=labels[:5])
    with pytest.raises(EmgModelsError, match=r"sfreq is 200.0, the model was built for 100.0"):
        export(preprocessing=describe(small_model.config, sfreq=200.0))
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(EmgModelsError, match=r"ONNX export needs onnxscript; run: pip install 'emg-models\[onnx\]'"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_networks_without_weights_or_beyond_one_file_are_refused(export, small_config, monkeypatch, tmp_path):
    with torch.device("meta"):
        model = TinyMyoClassifier(small_config)
    with pytest.raises(EmgModelsError, match="TinyMyoClassifier lies on the meta device, without weights; build it on"):
        export(model)
    monkeypatch.setattr("emg_models._onnx.MAX_BYTES", 100_000)
    with pytest.raises(
        EmgModelsError, match=r"TinyMyoClassifier holds \d{3},\d{3} bytes in float32, one ONNX file at most"
    ):
        export()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.untraced
def test_recurrent_layers_are_one_node_each_and_the_bytes_repeat(tmp_path, describe):
    model = create_model("neuromotor-gestures", n_chans=4, n_times=61, n_outputs=3, sfreq=500.0, width=8, n_layers=2)
    paths = [
        export_onnx(model, tmp_path / name, preprocessing=describe(model.config), labels=list("abc"), batch=2)
        for name in ("a.onnx", "b.onnx")
    ]
    assert [node.op_type for node in onnx.load(paths[0]).graph.node].count("LSTM") == 2
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_unwritable_target_leaves_nothing(export, tmp_path):
    with pytest.raises(EmgModelsError, match=r"absent: cannot write model.onnx .*give a writable folder"):
        export(path=tmp_path / "absent" / "model.onnx")
    (tmp_path / "taken.onnx").mkdir()
    with pytest.raises(EmgModelsError, match=r"cannot write taken.onnx"):
        export(path=tmp_path / "taken.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.onnx"]
