"""The handwriting network: published count, geometry, equality with a slow form, refusals."""

import numpy as np
import pytest
import torch

from emg_models import (
    EmgModelsError,
    MultivariatePowerFrequency,
    NeuromotorHandwriting,
    NeuromotorHandwritingConfig,
    create_model,
    model_info,
)
from emg_models._neuromotor.feature_config import electrode_pairs

ORACLE = "models_oracles_neuromotor"

SMALL = {"electrodes": 5, "bands": 2, "n_times": 60, "n_outputs": 7, "width": 12, "hidden": 10, "n_heads": 3}
SMALL |= {"contexts": (4, 3, 2), "strides": (1, 2, 1), "kernel_size": 4}


def matrices(frames, bands, electrodes, seed=0):
    """Symmetric matrices (frames, bands, C, C)."""
    values = np.random.default_rng(seed).standard_normal((frames, bands, electrodes, electrodes))
    return values + values.swapaxes(2, 3)


def as_input(values, pairs):
    """The same as features (1, bands·pairs, frames)."""
    rows, cols = np.array(pairs).T
    return torch.from_numpy(values[:, :, rows, cols].reshape(len(values), -1).T[None].copy())


def numbers(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


def test_count_is_the_published_one():
    info = model_info("neuromotor-handwriting")
    assert info["parameters"] == 1_021_284
    assert info["input_shape"] == [1, 816, 795]
    assert info["output_shape"] == [1, 38, 100]


def test_count_part_by_part():
    with torch.device("meta"):
        model = NeuromotorHandwriting(NeuromotorHandwritingConfig())
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert count == {"features": 52_288, "pair": 8_256, "blocks": 15 * 63_616, "head": 6_500}
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.blocks[0].named_children()}
    assert parts == {
        "before": 16_704, "attention_norm": 128, "attention": 16_640,
        "convolution": 13_312, "after": 16_704, "norm": 128,
    }  # fmt: skip


def test_blocks_are_the_published_ones():
    config = NeuromotorHandwritingConfig()
    assert config.contexts == (16,) * 10 + (8,) * 5
    assert [number for number, stride in enumerate(config.strides, start=1) if stride == 2] == [5, 10]
    model = NeuromotorHandwriting(NeuromotorHandwritingConfig(electrodes=4))
    assert [block.attention.context for block in model.blocks] == list(config.contexts)
    assert [block.convolution.stride for block in model.blocks] == list(config.strides)


def test_reach_in_samples():
    """Convolutions alone fit into what is published around a prompt; what attention adds would not."""
    config, span = NeuromotorHandwritingConfig(), MultivariatePowerFrequency().span
    assert ((config.least_frames - 1) * 40 + span - 1, (config.receptive_field - 1) * 40 + span - 1) == (19_853, 49_053)
    assert 19_853 <= 19_014 + 974 < 19_853 + 320
    frames = MultivariatePowerFrequency().frames
    assert config.frames(frames(19_853)) == 0
    assert config.frames(frames(19_854)) == 1
    assert config.frames(frames(19_854 + 320)) == 2


def test_network_equals_the_slow_form(slow, stir):
    model = stir(create_model("neuromotor-handwriting", **SMALL), scale=0.2).double().eval()
    pairs = electrode_pairs(5, None)
    values = matrices(45, 2, 5)
    wanted = slow.handwriting(values, pairs, numbers(model), (4, 3, 2), (1, 2, 1), 3)
    found = model(as_input(values, pairs))[0].detach().numpy()
    assert found.shape == (model.frames(45), 7) == (5, 7)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_feed_forward_halves_the_skip(stir):
    part = create_model("neuromotor-handwriting", **SMALL).blocks[0].before
    torch.nn.init.zeros_(part.narrow.weight)
    torch.nn.init.zeros_(part.narrow.bias)
    x = torch.randn(1, 3, 12)
    assert torch.equal(part(x), x / 2)


@pytest.mark.parametrize("n_times", [22, 23, 41, 60, 97])
def test_beginnings_give_the_first_frames(n_times):
    model = create_model("neuromotor-handwriting", **SMALL).eval()
    x = torch.randn(1, 30, 100)
    part = model(x[:, :, :n_times]) if model.frames(n_times) else None
    expected = model(x)[:, : model.frames(n_times)]
    assert (part is None) is (expected.shape[1] == 0)
    if part is not None:
        torch.testing.assert_close(part, expected, atol=1e-5, rtol=0)


def test_signals_to_symbols():
    mpf = MultivariatePowerFrequency(6)
    network = create_model("neuromotor-handwriting", **SMALL | {"electrodes": 6, "bands": 6}).eval()
    signals = torch.randn(2, 6, 4000)
    y = torch.nn.Sequential(mpf, network)(signals)
    assert y.shape == (2, network.frames(mpf.frames(4000)), 7)
    ears, hand = mpf.stream(batch=2), network.stream(batch=2)
    live = torch.cat([hand.push(ears.push(chunk)) for chunk in signals.split(333, 2)], 1)
    torch.testing.assert_close(live, y, atol=1e-4, rtol=0)


def test_too_few_frames_are_refused():
    model = create_model("neuromotor-handwriting", **SMALL)
    least = model.config.least_frames
    assert model(torch.zeros(1, 30, least)).shape[1] == 1
    with pytest.raises(EmgModelsError, match=f"input has {least - 1} feature frames, one output needs {least}; give"):
        model(torch.zeros(1, 30, least - 1))


@pytest.mark.parametrize("shape", [(30, 60), (2, 31, 60), (2, 2, 15, 60)])
def test_features_that_do_not_fit_are_refused(shape):
    with pytest.raises(EmgModelsError, match=r"features \(batch, 30, frames\) are required; compute them with Multi"):
        create_model("neuromotor-handwriting", **SMALL)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_chans": 815}, "n_chans=815: 6 bands of 136 pairs of electrodes are 816 features; leave n_chans out"),
        ({"n_chans": False}, "n_chans=False: an integer >= 1"),
        ({"bands": 0}, "bands=0: an integer >= 1"),
        ({"width": 0}, "width=0: an integer >= 1"),
        ({"width": 66}, "width=66 is not divisible by n_heads=4; choose other heads"),
        ({"strides": (1, 2)}, "15 contexts and 2 strides: one of each per block is required"),
        ({"strides": (), "contexts": ()}, "0 contexts and 0 strides"),
        ({"contexts": (16,) * 14 + (0,)}, "context of block 15=0: an integer >= 1"),
        ({"strides": (0,) + (1,) * 14}, "stride of block 1=0: an integer >= 1"),
        ({"n_times": 491}, "n_times=491: one output needs 492 feature frames"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(EmgModelsError, match=message):
        NeuromotorHandwritingConfig(**change)


def test_configuration_goes_through_json():
    config = NeuromotorHandwritingConfig(**SMALL)
    assert NeuromotorHandwritingConfig.from_dict(config.to_dict()) == config


def test_one_stream_for_one_batch():
    stream = create_model("neuromotor-handwriting", **SMALL).stream(batch=2)
    with pytest.raises(EmgModelsError, match=r"chunk of 1 recordings: this stream runs 2; open it with stream\(batch"):
        stream.push(torch.zeros(1, 30, 4))
