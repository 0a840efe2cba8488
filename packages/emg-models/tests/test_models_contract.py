"""One contract over every model of the registry, and the registry itself."""

import functools

import numpy as np
import pytest
import torch

from emg_models import (
    EmgModelsError,
    TinyMyoConfig,
    create_model,
    export_onnx,
    from_pretrained,
    list_models,
    model_info,
    save_pretrained,
)
from emg_models._registry import REGISTRY

SHAPE = {"n_chans": 8, "n_times": 60, "n_outputs": 6, "sfreq": 60.0}
every_model = pytest.mark.parametrize("name", list_models())


@functools.cache
def trained(name):
    """One model per name for all tests that leave it unchanged, with no two parameters alike."""
    torch.manual_seed(0)
    model = create_model(name, **SHAPE).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@pytest.fixture
def x():
    return torch.randn(4, 8, 60, generator=torch.Generator().manual_seed(5))


def test_the_registry_is_complete():
    assert list_models() == sorted(REGISTRY) == ["tinyissimomyo", "tinymyo", "tinymyo-released"]
    for entry in REGISTRY.values():
        assert entry.summary
        assert entry.source
        assert "Apache-2.0" in entry.licence


@every_model
def test_info_describes_the_model_that_is_built(name):
    info = model_info(name, n_chans=8, n_times=60, n_outputs=6)
    model = create_model(name, **SHAPE)
    assert info["name"] == name
    assert info["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert info["macs"] > 0
    assert {"source", "licence"} <= info.keys()


@every_model
def test_output_shape_and_dtype(name, x):
    y = trained(name)(x)
    assert y.shape == (4, 6)
    assert y.dtype == torch.float32
    assert y.isfinite().all()


@every_model
def test_evaluation_ignores_batch_order_and_batch_size(name, x):
    model = trained(name)
    order = torch.tensor([3, 1, 0, 2])
    with torch.no_grad():
        whole = model(x)
        torch.testing.assert_close(model(x[order]), whole[order], atol=1e-5, rtol=0)
        torch.testing.assert_close(torch.cat([model(window[None]) for window in x]), whole, atol=1e-5, rtol=0)


@every_model
def test_gradient_reaches_every_parameter(name, x):
    model = create_model(name, **SHAPE).train()
    torch.nn.functional.cross_entropy(model(x), torch.arange(4)).backward()
    trained = {key: parameter for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(dict(model.named_parameters())) - set(trained) == {"encoder.mask_token"}
    assert [key for key, parameter in trained.items() if parameter.grad is None or not parameter.grad.any()] == []


@every_model
def test_same_seed_same_model_and_same_training_step(name, x):
    outcome = []
    for _ in range(2):
        torch.manual_seed(7)
        model = create_model(name, **SHAPE).train()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.nn.functional.cross_entropy(model(x), torch.arange(4)).backward()
        optimiser.step()
        outcome.append(model.eval()(x))
    assert torch.equal(*outcome)


@every_model
def test_time_order_matters_where_it_should(name, x):
    model = trained(name)
    shuffled = x.unflatten(-1, (3, 20))[:, :, [2, 0, 1]].flatten(-2)
    with torch.no_grad():
        change = float((model(x) - model(shuffled)).abs().max())
    if REGISTRY[name].positional:
        assert change > 1e-3
    else:
        assert change < 1e-5


@every_model
def test_channel_identity_matters(name, x):
    model = trained(name)
    with torch.no_grad():
        assert float((model(x) - model(x.flip(1))).abs().max()) > 1e-3


@every_model
def test_saving_and_loading_is_identity(name, x, tmp_path, describe, labels):
    model = trained(name)
    save_pretrained(model, tmp_path / "m", preprocessing=describe(model.config), labels=labels)
    loaded = from_pretrained(tmp_path / "m")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert torch.equal(loaded(x), model(x))


@every_model
@pytest.mark.parametrize("batch", [1, 4])
def test_onnx_equals_torch(name, batch, x, tmp_path, describe, labels):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = trained(name)
    path = export_onnx(model, tmp_path / "m.onnx", preprocessing=describe(model.config), labels=labels, batch=batch)
    (found,) = onnxruntime.InferenceSession(path).run(["logits"], {"emg": x[:batch].numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, model(x[:batch]).numpy(), atol=1e-5)


def test_overrides_reach_the_configuration():
    model = create_model("tinyissimomyo", **SHAPE, embed_dim=32, n_heads=2, n_blocks=1)
    assert model.config == TinyMyoConfig(**SHAPE, embed_dim=32, n_heads=2, n_blocks=1)
    assert create_model("tinymyo-released", **SHAPE).config.rope == "released"


def test_unknown_names_and_settings_are_refused():
    with pytest.raises(EmgModelsError, match="model 'tinymio' is unknown; choose one of tinyissimomyo, tinymyo, "):
        create_model("tinymio", **SHAPE)
    with pytest.raises(EmgModelsError, match="model 'x' is unknown"):
        model_info("x")
    with pytest.raises(EmgModelsError, match=r"unknown settings \['depth'\]; TinyMyoConfig knows"):
        create_model("tinymyo", **SHAPE, depth=3)
    with pytest.raises(EmgModelsError, match="n_times=110 is not a multiple"):
        model_info("tinymyo", n_chans=8, n_times=110)
