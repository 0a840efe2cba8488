"""Scaled Transformers: counts, costs, lengths and every computation against the reference."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    ScaledTransformerClassifier,
    ScaledTransformerConfig,
    ScaledTransformerCTC,
    ScaledTransformerEncoder,
    checkpoint_blocks,
    create_model,
    from_pretrained,
    model_info,
    save_pretrained,
)

ORACLE = "models_oracles_scaled"

SMALL = {
    "n_chans": 3,
    "n_times": 301,
    "n_outputs": 5,
    "n_blocks": 2,
    "embed_dim": 8,
    "n_heads": 4,
    "conv_widths": (6, 5, 4),
    "position_kernel": 6,
    "position_groups": 2,
    "stft_window": 16,
    "stft_hop": 10,
}
VARIANTS = {
    "as published": {},
    "post-norm, centred": {"norm_placement": "post", "position": "centred"},
    "pre-norm, centred, not causal": {"position": "centred", "causal": False},
    "post-norm, streaming": {"norm_placement": "post", "feature_norm": "running", "context": 3},
    "pre-norm, streaming": {"feature_norm": "running", "context": 3, "weight_norm": True},
    "odd centred kernel": {"position": "centred", "position_kernel": 5, "conv_strides": (11, 3, 3)},
    "post-norm, not causal": {"norm_placement": "post", "causal": False, "weight_norm": True},
    "spectrogram": {"featurizer": "spectrogram", "input_scale": 100.0},
    "spectrogram, streaming": {"featurizer": "spectrogram", "feature_norm": "running", "context": 4},
}
PARTS = ("featurizer", "projection", "position", "norm", "blocks", "head")


@pytest.fixture
def build(stir):
    """A small model after training, in evaluation mode: no two parameters alike, statistics moved."""

    def model(kind=ScaledTransformerCTC, **changes):
        torch.manual_seed(0)
        if kind is ScaledTransformerEncoder:
            changes = {"n_outputs": None} | changes
        stirred = stir(kind(ScaledTransformerConfig(**SMALL | changes)), scale=0.2)
        for name, buffer in stirred.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand(buffer.shape) + 0.5)
        return stirred.eval()

    return model


def doubles(model, prefix=""):
    state = {key.removeprefix(prefix): value for key, value in model.state_dict().items()}
    return {key: value.double().numpy() for key, value in state.items()}


# --- the published table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "parameters", "stock", "parts"),
    [
        ("tiny", 2_217_571, 2_217_827, (82_176, 8_448, 131_200, 256, 1_982_720, 12_771)),
        ("small", 5_388_003, 5_388_387, (82_176, 16_768, 524_544, 512, 4_738_560, 25_443)),
        ("large", 109_411_811, 109_412_963, (82_176, 66_688, 8_389_632, 2_048, 100_769_792, 101_475)),
    ],
)
def test_parameters_to_the_unit_part_by_part(size, parameters, stock, parts):
    name = f"scaled-transformer-{size}"
    assert model_info(name)["parameters"] == parameters == sum(parts)
    assert model_info(name, norm_placement="post", position="centred")["parameters"] == parameters
    assert model_info(name, weight_norm=True, mask_vector=True)["parameters"] == stock
    with torch.device("meta"):
        model = create_model(name)
    found = dict.fromkeys(PARTS, 0)
    for key, value in model.named_parameters():
        found[next(part for part in PARTS if key.removeprefix("encoder.").startswith(part))] += value.numel()
    assert found == dict(zip(PARTS, parts, strict=True))


@pytest.mark.parametrize(("size", "parameters"), [("medium", 27_484_131), ("base", 61_632_227)])
def test_sizes_between_are_ours(size, parameters):
    info = model_info(f"scaled-transformer-{size}")
    assert info["parameters"] == parameters
    assert "ours" in info["source"]


@pytest.mark.parametrize(("size", "millions"), [("tiny", 2.12), ("small", 4.99), ("large", 103.06)])
def test_the_shorter_kernel_misses_the_published_counts(size, millions):
    info = model_info(f"scaled-transformer-{size}", position_kernel=31, weight_norm=True, mask_vector=True)
    assert round(info["parameters"] / 1e6, 2) == millions


def products(config):
    """Multiply-accumulates by formula: featurizer, positional, linears, attention, all with projection and head."""
    n, d, frames = config.n_times, config.embed_dim, config.frames(config.n_times)
    width, featurizer = config.n_chans, 0
    for out, kernel, stride in zip(config.conv_widths, config.conv_kernels, config.conv_strides, strict=True):
        n = (n - kernel) // stride + 1
        featurizer += n * out * width * kernel
        width = out
    positional = frames * d * (d // config.position_groups) * config.position_kernel
    linears = config.n_blocks * frames * 12 * d * d
    attention = config.n_blocks * 2 * frames * frames * d
    ends = frames * d * (config.n_features + config.n_outputs)
    return featurizer, positional, linears, attention, featurizer + positional + linears + attention + ends


@pytest.mark.parametrize(
    ("size", "parts", "total_5s", "total_20hz"),
    [
        ("tiny", (0.097, 0.052, 0.783, 0.406, 1.345), 1.810, 0.226),
        ("small", (0.097, 0.209, 1.878, 0.487, 2.686), 3.514, 0.482),
        ("large", (0.097, 3.339, 40.064, 2.595, 46.161), 58.575, 8.882),
    ],
)
def test_multiply_accumulates(size, parts, total_5s, total_20hz):
    def counted(**changes):
        info = model_info(f"scaled-transformer-{size}", **changes)
        assert info["macs"] == products(ScaledTransformerConfig.from_dict(info["config"]))[-1]
        return round(info["macs"] / 1e9, 3)

    config = ScaledTransformerConfig.from_dict(model_info(f"scaled-transformer-{size}")["config"])
    # Tiny's linears are 0.78249984, printed as 0.783
    assert [part / 1e9 for part in products(config)] == pytest.approx(parts, abs=5.01e-4)
    assert counted() == parts[-1]
    assert counted(n_times=10_000) == total_5s
    assert counted(conv_strides=(11, 3, 3)) == total_20hz


def test_bounded_context_costs_less():
    whole, bounded = (
        model_info("scaled-transformer-tiny", n_times=20_000, n_blocks=1, context=context)["macs"]
        for context in (None, 100)
    )
    assert bounded < whole - 0.7 * 2 * 128 * 998**2


@pytest.mark.parametrize(
    ("changes", "hop", "field", "rate", "lengths"),
    [
        ({}, 20, 41, 100.0, {41: 1, 60: 1, 61: 2, 8000: 398, 10_000: 498}),
        ({"conv_strides": (11, 3, 3)}, 99, 99, 2000 / 99, {99: 1, 8000: 80}),
        ({"featurizer": "spectrogram"}, 16, 64, 125.0, {64: 1, 8000: 497, 10_000: 622}),
    ],
)
def test_lengths(changes, hop, field, rate, lengths):
    config = ScaledTransformerConfig(**changes)
    assert (config.hop, config.receptive_field, config.frame_rate) == (hop, field, rate)
    assert {n: config.frames(n) for n in lengths} == lengths
    with pytest.raises(EmgModelsError, match=f"n_times={field - 1} samples are less than one frame; at least {field} "):
        config.frames(field - 1)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    kernels=st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4)),
    more=st.integers(0, 400),
)
def test_frames_follow_hop_and_receptive_field(kernels, strides, more):
    config = ScaledTransformerConfig(conv_kernels=kernels, conv_strides=strides)
    assert config.frames(config.receptive_field + more) == more // config.hop + 1


# --- computations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equals_the_oracle(changes, slow, build):
    model = build(**changes)
    x = torch.randn(2, 3, 301)
    with torch.no_grad():
        found = model(x).numpy()
    w, head = doubles(model.encoder), doubles(model)
    for one, log_probs in zip(x.double().numpy(), found, strict=True):
        features = slow.encode(one, w, model.config)
        assert features.shape == (model.frames(301), 8)
        np.testing.assert_allclose(log_probs, slow.symbols(features, head), atol=1e-5)


def test_masked_frames_are_replaced_by_the_learned_vector(slow, build):
    model = build(ScaledTransformerEncoder, mask_vector=True)
    x, mask = torch.randn(2, 3, 301), torch.rand(2, model.frames(301)) < 0.3
    with torch.no_grad():
        found = model(x, mask).numpy()
        assert torch.equal(model(x, torch.zeros_like(mask)), model(x))
    assert found.shape == (2, *model.output_shape)
    for one, hidden, features in zip(x.double().numpy(), mask.numpy(), found, strict=True):
        np.testing.assert_allclose(features, slow.encode(one, doubles(model), model.config, hidden), atol=1e-5)
    model(x, mask).sum().backward()
    assert model.mask_vector.grad.any()


def test_classes_come_from_the_mean_of_the_frames(slow, build):
    model = build(ScaledTransformerClassifier)
    x = torch.randn(1, 3, 301)
    features = slow.encode(x[0].double().numpy(), doubles(model.encoder), model.config)
    with torch.no_grad():
        np.testing.assert_allclose(
            model(x)[0].numpy(), slow.linear(features.mean(0), doubles(model), "head"), atol=1e-5
        )


def test_recordings_in_volts_need_the_input_scale(build):
    x = torch.randn(1, 3, 301)
    plain, scaled = build(), build(input_scale=1e5)
    with torch.no_grad():
        whole = plain(x)
        assert float((plain(1e-5 * x) - whole).abs().max()) > 1e-2
        torch.testing.assert_close(scaled(1e-5 * x), whole, atol=1e-4, rtol=0)


def test_running_statistics_move_in_training_only(build):
    model = build(feature_norm="running").train()
    norm = model.encoder.featurizer.norm
    before = norm.running_mean.clone()
    model(torch.randn(2, 3, 301))
    moved = norm.running_mean.clone()
    assert not torch.equal(moved, before)
    model.eval()(torch.randn(2, 3, 301))
    assert torch.equal(norm.running_mean, moved)


@pytest.mark.parametrize("name", ["feature_dropout", "dropout", "head_dropout", "attn_dropout", "drop_path"])
def test_every_rate_acts_in_training_only(name, build):
    rates = dict.fromkeys(("feature_dropout", "dropout", "head_dropout"), 0.0)
    x = torch.randn(2, 3, 301)
    still = build(**rates).train()
    torch.testing.assert_close(still(x), still(x))
    model = build(**rates | {name: 0.5}).train()
    assert not torch.allclose(model(x), model(x), atol=1e-3)
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize("norm_placement", ["pre", "post"])
def test_checkpointed_blocks_give_the_same_gradients(norm_placement, build):
    x, slopes = torch.randn(2, 3, 301), []
    for on in (False, True):
        model = build(norm_placement=norm_placement, context=4).train()
        assert checkpoint_blocks(model, on=on) == 2
        torch.manual_seed(3)
        model(x).square().sum().backward()
        slopes.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(*slopes)


@torch.no_grad()
def test_initialisation_is_that_of_wav2vec2():
    torch.manual_seed(0)
    model = create_model("scaled-transformer-small", weight_norm=True, mask_vector=True)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            assert float(module.weight.std()) == pytest.approx(0.02, rel=0.03)
            assert not module.bias.any()
    for convolution in model.encoder.featurizer.convolutions:
        fan_in = convolution.weight[0].numel()
        assert float(convolution.weight.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
    position = model.encoder.position
    assert float(position.conv.weight.std()) == pytest.approx((4 * 0.8 / (128 * 256)) ** 0.5, rel=0.03)
    assert not position.conv.bias.any()
    torch.testing.assert_close(position.gain, position.conv.weight.square().sum((0, 1)).sqrt())
    assert 0 <= float(model.encoder.mask_vector.min()) < float(model.encoder.mask_vector.max()) < 1


def test_weight_norm_changes_nothing_before_training():
    models = []
    for weight_norm in (False, True):
        torch.manual_seed(0)
        models.append(ScaledTransformerCTC(ScaledTransformerConfig(**SMALL, weight_norm=weight_norm)).eval())
    x = torch.randn(1, 3, 301)
    with torch.no_grad():
        torch.testing.assert_close(models[0](x), models[1](x))


# --- weights and refusals ----------------------------------------------------------------------------------------


def test_weights_of_one_norm_placement_do_not_fit_the_other(tmp_path, describe, build):
    save_pretrained(build(), tmp_path, preprocessing=describe(build().config), labels=list("abcde"))
    assert from_pretrained(tmp_path).config.norm_placement == "pre"
    path = tmp_path / "config.json"
    header = json.loads(path.read_text())
    header["config"]["norm_placement"] = "post"
    path.write_text(json.dumps(header))
    with pytest.raises(EmgModelsError, match=r"encoder\.position_norm\.weight"):
        from_pretrained(tmp_path)


def test_every_field_reaches_the_folder(build):
    config = build(**VARIANTS["post-norm, streaming"]).config
    assert ScaledTransformerConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 12, "n_heads": 5}, "embed_dim=12 is not divisible by n_heads=5; choose a multiple"),
        ({"position_groups": 3}, "embed_dim=8 is not divisible by position_groups=3; choose a multiple"),
        (
            {"conv_kernels": (3, 3)},
            r"conv_kernels=\(3, 3\): a tuple of one integer per convolution is required, as many",
        ),
        ({"conv_widths": ()}, r"conv_widths=\(\): a tuple of one integer per convolution is required"),
        ({"conv_strides": 5}, "conv_strides=5: a tuple of one integer"),
        ({"conv_strides": (5, 2, 0)}, "conv_strides=0: an integer >= 1"),
        ({"causal": False, "context": 9}, "context=9 with causal=False: the context counts frames back in time; give"),
        ({"context": 0}, "context=0: an integer >= 1"),
        ({"n_times": 40}, "n_times=40 samples are less than one frame; at least 41 are required"),
        ({"input_scale": 0.0}, "input_scale=0.0: a finite number > 0 in 1 / unit of the input"),
        ({"featurizer": "wavelets"}, "featurizer='wavelets': one of convolution, spectrogram is required"),
        ({"feature_norm": "batch"}, "feature_norm='batch': one of instance, running"),
        ({"position": "ahead"}, "position='ahead': one of causal, centred"),
        ({"norm_placement": "both"}, "norm_placement='both': one of pre, post"),
        ({"causal": 1}, "causal=1: True or False is required"),
        ({"stft_window": 1}, "stft_window=1: an integer >= 2"),
        ({"head_dropout": 1.0}, r"head_dropout=1.0: a rate in \[0, 1\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(EmgModelsError, match=message):
        ScaledTransformerConfig(**SMALL | changes)


def test_inputs_that_do_not_fit_are_refused(build):
    model, x = build(), torch.zeros(1, 3, 301)
    with pytest.raises(
        EmgModelsError, match=r"input of shape \(1, 2, 301\) and torch.float32: floating .*\(batch, 3, ti"
    ):
        model(x[:, :2])
    with pytest.raises(EmgModelsError, match=r"input of shape \(3, 301\).*add a batch axis with x\[None\]"):
        model(x[0])
    with pytest.raises(EmgModelsError, match=r"torch.int64: .*convert with x.float\(\)"):
        model(x.long())
    with pytest.raises(EmgModelsError, match="n_times=40 samples are less than one frame; at least 41 are required"):
        model(x[..., :40])
    mask = torch.zeros(1, 14, dtype=torch.bool)
    with pytest.raises(
        EmgModelsError, match="frame_mask given to a model without mask vector; build it with mask_vect"
    ):
        model(x, mask)
    masked = build(mask_vector=True)
    assert masked(x, mask).shape == (1, 14, 5)
    for wrong in (mask[:, 1:], mask.float()):
        with pytest.raises(
            EmgModelsError, match=r"frame_mask of shape .*: a bool tensor \(1, 14\) is required, one val"
        ):
            masked(x, wrong)


def test_defaults_are_tiny():
    names = {field.name for field in dataclasses.fields(ScaledTransformerConfig)}
    assert names == set(model_info("scaled-transformer-tiny")["config"])
    assert ScaledTransformerConfig().to_dict() == model_info("scaled-transformer-tiny")["config"]
