"""The contract, first part: laws of what every model of the registry computes, and the registry itself."""

import copy
import inspect

import pytest
import torch

from emg_models import EmgModelsError, TinyMyoConfig, create_model, list_models, model_info
from emg_models._registry import REGISTRY

TABLE = {(name, task) for name, entry in REGISTRY.items() for task in entry.tasks}


def shuffled(model, x):
    """`x` with its patches, or a tenth of its samples at a time, in another order of time; images with other places."""
    if model.config.input_shape != (model.config.n_chans, model.config.n_times):
        return x.flatten(1)[:, torch.randperm(x[0].numel())].reshape(x.shape)
    block = getattr(model.config, "patch_size", None) or max(1, x.shape[-1] // 10)
    whole = x.shape[-1] // block * block
    head = x[..., :whole].unflatten(-1, (-1, block))
    return torch.cat([head.roll(1, 2).flip(2).flatten(-2), x[..., whole:]], -1)


def summary(model, y):
    """Outputs without the order of time: frames and tokens by their first two moments."""
    if model.task == "classification":
        return y
    time = -1 if model.task == "reconstruction" else 1
    return torch.cat([y.mean(time), y.square().mean(time)], -1)


def step(model, x, loss, times=1):
    """Train on one batch."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(times):
        optimiser.zero_grad()
        loss(model(x)).backward()
        optimiser.step()
    return model


def order_change(model, x, distance):
    with torch.no_grad():
        return distance(summary(model, model(shuffled(model, x))), summary(model, model(x)))


def test_the_table_of_small_models_is_complete(small_table):
    assert set(small_table.SMALL) == TABLE
    assert set(small_table.STREAM) <= {(name, task) for name, task in TABLE if REGISTRY[name].tasks[task].streams}


def test_the_registry_is_described():
    assert list_models() == sorted(REGISTRY)
    for entry in REGISTRY.values():
        assert entry.summary
        assert entry.source
        assert "Apache-2.0" in entry.licence
        assert len(entry.tasks) == len(entry.models), "two classes for one task"


def test_output_has_the_promised_shape(row):
    y = row.trained(row.x())
    assert y.shape == (4, *row.trained.output_shape)
    assert y.dtype == torch.float32
    assert y.isfinite().all()
    if row.task == "ctc":
        torch.testing.assert_close(y.exp().sum(-1), torch.ones(y.shape[:2]))


def test_any_length_is_computed_or_refused(row):
    """From no sample to twice the window: as many frames as promised, or an error that names the length."""
    if row.is_image:
        pytest.skip("one image has no length")
    model, n_times = row.trained, row.trained.config.n_times
    computed, refused = [], {}
    for length in sorted({0, 1, 2, 3, n_times - 1, n_times, n_times + 1, n_times * 3 // 2, 2 * n_times}):
        try:
            with torch.no_grad():
                y = model(row.x(2, length))
        except EmgModelsError as error:
            refused[length] = str(error)
            continue
        computed.append(length)
        if row.task in {"events", "regression", "ctc", "speech"}:
            assert y.shape == (2, model.frames(length), model.config.n_outputs)
    assert n_times in computed
    assert 0 in refused
    assert all(str(length) in message for length, message in refused.items()), refused


def test_position_matters_where_it_should(row, loss, distance, settle):
    """As initialised and shaken, and after three steps of training."""
    if row.task == "regression" and not row.entry.positional:
        pytest.skip("interpolation between tokens knows their order")
    x = row.x()
    for model in (row.trained, settle(step(row.build(), x, loss, times=3), x)):
        change = order_change(model, x, distance)
        assert change > 1e-3 if row.entry.positional else change < 1e-5


def test_channel_identity_matters(row, distance):
    x = row.x()
    with torch.no_grad():
        assert distance(row.trained(x.flip(1)), row.trained(x)) > 1e-3


def test_padded_channels_are_inert(row, distance):
    if not row.kind.masks_channels:
        assert "channel_mask" not in inspect.signature(row.kind.forward).parameters
        pytest.skip("takes no channel mask")
    model, x, real = row.trained, row.x(), row.trained.config.n_chans - 3
    mask = (torch.arange(row.trained.config.n_chans) < real).expand(4, -1)
    outputs = []
    for held in (0.0, 1e6, float("nan"), float("inf")):
        with torch.no_grad():
            outputs.append(model(x.masked_fill(~mask[..., None], held), channel_mask=mask))
    assert all(torch.equal(y, outputs[0]) for y in outputs[1:])
    with torch.no_grad():
        assert distance(model(x), outputs[0]) > 1e-3
        if row.task in {"tokens", "reconstruction"}:
            short = model(x[:, :real])
            torch.testing.assert_close(outputs[0][:, : short.shape[1]], short, atol=1e-5, rtol=1e-5)
            assert not outputs[0][:, short.shape[1] :].any()


def test_evaluation_ignores_batch_order_and_batch_size(row):
    model, x, order = row.trained, row.x(), torch.tensor([3, 1, 0, 2])
    with torch.no_grad():
        whole = model(x)
        torch.testing.assert_close(model(x[order]), whole[order], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(torch.cat([model(window[None]) for window in x]), whole, atol=1e-5, rtol=1e-5)


def test_gradient_reaches_every_parameter(row, loss):
    model = row.build()
    loss(model(row.x())).backward()
    idle = {key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert {key.rpartition(".")[2] for key in idle} <= set(model.idle_parameters), idle


def test_same_seed_same_model_and_same_training_step(row, loss):
    first, second = (step(row.build(seed=7), row.x(), loss).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    other = row.build(seed=8).state_dict()
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


def test_evaluation_is_repeatable_and_keeps_state(row):
    model = copy.deepcopy(row.trained)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert torch.equal(model(row.x()), model(row.x()))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_wrong_input_is_refused(row):
    model, x = row.trained, row.x()
    with pytest.raises(EmgModelsError, match=str(tuple(x[0].shape)).replace("(", r"\(").replace(")", r"\)")):
        model(x[0])
    with pytest.raises(EmgModelsError, match=r"torch\.int16"):
        model(x.to(torch.int16))
    wider = torch.cat([x, x[:, :1]], 1)
    if row.task in {"tokens", "reconstruction"} and row.kind.masks_channels:
        assert model(wider).shape[0] == 4  # any number of channels, up to a maximum
    else:
        with pytest.raises(EmgModelsError, match=rf"\b{wider.shape[1]}\b"):
            model(wider)


def test_info_describes_the_model_that_is_built(row):
    info = model_info(row.name, task=row.task, **row.small)
    model = row.build()
    assert (info["name"], info["task"], info["model"]) == (row.name, row.task, type(model).__name__)
    assert info["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert info["output_shape"] == [1, *model.output_shape]
    assert info["config"] == model.config.to_dict()
    assert info["macs"] > 0
    assert info["activations"] > 0


@pytest.mark.untraced
@pytest.mark.parametrize("name", list_models())
def test_the_published_form_is_the_default(name):
    """Every row says what it costs as published, without any size given."""
    for task, kind in REGISTRY[name].tasks.items():
        needed = {"n_outputs": 6} if kind.has_outputs() else {"n_outputs": None}
        info = model_info(name, task=task, **needed)
        assert info["task"] == task
        assert info["macs"] > 0


def test_overrides_reach_the_configuration():
    sizes = {"n_chans": 8, "n_times": 60, "n_outputs": 6, "sfreq": 60.0}
    model = create_model("tinyissimomyo", **sizes, embed_dim=32, n_heads=2, n_blocks=1)
    assert model.config == TinyMyoConfig(**sizes, embed_dim=32, n_heads=2, n_blocks=1)
    assert create_model("tinymyo-released", **sizes).config.rope == "released"


def test_unknown_names_tasks_and_settings_are_refused():
    with pytest.raises(EmgModelsError, match=r"model 'tinymio' is unknown; choose one of .*tinymyo, "):
        create_model("tinymio")
    with pytest.raises(EmgModelsError, match="model 'x' is unknown"):
        model_info("x")
    with pytest.raises(EmgModelsError, match=r"unknown settings \['depth'\]; TinyMyoConfig knows"):
        create_model("tinymyo", n_outputs=6, depth=3)
    with pytest.raises(EmgModelsError, match=r"model 'tinymyo' has no task 'dance'; choose one of classification, "):
        create_model("tinymyo", task="dance")
    with pytest.raises(EmgModelsError, match="n_chans=17 exceeds max_chans=16"):
        model_info("tinymyo", n_chans=17)
