"""Counts, names and initial values of TinyMyo, to the unit (reference 1.2, 1.5, 1.7, 1.8, 1.10)."""

import dataclasses
import math

import pytest
import safetensors.torch
import torch

from emg_models import (
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoEncoder,
    TinyMyoEventDetector,
    TinyMyoPretrainer,
    TinyMyoRegressor,
    create_model,
    model_info,
    read_published,
)

R1 = {"rope": "released", "channel_embedding": False}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("settings", "encoder", "whole"),
    [
        (R1, 3_563_520, 3_567_380),
        ({}, 3_566_592, 3_570_452),
        (R1 | {"n_blocks": 4}, 1_784_064, 1_787_924),
        ({"n_blocks": 4}, 1_787_136, 1_790_996),
    ],
)
def test_encoder_and_pretraining_model(settings, encoder, whole):
    model = TinyMyoPretrainer(TinyMyoConfig(**settings))
    assert count(model.encoder) == encoder
    assert count(model.decoder) == 3_860
    assert count(model) == whole


def test_parts_of_the_encoder():
    encoder = TinyMyoEncoder(TinyMyoConfig())
    block = encoder.blocks[0]
    assert count(encoder.patch_embedding) == 4_032
    assert encoder.mask_token.numel() == 192
    assert encoder.channel_embed.shape == (1, 16, 1, 192)
    assert count(block) == 444_864
    assert (count(block.norm1) + count(block.norm2), count(block.attn), count(block.mlp)) == (768, 148_224, 295_872)
    assert (count(block.attn.qkv), count(block.attn.proj)) == (111_168, 37_056)
    assert (count(block.mlp.fc1), count(block.mlp.fc2)) == (148_224, 147_648)
    assert count(encoder.blocks) + count(encoder.norm) == 3_558_912 + 384


@pytest.mark.parametrize(
    ("n_chans", "n_outputs", "head", "released", "corrected"),
    [
        (16, 53, 162_869, 3_726_389, 3_729_461),
        (8, 6, 9_222, 3_572_742, 3_575_814),
        (8, 5, 7_685, 3_571_205, 3_574_277),
        (8, 7, 10_759, 3_574_279, 3_577_351),
    ],
)
def test_classifier_table(n_chans, n_outputs, head, released, corrected):
    for settings, whole in ((R1, released), ({}, corrected)):
        model = TinyMyoClassifier(TinyMyoConfig(n_chans=n_chans, n_times=200, n_outputs=n_outputs, **settings))
        assert count(model.head) == head
        assert count(model) == whole


@pytest.mark.parametrize(("settings", "whole"), [(R1, 4_352_517), ({}, 4_355_589)])
def test_regression_table(settings, whole):
    model = TinyMyoRegressor(TinyMyoConfig(n_outputs=5, **settings))
    layers = [model.regressor[place] for place in (0, 3, 5)]
    assert [count(layer) for layer in layers] == [786_688, 1_024, 1_285]
    assert count(model.regressor) == 788_997
    assert count(model) == whole


def test_the_regression_head_has_the_published_names_and_loads_a_published_file(tmp_path):
    config = TinyMyoConfig(n_outputs=5, output_times=500, n_blocks=1, **R1)
    shapes = {"0.weight": (256, 3072, 1), "3.weight": (256, 1, 3), "5.weight": (5, 256, 1)}
    shapes |= {"0.bias": (256,), "3.bias": (256,), "5.bias": (5,)}
    head = {name: torch.randn(shape) for name, shape in shapes.items()}
    bare = TinyMyoEncoder(dataclasses.replace(config, n_outputs=None))
    encoder = {name: torch.randn(value.shape) for name, value in bare.state_dict().items()}
    file = encoder | {f"model_head.regressor.{name}": value for name, value in head.items()}
    safetensors.torch.save_file(file, tmp_path / "published.safetensors")
    parts = read_published(tmp_path / "published.safetensors")
    model = TinyMyoRegressor(config)
    model.load_encoder(parts["encoder"])
    model.regressor.load_state_dict(parts["regressor"])
    given = {f"encoder.{name}": value for name, value in encoder.items()}
    given |= {f"regressor.{name}": value for name, value in head.items()}
    loaded = model.state_dict()
    assert loaded.keys() == given.keys()
    assert all(torch.equal(loaded[name], value) for name, value in given.items())


def test_events_cost_the_head_of_the_classifier():
    model = TinyMyoEventDetector(TinyMyoConfig(n_outputs=9))
    assert count(model.head) == 16 * 192 * 9 + 9
    assert count(model) == 3_566_592 + 27_657


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("tinymyo", 3_729_461), ("tinymyo-released", 3_726_389), ("tinyissimomyo", 1_950_005)],
)
def test_every_row_of_the_registry_as_published(name, parameters):
    """With the DB5 head (16 channels, 53 classes)."""
    assert model_info(name, n_outputs=53)["parameters"] == parameters
    config = create_model(name, n_outputs=53).config
    assert (config.n_chans, config.n_times, config.sfreq, config.patch_size) == (16, 1000, 2000.0, 20)
    assert (config.embed_dim, config.n_heads, config.mlp_ratio, config.max_chans) == (192, 3, 4, 16)
    assert (config.dropout, config.drop_path) == (0.1, 0.1)
    assert config.n_blocks == (4 if name == "tinyissimomyo" else 8)
    released = name == "tinymyo-released"
    assert (config.rope, config.channel_embedding) == (("released", False) if released else ("corrected", True))
    assert (config.attn_dropout, config.output_times) == ((0.1, 500) if released else (0.0, None))


def test_tinyissimomyo_with_the_db5_head():
    assert model_info("tinyissimomyo", n_chans=16, n_times=200, n_outputs=53)["parameters"] == 1_950_005


def test_state_dict_has_the_published_names():
    linears = [
        f"{name}.{kind}" for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2") for kind in ("weight", "bias")
    ]
    norms = [f"{name}.{kind}" for name in ("norm1", "norm2") for kind in ("weight", "bias")]
    names = {f"blocks.{block}.{name}" for block in range(8) for name in linears + norms}
    names |= {"mask_token", "norm.weight", "norm.bias"}
    names |= {"patch_embedding.patch_embed.proj.weight", "patch_embedding.patch_embed.proj.bias"}
    assert set(TinyMyoEncoder(TinyMyoConfig(**R1)).state_dict()) == names
    assert set(TinyMyoEncoder(TinyMyoConfig()).state_dict()) == names | {"channel_embed"}


def test_initial_linears_are_xavier_uniform_and_shrink_with_depth():
    torch.manual_seed(0)
    encoder = TinyMyoPretrainer(TinyMyoConfig()).encoder
    for depth, block in enumerate(encoder.blocks, start=1):
        for name, scale in (("attn.qkv", 1), ("attn.proj", 2 * depth), ("mlp.fc1", 1), ("mlp.fc2", 2 * depth)):
            linear = block.get_submodule(name)
            bound = math.sqrt(6 / (linear.in_features + linear.out_features) / scale)
            assert 0.99 * bound < float(linear.weight.detach().abs().max()) <= bound * (1 + 1e-6)
            assert float(linear.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
            assert not linear.bias.any()


def test_other_initial_values():
    torch.manual_seed(0)
    model = TinyMyoPretrainer(TinyMyoConfig())
    encoder = model.encoder
    proj = encoder.patch_embedding.patch_embed.proj
    bound = math.sqrt(6 / (192 + 20))
    assert 0.99 * bound < float(proj.weight.detach().abs().max()) <= bound
    assert 0 < float(proj.bias.detach().abs().max()) <= 1 / math.sqrt(20)
    for token in (encoder.mask_token, encoder.channel_embed):
        assert float(token.detach().abs().max()) <= 0.02
        assert float(token.detach().std()) == pytest.approx(0.02 * 0.54, rel=0.15)
    assert not model.decoder.bias.any()
    assert (encoder.norm.weight == 1).all()
    assert not encoder.norm.bias.any()
    assert encoder.norm.eps == 1e-5


@pytest.mark.parametrize("kind", [TinyMyoClassifier, TinyMyoEventDetector])
def test_initial_heads_are_xavier_uniform(kind):
    head = kind(TinyMyoConfig(n_outputs=6, n_blocks=1)).head
    bound = math.sqrt(6 / (16 * 192 + 6))
    assert 0.99 * bound < float(head.weight.detach().abs().max()) <= bound
    assert not head.bias.any()


def test_initial_regression_head_is_kaiming_uniform_for_relu():
    model = TinyMyoRegressor(TinyMyoConfig(n_outputs=5, n_blocks=1))
    for place, fan_in in ((0, 16 * 192), (3, 3), (5, 256)):
        layer = model.regressor[place]
        bound = math.sqrt(6 / fan_in)
        assert 0.98 * bound < float(layer.weight.detach().abs().max()) <= bound * (1 + 1e-6)
        assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.06)
        assert not layer.bias.any()


def test_reset_parameters_draws_anew_from_the_same_law():
    encoder = TinyMyoEncoder(TinyMyoConfig(n_blocks=1))
    before = encoder.blocks[0].attn.proj.weight.detach().clone()
    encoder.reset_parameters()
    after = encoder.blocks[0].attn.proj.weight.detach()
    bound = math.sqrt(6 / 384 / 2)
    assert not torch.equal(before, after)
    assert 0.99 * bound < float(after.abs().max()) <= bound * (1 + 1e-6)
