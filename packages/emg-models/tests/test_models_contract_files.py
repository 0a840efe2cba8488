"""The contract, fourth part: every model as an ONNX file and as a folder."""

import json
import re

import numpy as np
import pytest
import safetensors.torch
import torch

from emg_models import (
    EmgModelsError,
    export_onnx,
    from_pretrained,
    load_evaluation,
    load_labels,
    load_preprocessing,
    save_pretrained,
)

onnx = pytest.importorskip("onnx")


@pytest.fixture
def names(row):
    """One name per output."""
    return [f"out{i}" for i in range(row.trained.config.n_outputs or 0)]


@pytest.fixture
def record(row, describe):
    return describe(row.trained.config)


@pytest.fixture
def write(row, names, record, tmp_path, once, translations):
    """Export for a batch, once for all rows that share the network; the bytes."""

    def exported(batch):
        def make():
            path = export_onnx(
                row.trained, tmp_path / "m.onnx", preprocessing=record, labels=names, batch=batch, name="m"
            )
            return path.read_bytes()

        return once(row.trained, ("onnx", batch), make)

    return exported


@pytest.mark.untraced
@pytest.mark.compiles
def test_onnx_equals_torch(row, write):
    """To 1e-5, of the largest output where that is above 1; at batch 8 for every name, at 1 for every class."""
    onnxruntime = pytest.importorskip("onnxruntime")
    for batch in (1, 8) if row.leads else (8,):
        x = row.x(batch)
        session = onnxruntime.InferenceSession(write(batch), providers=["CPUExecutionProvider"])
        (found,) = session.run([row.trained.output], {"emg": x.numpy()})
        with torch.no_grad():
            y = row.trained(x).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, y, atol=1e-5 * max(1.0, np.abs(y).max()), rtol=0)


@pytest.mark.untraced
@pytest.mark.compiles
def test_onnx_file_is_described_and_static(row, write, names, record):
    data = write(8)
    proto = onnx.load_from_string(data)
    onnx.checker.check_model(proto, full_check=True)
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    config = row.trained.config
    assert shapes == {"emg": [8, *config.input_shape], row.trained.output: [8, *row.trained.output_shape]}
    assert [item.domain for item in proto.opset_import] == [""]
    assert not proto.functions
    metadata = {item.key: item.value for item in proto.metadata_props}
    assert json.loads(metadata["emg.labels"]) == names
    assert json.loads(metadata["emg.output_shape"]) == list(row.trained.output_shape)
    assert json.loads(metadata["emg.preprocessing"]) == record
    assert metadata["emg.task"] == row.task
    assert int(metadata["emg.n_outputs"]) == len(names)
    assert float(metadata["emg.sfreq"]) == config.sfreq


@pytest.mark.untraced
@pytest.mark.compiles
def test_onnx_file_knows_nothing_of_this_machine(write):
    data = write(8)
    assert b"site-packages" not in data
    assert b".py" not in data
    assert all(not node.doc_string and not node.metadata_props for node in onnx.load_from_string(data).graph.node)


def test_saving_and_loading_is_identity(row, names, record, tmp_path):
    model = row.trained
    evaluation = {"metrics": {"loss": 0.5}}
    save_pretrained(model, tmp_path / "m", preprocessing=record, labels=names, evaluation=evaluation)
    loaded = from_pretrained(tmp_path / "m")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert not any(module.training for module in loaded.modules())
    assert not any(value.is_meta for value in (*loaded.parameters(), *loaded.buffers()))
    wanted = {key: value.requires_grad for key, value in model.named_parameters()}
    assert {key: value.requires_grad for key, value in loaded.named_parameters()} == wanted
    state = loaded.state_dict()
    assert list(state) == list(model.state_dict())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(loaded(row.x()), model(row.x()))
    assert load_labels(tmp_path / "m") == names
    assert load_evaluation(tmp_path / "m") == evaluation
    found = load_preprocessing(tmp_path / "m")
    assert found["window"].pop("seconds") == model.config.n_times / model.config.sfreq
    assert found == record
    assert f"{sum(value.numel() for value in model.parameters()):,}" in (tmp_path / "m" / "README.md").read_text()


def test_a_damaged_checkpoint_is_refused_by_name(row, names, record, tmp_path):
    save_pretrained(row.trained, tmp_path / "m", preprocessing=record, labels=names)
    path = tmp_path / "m" / "model.safetensors"
    state = safetensors.torch.load_file(path)
    key = sorted(state)[len(state) // 2]
    for name, damaged in [
        (key, {other: value for other, value in state.items() if other != key}),
        ("head.spare", state | {"head.spare": torch.zeros(3)}),
        (key, state | {key: torch.zeros(7, *state[key].shape)}),
    ]:
        safetensors.torch.save_file(damaged, path)
        with pytest.raises(EmgModelsError, match=re.escape(repr(name))):
            from_pretrained(tmp_path / "m")
