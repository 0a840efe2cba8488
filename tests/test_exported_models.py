"""The models of emg-models whose every operator emg-edge has today, exported by the one and compiled by the other."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

import emg_edge
import emg_models

MODELS = ("tinyissimomyo", "tinymyo", "tinymyo-released")  # classifiers
LABELS = ["rest", "fist", "flexion", "extension", "radial", "ulnar"]
GEOMETRY = {"n_chans": 8, "n_times": 100, "n_outputs": 6, "sfreq": 100.0}
PREPROCESSING = {
    "sfreq": 100.0,
    "unit": "V",
    "channels": [f"ch{i + 1}" for i in range(8)],
    "resample": {"method": "hold", "sfreq": 100.0},
    "filter": {"kind": "sos", "causal": True, "sos": [[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]},
    "normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [1.0] * 8},
    "window": {"length": 100, "hop": 25, "unit": "samples"},
}


def unsettle(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Move every parameter away from its initial value, as training would: zero biases hide errors."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    """A model at full width, two blocks deep."""
    torch.manual_seed(0)
    model = unsettle(
        emg_models.create_model(request.param, task="classification", **GEOMETRY, n_blocks=2).eval(), seed=1
    )
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    return model, emg_models.export_onnx(model, path, preprocessing=PREPROCESSING, labels=LABELS)


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    envelope = np.exp(rng.normal(size=(96, 8, 1)) * 0.5)
    return (rng.normal(size=(96, 8, 100)) * envelope).astype(np.float32)


@pytest.fixture(scope="module")
def compiled(exported, windows, tmp_path_factory):
    return emg_edge.compile_model(exported[1], windows[:64], target="gap9", out=tmp_path_factory.mktemp("compiled"))


def test_onnx_equals_torch(exported, windows):
    model, path = exported
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = model(torch.from_numpy(windows[:4])).numpy()
    found = np.concatenate([session.run(None, {"emg": window[None]})[0] for window in windows[:4]])
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


def test_every_node_is_supported(compiled):
    assert {op.kind for op in compiled.program.ops} >= {"linear", "attention", "layernorm", "add", "mean"}


def test_c_equals_the_reference(compiled, windows):
    comparison = compiled.compare(windows[64:72])
    assert comparison.equal, str(comparison.difference)


def test_logits_keep_25_db(exported, compiled, windows):
    with torch.no_grad():
        expected = exported[0](torch.from_numpy(windows[64:])).numpy()
    error = compiled.run(windows[64:]) - expected
    assert 10 * np.log10((expected**2).mean() / (error**2).mean()) >= 25.0
