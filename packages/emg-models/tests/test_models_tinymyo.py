"""What TinyMyo computes: against the slow oracle, and the laws of positions, channels and padding (D1, D5)."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError, TinyMyoClassifier, TinyMyoConfig, TinyMyoEncoder, TinyMyoPretrainer
from emg_models._layers.rotary import rotary_tables, rotate
from emg_models._layers.transformer import DropPath

R1 = {"rope": "released", "channel_embedding": False}
laws = settings(derandomize=True, deadline=None, max_examples=20)


def arrays(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


@pytest.fixture
def bare_config(small_config):
    return dataclasses.replace(small_config, n_outputs=None)


def shuffled(x, order):
    return x.unflatten(-1, (len(order), -1))[:, :, order].flatten(-2)


def full_size(seed=0, **settings_):
    torch.manual_seed(seed)
    return TinyMyoClassifier(TinyMyoConfig(n_outputs=6, **settings_)).eval()


@pytest.mark.parametrize("rope", ["corrected", "released", "none"])
@pytest.mark.parametrize("channel_embedding", [True, False])
def test_encoder_equals_the_slow_oracle(rope, channel_embedding, oracles, stir):
    config = TinyMyoConfig(
        n_chans=3, n_times=60, embed_dim=12, n_heads=3, n_blocks=2, rope=rope, channel_embedding=channel_embedding
    )
    encoder = stir(TinyMyoEncoder(config), scale=0.3).eval()
    x = torch.randn(2, 3, 60, generator=torch.Generator().manual_seed(1))
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


def test_classifier_equals_the_slow_oracle(small_model, oracles):
    x = torch.randn(1, 8, 100, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = small_model(x)[0].numpy()
    expected = oracles.classify(x[0].double().numpy(), arrays(small_model), small_model.config)
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_token_order_is_channel_major(bare_config):
    encoder = TinyMyoEncoder(bare_config)
    x = torch.randn(1, 8, 100)
    with torch.no_grad():
        before = encoder._embed(x, None)
        x[0, 3, 2 * 20 + 7] += 1
        changed = (encoder._embed(x, None) - before).abs().amax(-1)[0]
    assert changed.nonzero().flatten().tolist() == [3 * 5 + 2]


def test_shuffling_time_moves_the_corrected_network_and_not_the_released_one():
    order = torch.randperm(50, generator=torch.Generator().manual_seed(2))
    x = torch.randn(1, 16, 1000, generator=torch.Generator().manual_seed(1))
    change = {}
    for name, choice in {"corrected": {}, "released": R1, "none": {"rope": "none"}}.items():
        model = full_size(**choice)
        with torch.no_grad():
            change[name] = float((model(x) - model(shuffled(x, order))).abs().max())
    assert change["corrected"] > 1e-3
    assert change["released"] < 1e-5
    assert change["none"] < 1e-5


def test_position_still_matters_after_training_steps(small_config):
    torch.manual_seed(0)
    model = TinyMyoClassifier(small_config).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = torch.randn(16, 8, 100), torch.arange(16) % 6
    for _ in range(5):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        assert float((model(x) - model(shuffled(x, torch.tensor([3, 0, 4, 1, 2])))).abs().max()) > 1e-3


@pytest.mark.parametrize("rope", ["corrected", "released"])
def test_swapping_channels_permutes_tokens_only_without_channel_embedding(rope):
    x = torch.randn(1, 16, 200, generator=torch.Generator().manual_seed(1))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    difference = {}
    for channel_embedding in (False, True):
        encoder = full_size(n_times=200, rope=rope, channel_embedding=channel_embedding).encoder
        with torch.no_grad():
            tokens = encoder(x).unflatten(1, (16, 10))[:, order].flatten(1, 2)
            difference[channel_embedding] = float((encoder(x[:, order]) - tokens).abs().max())
    assert difference[False] < 1e-5
    assert difference[True] > 1e-2


def test_tokens_of_one_instant_share_their_position():
    """The score of two channels at equal patch index equals the unrotated one; at unequal index it does not."""
    encoder = TinyMyoEncoder(TinyMyoConfig(n_chans=3, n_times=140, embed_dim=32, n_heads=2, n_blocks=1))
    cos, sin = encoder.rotary_cos, encoder.rotary_sin
    q, k = torch.randn(2, 1, 2, 21, 16, generator=torch.Generator().manual_seed(0))
    plain = q @ k.transpose(-2, -1)
    turned = rotate(q, cos, sin) @ rotate(k, cos, sin).transpose(-2, -1)
    patch = torch.arange(21) % 7
    same = patch[:, None] == patch
    torch.testing.assert_close(turned[..., same], plain[..., same], atol=1e-5, rtol=0)
    assert float((turned - plain)[..., ~same].abs().max()) > 0.1


@laws
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 8), st.integers(0, 2**31))
def test_rotation_keeps_length_and_depends_on_the_difference_of_positions(n_chans, n_patches, half, seed):
    q, k = torch.randn(2, 1, 1, 1, 2 * half, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    position = torch.arange(n_patches).repeat(n_chans)
    cos, sin = (table.double() for table in rotary_tables(position, 2 * half))
    many = (1, 1, n_chans * n_patches, 2 * half)
    turned_q, turned_k = rotate(q.expand(many), cos, sin), rotate(k.expand(many), cos, sin)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm(dim=-1).expand(many[:-1]), atol=1e-5, rtol=1e-5)
    score = (turned_q @ turned_k.transpose(-2, -1))[0, 0, :n_patches, :n_patches]
    for offset in range(n_patches):
        diagonal = score.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("filling", [0.0, 7.0, float("nan")])
def test_padded_channels_never_reach_real_ones(filling, small_config):
    wide = dataclasses.replace(small_config, n_outputs=None, n_chans=16)
    torch.manual_seed(0)
    padded_model = TinyMyoPretrainer(wide).eval()
    narrow_model = TinyMyoPretrainer(dataclasses.replace(wide, n_chans=8)).eval()
    narrow_model.load_state_dict(padded_model.state_dict())
    x = torch.randn(2, 8, 100)
    padded = torch.cat([x, torch.full_like(x, filling)], 1)
    channels = torch.arange(16).repeat(2, 1) < 8
    hidden = torch.rand(2, 80) < 0.5
    with torch.no_grad():
        alone, tokens = narrow_model(x, hidden[:, :40]), narrow_model.encoder(x, hidden[:, :40])
        beside, beside_tokens = padded_model(padded, hidden, channels), padded_model.encoder(padded, hidden, channels)
    torch.testing.assert_close(beside[:, :8], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(beside_tokens[:, :40], tokens, atol=1e-5, rtol=0)
    assert not beside[:, 8:].any()
    assert not beside_tokens[:, 40:].any()


def test_without_the_channel_mask_padding_is_attended(bare_config):
    encoder = TinyMyoEncoder(dataclasses.replace(bare_config, n_chans=16)).eval()
    x = torch.randn(1, 8, 100)
    with torch.no_grad():
        difference = encoder(torch.cat([x, torch.zeros_like(x)], 1))[:, :40] - encoder(x)
    assert float(difference.abs().max()) > 1e-3


def test_padded_classifier_equals_the_one_without_padding(small_config):
    wide = TinyMyoClassifier(dataclasses.replace(small_config, n_chans=16)).eval()
    narrow = TinyMyoClassifier(small_config).eval()
    narrow.load_encoder(wide.encoder)
    with torch.no_grad():
        narrow.head.weight.copy_(wide.head.weight[:, : 8 * 32])
        x = torch.randn(2, 8, 100)
        padded = torch.cat([x, torch.randn(2, 8, 100)], 1)
        torch.testing.assert_close(wide(padded, torch.arange(16).repeat(2, 1) < 8), narrow(x), atol=1e-5, rtol=0)


def test_constant_channel_is_finite(small_model):
    with torch.no_grad():
        assert small_model(torch.zeros(1, 8, 100)).isfinite().all()


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
@pytest.mark.parametrize("n_times", [20, 100, 240])
def test_encoder_fits_other_shapes_than_configured(n_chans, n_times, bare_config):
    torch.manual_seed(0)
    encoder = TinyMyoEncoder(bare_config).eval()
    own = TinyMyoEncoder(dataclasses.replace(bare_config, n_chans=n_chans, n_times=n_times)).eval()
    own.load_state_dict(encoder.state_dict())
    x = torch.randn(2, n_chans, n_times)
    with torch.no_grad():
        assert encoder(x).shape == (2, n_chans * n_times // 20, 32)
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


def test_load_encoder_names_what_does_not_fit_and_loads_nothing(small_config, bare_config):
    classifier = TinyMyoClassifier(small_config)
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    state = dict(TinyMyoEncoder(bare_config).state_dict())
    del state["norm.bias"]
    state["extra"] = torch.zeros(1)
    state["mask_token"] = torch.zeros(1, 1, 7)
    with pytest.raises(EmgModelsError) as caught:
        classifier.load_encoder(state)
    for part in ("29 of 30 keys", "missing 'norm.bias'", "unexpected 'extra'", r"shape of 'mask_token' is (1, 1, 7)"):
        assert part in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in classifier.state_dict().items())
    with pytest.raises(EmgModelsError, match=r"0 of 30 keys match"):
        classifier.load_encoder({"a": torch.zeros(1)})
    with pytest.raises(EmgModelsError, match=r"dtype of 'mask_token' is torch.int64"):
        classifier.load_encoder(
            classifier.encoder.state_dict() | {"mask_token": torch.zeros(1, 1, 32, dtype=torch.int64)}
        )
    with pytest.raises(EmgModelsError, match="missing 'channel_embed'"):
        classifier.load_encoder(TinyMyoEncoder(dataclasses.replace(bare_config, channel_embedding=False)))


@pytest.mark.parametrize("rope", ["corrected", "released", "none"])
def test_no_windows_give_no_logits(rope):
    config = TinyMyoConfig(n_chans=2, n_times=40, n_outputs=3, n_blocks=1, rope=rope)
    assert TinyMyoClassifier(config).eval()(torch.zeros(0, 2, 40)).shape == (0, 3)
