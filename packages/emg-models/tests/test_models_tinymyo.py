"""What TinyMyo's encoder computes: against the slow oracle, tokens and masks, rates of dropping, loading."""

import dataclasses

import numpy as np
import pytest
import torch

from emg_models import TinyMyoClassifier, TinyMyoConfig, TinyMyoEncoder, TinyMyoPretrainer
from emg_models._layers.transformer import DropPath


def arrays(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


@pytest.fixture
def bare_config(small_config):
    return dataclasses.replace(small_config, n_outputs=None)


@pytest.mark.parametrize("rope", ["corrected", "released", "none"])
@pytest.mark.parametrize("channel_embedding", [True, False])
@pytest.mark.parametrize("n_times", [60, 43])
def test_encoder_equals_the_slow_oracle(rope, channel_embedding, n_times, oracles, stir):
    sizes = {"n_chans": 3, "n_times": n_times, "embed_dim": 12, "n_heads": 3, "n_blocks": 2}
    config = TinyMyoConfig(**sizes, rope=rope, channel_embedding=channel_embedding)
    encoder = stir(TinyMyoEncoder(config), scale=0.3).eval()
    x = torch.randn(2, 3, n_times, generator=torch.Generator().manual_seed(1))
    patch_mask = torch.arange(9).repeat(2, 1) % 2 == 0
    channel_mask = torch.tensor([[True, True, True], [True, False, True]])
    with torch.no_grad():
        ours = encoder(x, patch_mask, channel_mask).numpy()
    for window in range(2):
        expected = oracles.encode(
            x[window].double().numpy(),
            arrays(encoder),
            config,
            patch_mask[window].numpy(),
            channel_mask[window].numpy(),
        )
        np.testing.assert_allclose(ours[window], expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_token_order_is_channel_major(bare_config):
    encoder = TinyMyoEncoder(bare_config)
    x = torch.randn(1, 8, 100)
    with torch.no_grad():
        before = encoder._embed(x, None)
        x[0, 3, 2 * 20 + 7] += 1
        changed = (encoder._embed(x, None) - before).abs().amax(-1)[0]
    assert changed.nonzero().flatten().tolist() == [3 * 5 + 2]


def test_masked_patches_hide_their_samples_and_keep_their_channel(bare_config):
    encoder = TinyMyoEncoder(bare_config).eval()
    x = torch.randn(1, 8, 100)
    hidden = torch.zeros(1, 40, dtype=torch.bool)
    hidden[0, 7] = True
    other = x.clone()
    other[0, 1, 40:60] = torch.randn(20)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x, hidden), encoder(other, hidden), atol=0, rtol=0)
        embedded = encoder._embed(x, hidden)
        assert torch.equal(embedded[0, 7], encoder.mask_token[0, 0] + encoder.channel_embed[0, 1, 0])
        assert float((encoder(x, hidden) - encoder(x)).abs().max()) > 1e-4


@pytest.mark.parametrize("n_chans", [1, 5, 16])
@pytest.mark.parametrize("n_times", [20, 100, 231])
def test_encoder_fits_other_shapes_than_configured(n_chans, n_times, bare_config):
    torch.manual_seed(0)
    encoder = TinyMyoEncoder(bare_config).eval()
    own = TinyMyoEncoder(dataclasses.replace(bare_config, n_chans=n_chans, n_times=n_times)).eval()
    own.load_state_dict(encoder.state_dict())
    x = torch.randn(2, n_chans, n_times)
    with torch.no_grad():
        assert encoder(x).shape == (2, n_chans * -(-n_times // 20), 32)
        assert torch.equal(encoder(x), own(x))


def test_dropout_acts_in_training_alone(small_config):
    config = dataclasses.replace(small_config, attn_dropout=0.1)
    model = TinyMyoClassifier(config)
    x = torch.randn(4, 8, 100)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize("rate", ["dropout", "attn_dropout", "drop_path"])
def test_each_rate_has_an_effect(rate, small_config):
    quiet = dict.fromkeys(("dropout", "attn_dropout", "drop_path"), 0.0)
    x = torch.randn(4, 8, 100)
    still = TinyMyoClassifier(dataclasses.replace(small_config, **quiet)).train()
    assert torch.equal(still(x), still(x))
    loud = TinyMyoClassifier(dataclasses.replace(small_config, **quiet | {rate: 0.3})).train()
    assert not torch.equal(loud(x), loud(x))


def test_drop_path_skips_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    layer = DropPath(0.1)
    y = layer(torch.ones(20_000, 2, 3))
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.9])
    assert torch.equal(y.amin((1, 2)), y.amax((1, 2)))
    assert float((y == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(layer.eval()(y), y)


def test_gradient_reaches_every_parameter_of_the_pretraining_model(small_config):
    torch.manual_seed(0)
    model = TinyMyoPretrainer(dataclasses.replace(small_config, n_outputs=None)).train()
    x = torch.randn(4, 8, 100)
    (model(x, torch.rand(4, 40) < 0.5) - x).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_bfloat16_autocast_agrees(small_model):
    x = torch.randn(8, 8, 100, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = small_model(x)
        with torch.autocast("cpu", torch.bfloat16):
            half = small_model(x)
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0)


def test_load_encoder_takes_a_model_or_a_state_dict(small_config):
    pretrained = TinyMyoPretrainer(dataclasses.replace(small_config, n_outputs=None, n_times=200))
    x = torch.randn(1, 8, 100)
    for source in (pretrained, pretrained.encoder, pretrained.encoder.state_dict()):
        classifier = TinyMyoClassifier(small_config).eval()
        classifier.load_encoder(source)
        assert torch.equal(classifier.encoder(x), pretrained.eval().encoder(x))


@pytest.mark.parametrize("rope", ["corrected", "released", "none"])
def test_no_windows_give_no_logits(rope):
    config = TinyMyoConfig(n_chans=2, n_times=40, n_outputs=3, n_blocks=1, rope=rope)
    assert TinyMyoClassifier(config).eval()(torch.zeros(0, 2, 40)).shape == (0, 3)
