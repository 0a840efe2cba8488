"""Known defects of the released network (reference section 6), each held off by tests of its number.

D13 is in test_models_tinymyo_heads.py; the others concern training, data and protocols.
"""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoEncoder,
    TinyMyoEventDetector,
    TinyMyoPretrainer,
    TinyMyoRegressor,
)
from emg_models._layers.rotary import rotary_tables, rotate

R1 = {"rope": "released", "channel_embedding": False}
laws = settings(derandomize=True, deadline=None, max_examples=20)


@pytest.fixture
def bare_config(small_config):
    return dataclasses.replace(small_config, n_outputs=None)


def shuffled(x, order):
    return x.unflatten(-1, (len(order), -1))[:, :, order].flatten(-2)


def full_size(seed=0, **settings_):
    torch.manual_seed(seed)
    return TinyMyoClassifier(TinyMyoConfig(n_outputs=6, **settings_)).eval()


def test_d1_shuffling_time_moves_the_corrected_network_and_not_the_released_one():
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


def test_d1_frames_of_the_released_network_know_no_time(small_config):
    """Shuffled patches give the same events at other frames; in the corrected network they give others."""
    order, x = torch.tensor([3, 0, 4, 1, 2]), torch.randn(2, 8, 100)
    change = {}
    for name, choice in {"corrected": {}, "released": R1}.items():
        model = TinyMyoEventDetector(dataclasses.replace(small_config, **choice)).eval()
        with torch.no_grad():
            change[name] = float((model(shuffled(x, order)) - model(x)[:, order]).abs().max())
    assert change["corrected"] > 1e-3
    assert change["released"] < 1e-5


def test_d1_position_still_matters_after_training_steps(small_config):
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
def test_d1_swapping_channels_permutes_tokens_only_without_channel_embedding(rope):
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


def test_d1_score_of_two_channels_at_one_instant_equals_the_unrotated_one():
    """At unequal patch index it does not."""
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
def test_d1_rotation_keeps_length_and_depends_on_the_difference_of_positions(n_chans, n_patches, half, seed):
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
def test_d5_padded_channels_never_reach_real_ones(filling, small_config):
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


def test_d5_without_the_channel_mask_padding_is_attended(bare_config):
    encoder = TinyMyoEncoder(dataclasses.replace(bare_config, n_chans=16)).eval()
    x = torch.randn(1, 8, 100)
    with torch.no_grad():
        difference = encoder(torch.cat([x, torch.zeros_like(x)], 1))[:, :40] - encoder(x)
    assert float(difference.abs().max()) > 1e-3


@pytest.mark.parametrize("n_times", [100, 93])
def test_d5_padded_channels_are_never_masked_nor_counted(n_times, small_config):
    """A hidden padded token is no mask token, and no loss on padded samples moves a parameter."""
    config = dataclasses.replace(small_config, n_outputs=None, n_times=n_times, dropout=0.0, drop_path=0.0)
    model = TinyMyoPretrainer(config)
    x = torch.randn(2, 8, n_times)
    real = torch.arange(8).repeat(2, 1) < 5
    hidden = torch.rand(2, 40) < 0.5
    also = hidden | ~real.repeat_interleave(5, 1)
    assert torch.equal(model(x, hidden, real), model(x, also, real))
    model(x, also, real)[:, 5:].square().sum().backward()
    assert not any(parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("kind", [TinyMyoClassifier, TinyMyoEventDetector, TinyMyoRegressor])
@pytest.mark.parametrize("level", [0.0, -1.0, 1e4])
def test_d5_constant_channels_are_finite(level, kind, small_config):
    """A constant channel, as min-max scaling leaves it, gives bias + level · (sum of the kernel) at every patch."""
    model = kind(small_config).eval()
    x = torch.randn(1, 8, 100)
    x[:, 2] = level
    proj = model.encoder.patch_embedding.patch_embed.proj
    with torch.no_grad():
        embedded = model.encoder.patch_embedding(x)[0, 2]
        documented = proj.bias + level * proj.weight.double().sum((1, 2, 3))
        torch.testing.assert_close(embedded.double(), documented.expand(5, -1), rtol=1e-4, atol=1e-5)
        assert model(x).isfinite().all()
        assert model(torch.full_like(x, level)).isfinite().all()


def test_d11_load_encoder_names_what_does_not_fit_and_loads_nothing(small_config, bare_config):
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


def test_d14_masks_are_taken_for_the_whole_batch_at_once(small_config):
    """Every window is hidden where its own mask says: half of the tokens, any half, as if it came alone."""
    encoder = TinyMyoEncoder(dataclasses.replace(small_config, n_outputs=None)).eval()
    x = torch.randn(6, 8, 100)
    hidden = torch.rand(6, 40).argsort(1) < 20
    with torch.no_grad():
        together = encoder(x, hidden)
        alone = torch.cat([encoder(window[None], mask[None]) for window, mask in zip(x, hidden, strict=True)])
        embedded = encoder._embed(x, hidden).unflatten(1, (8, 5)) - encoder.channel_embed[:, :8]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    is_token = torch.isclose(embedded, encoder.mask_token, atol=1e-6).all(-1)
    assert torch.equal(is_token.flatten(1), hidden)
    assert (is_token.flatten(1).sum(1) == 20).all()


def test_d14_windows_carry_their_rate():
    config = TinyMyoConfig(n_times=200, sfreq=200.0)
    assert config.n_times / config.sfreq == 1.0
    assert config.n_patches / config.frame_rate == 1.0
