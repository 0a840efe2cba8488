"""TinyMyo's tasks: against the slow oracle, every combination of options, padding, time, loading."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from emg_models import (
    EmgModelsError,
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoEncoder,
    TinyMyoEventDetector,
    TinyMyoPretrainer,
    TinyMyoRegressor,
    export_onnx,
)

TASKS = [TinyMyoClassifier, TinyMyoEventDetector, TinyMyoRegressor]
ORACLES = {TinyMyoClassifier: "classify", TinyMyoEventDetector: "detect", TinyMyoRegressor: "regress"}
SMALL = {"n_chans": 3, "n_times": 60, "n_outputs": 4, "sfreq": 200.0, "embed_dim": 12, "n_heads": 3, "n_blocks": 2}
every_task = pytest.mark.parametrize("kind", TASKS)


def arrays(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


def own_weights(model):
    """The tensors that belong to the task alone."""
    return [value for key, value in model.named_parameters() if not key.startswith("encoder.")]


@every_task
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_times": 47, "output_times": 31},
        {"rope": "released", "channel_embedding": False, "output_times": 90},
        {"rope": "none", "patch_seconds": 0.035, "n_times": 7},
        {"n_times": 3, "output_times": 1},
    ],
)
def test_tasks_equal_the_slow_oracle(kind, changes, oracles, stir):
    model = stir(kind(TinyMyoConfig(**SMALL | changes)), scale=0.2).eval()
    x = torch.randn(2, 3, model.config.n_times, generator=torch.Generator().manual_seed(1))
    real = torch.tensor([[True, True, True], [True, False, True]])
    with torch.no_grad():
        ours = model(x, real).numpy()
    for window in range(2):
        slow = getattr(oracles, ORACLES[kind])
        expected = slow(x[window].double().numpy(), arrays(model), model.config, real[window].numpy())
        np.testing.assert_allclose(ours[window], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [*TASKS, TinyMyoEncoder, TinyMyoPretrainer])
def test_every_combination_of_options_has_its_shape(kind):
    """D13: the first release had a combination of options that raised."""
    outputs = [1, 5] if kind.has_outputs() else [None]
    patches_given = [{}, {"patch_seconds": 0.05}]
    grid = itertools.product(
        ["corrected", "released", "none"], [True, False], [None, 7], patches_given, [60, 53], outputs
    )
    for rope, embedding, instants, patch, n_times, n_outputs in grid:
        given = {"rope": rope, "channel_embedding": embedding, "output_times": instants, "n_times": n_times, **patch}
        model = kind(TinyMyoConfig(**SMALL | given | {"n_blocks": 1, "n_outputs": n_outputs})).eval()
        patches = -(-n_times // model.config.patch_size)
        expected = {
            TinyMyoClassifier: (n_outputs,),
            TinyMyoEventDetector: (patches, n_outputs),
            TinyMyoRegressor: (instants or n_times, n_outputs),
            TinyMyoEncoder: (3 * patches, 12),
            TinyMyoPretrainer: (3, n_times),
        }[kind]
        for mask in (None, torch.tensor([[True, False, True]]).repeat(2, 1)):
            assert model(torch.randn(2, 3, n_times), channel_mask=mask).shape == (2, *expected)
        assert model.output_shape == expected


@every_task
@pytest.mark.parametrize("n_times", [100, 87])
def test_padded_channels_change_nothing(kind, n_times, small_config):
    """D5: a task of 16 channels, 8 of them declared padded, equals the task of 8 channels."""
    wide = kind(dataclasses.replace(small_config, n_chans=16, n_times=n_times)).eval()
    narrow = kind(dataclasses.replace(small_config, n_times=n_times)).eval()
    narrow.load_encoder(wide)
    x = torch.randn(2, 8, n_times)
    padded = torch.cat([x, torch.full((2, 8, n_times), float("nan"))], 1)
    with torch.no_grad():
        for ours, theirs in zip(own_weights(narrow), own_weights(wide), strict=True):
            ours.copy_(theirs if ours.shape == theirs.shape else theirs[:, : 8 * 32])
        torch.testing.assert_close(wide(padded, torch.arange(16).repeat(2, 1) < 8), narrow(x), atol=1e-5, rtol=0)


@every_task
def test_padding_by_a_whole_channel_without_the_mask_is_seen(kind, small_config):
    model = kind(small_config).eval()
    x = torch.randn(2, 8, 100)
    x[:, 7] = 0
    with torch.no_grad():
        assert float((model(x) - model(x, torch.arange(8).repeat(2, 1) < 7)).abs().max()) > 1e-3


def test_events_come_patch_by_patch_and_average_to_the_class(small_config):
    detector, classifier = TinyMyoEventDetector(small_config).eval(), TinyMyoClassifier(small_config).eval()
    classifier.load_state_dict(detector.state_dict())
    x = torch.randn(3, 8, 100)
    with torch.no_grad():
        torch.testing.assert_close(detector(x).mean(1), classifier(x), atol=1e-6, rtol=0)
    assert detector.config.frame_rate == 5.0
    assert [detector.frames(n) for n in (1, 20, 21, 100)] == [1, 1, 2, 5]


@pytest.mark.parametrize("output_times", [None, 1, 50, 500])
def test_interpolation_is_that_of_the_released_code(output_times, small_config):
    """Where patches fill the window, it is linear with align_corners=False to the target length."""
    model = TinyMyoRegressor(dataclasses.replace(small_config, output_times=output_times)).eval()
    x = torch.randn(2, 8, 100)
    with torch.no_grad():
        values = model.regressor(model._tokens(x, None).transpose(2, 3).flatten(1, 2))
        expected = F.interpolate(values, size=output_times or 100, mode="linear", align_corners=False)
        torch.testing.assert_close(model(x), expected.transpose(1, 2), atol=1e-6, rtol=1e-6)


def test_interpolation_of_a_cut_window_keeps_its_time(small_config):
    """Values of the samples do not depend on how many samples follow, given the values of the patches."""
    model = TinyMyoRegressor(small_config).eval()
    ramp = torch.arange(5.0)[None, :, None]
    for n_times in (81, 90, 100):
        before, after, share = model._tables(n_times)
        values = ramp[:, before] + (ramp[:, after] - ramp[:, before]) * share
        expected = ((torch.arange(n_times) + 0.5) / 20 - 0.5).clamp(0, 4)
        torch.testing.assert_close(values[0, :, 0], expected)


def test_regression_of_other_lengths_than_configured(small_config):
    config = dataclasses.replace(small_config, n_times=60)
    model = TinyMyoRegressor(config).eval()
    for n_times in (100, 7):
        own = TinyMyoRegressor(dataclasses.replace(config, n_times=n_times)).eval()
        own.load_state_dict(model.state_dict())
        x = torch.randn(2, 8, n_times)
        assert torch.equal(model(x), own(x))
        assert model.frames(n_times) == n_times
    fixed = TinyMyoRegressor(dataclasses.replace(config, output_times=30))
    assert fixed.frames(7) == 30
    assert fixed(torch.randn(1, 8, 7)).shape == (1, 30, 6)


@pytest.mark.untraced
@pytest.mark.usefixtures("translations")
@pytest.mark.parametrize(("kind", "batch"), [(TinyMyoEventDetector, 1), (TinyMyoRegressor, 8)])
def test_windows_that_cut_a_patch_export(kind, batch, small_config, describe, labels, stir, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    config = dataclasses.replace(small_config, n_times=93, n_blocks=1, output_times=31)
    model = stir(kind(config), scale=0.1).eval()
    path = export_onnx(model, tmp_path / "m.onnx", preprocessing=describe(config), labels=labels, batch=batch)
    x = torch.randn(batch, 8, 93)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"emg": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, model(x).numpy(), atol=1e-5, rtol=0)


def test_dropout_of_the_regression_head_acts_in_training_alone(small_config):
    still = dataclasses.replace(small_config, dropout=0.5, drop_path=0.0)
    model = TinyMyoRegressor(still).train()
    model.encoder.eval()
    x = torch.randn(2, 8, 100)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@every_task
def test_encoder_weights_go_from_any_task_to_any_other(kind, small_config, stir):
    config = dataclasses.replace(small_config, n_times=200)
    x = torch.randn(1, 8, 100)
    sources = [task(config) for task in TASKS]
    sources += [task(dataclasses.replace(config, n_outputs=None)) for task in (TinyMyoEncoder, TinyMyoPretrainer)]
    for seed, source in enumerate(sources):
        model = kind(small_config).eval()
        stir(source, seed=seed).eval()
        model.load_encoder(source)
        assert torch.equal(model.encoder(x), getattr(source, "encoder", source)(x))


@every_task
def test_tasks_refuse_other_channel_counts(kind, small_config):
    model = kind(small_config)
    for n_chans in (7, 9):
        with pytest.raises(EmgModelsError, match=f"input has {n_chans} channels, the head was built for 8; pad with"):
            model(torch.zeros(1, n_chans, 100))


def test_the_other_option_of_the_first_release_does_not_exist():
    """D13: a mean over channels, invalid in its regression head, is no field of the configuration."""
    with pytest.raises(TypeError, match="reduction"):
        TinyMyoConfig(n_outputs=5, reduction="mean")


@every_task
def test_the_mask_token_is_trained_by_pretraining_alone(kind, small_config):
    assert not kind(small_config).encoder.mask_token.requires_grad
    bare = dataclasses.replace(small_config, n_outputs=None)
    assert TinyMyoPretrainer(bare).encoder.mask_token.requires_grad
