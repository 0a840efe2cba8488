"""Patches given in samples or in seconds, windows of any length, kernels carried from rate to rate."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError, TinyMyoClassifier, TinyMyoConfig, TinyMyoEncoder, TinyMyoPretrainer
from emg_models._tinymyo.patches import PATCH_KERNEL, resample_kernel

laws = settings(derandomize=True, deadline=None, max_examples=40)


def between_rates(x, n):
    """A patch interpolated linearly to `n` samples of the same duration."""
    return np.interp((np.arange(n) + 0.5) * len(x) / n - 0.5, np.arange(len(x)), x)


def test_the_patch_is_twenty_samples_unless_given():
    assert TinyMyoConfig().patch_size == 20
    assert TinyMyoConfig(sfreq=200.0).patch_size == 20
    assert TinyMyoConfig(patch_size=16).patch_size == 16
    assert TinyMyoConfig().patch_seconds is None


@pytest.mark.parametrize(
    ("seconds", "sfreq", "size"),
    [(0.01, 2000.0, 20), (0.01, 1000.0, 10), (0.1, 200.0, 20), (0.01, 1111.11, 11), (0.01, 990.2, 10), (1, 20.0, 20)],
)
def test_a_patch_in_seconds_becomes_whole_samples(seconds, sfreq, size):
    config = TinyMyoConfig(patch_seconds=seconds, sfreq=sfreq)
    assert config.patch_size == size
    assert config.patch_seconds == seconds
    assert config.frame_rate == sfreq / size
    assert 1 / config.frame_rate == pytest.approx(seconds, rel=0.0101)
    assert dataclasses.replace(config, patch_size=size) == config
    assert TinyMyoConfig.from_dict(config.to_dict()) == config


@laws
@given(st.floats(1e-4, 10), st.floats(1, 1e5))
def test_what_is_refused_is_far_from_whole_and_the_advice_works(seconds, sfreq):
    settings_ = {"n_chans": 1, "n_times": 1, "sfreq": sfreq}
    try:
        config = TinyMyoConfig(**settings_, patch_seconds=seconds)
    except EmgModelsError as error:
        assert abs(round(seconds * sfreq) - seconds * sfreq) > 0.01 * seconds * sfreq
        advice = str(error).partition("choose patch_seconds=")[2].partition(", or another")[0]
        for choice in advice.split(" or "):
            TinyMyoConfig(**settings_, patch_seconds=float(choice.split(" ")[0]))
    else:
        assert abs(config.patch_size / sfreq - seconds) <= 0.0101 * seconds


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"patch_seconds": 0.01, "sfreq": 2048.0},
            r"patch_seconds=0.01 is 20.48 samples at sfreq=2048.0 Hz, more than 1 % from a whole number; choose "
            r"patch_seconds=0.009765625 \(20 samples\) or 0.01025390625 \(21 samples\), or another rate",
        ),
        ({"patch_seconds": 0.001, "sfreq": 200.0}, r"choose patch_seconds=0.005 \(1 sample\), or another rate"),
        ({"patch_seconds": 0.0}, "patch_seconds=0.0: a finite number > 0 in seconds"),
        ({"patch_seconds": True}, "patch_seconds=True: a finite number > 0"),
        ({"patch_seconds": float("nan")}, "patch_seconds=nan"),
        ({"patch_seconds": 1e6}, r"patch_seconds=1000000.0 is 2e\+09 samples at sfreq=2000.0 Hz, at most 1048576"),
        ({"patch_seconds": 1e300, "sfreq": 1e300}, "is inf samples"),
        (
            {"patch_size": 20, "patch_seconds": 0.01, "sfreq": 1000.0},
            "patch_size=20 and patch_seconds=0.01 disagree: at sfreq=1000.0 Hz the latter is 10 samples; give one",
        ),
        ({"patch_size": 0}, "patch_size=0: an integer >= 1"),
        ({"patch_size": 10.0}, "patch_size=10.0: an integer >= 1"),
        ({"output_times": 0}, "output_times=0: an integer >= 1"),
    ],
)
def test_patches_that_are_refused(values, message):
    with pytest.raises(EmgModelsError, match=message):
        TinyMyoConfig(**values)


def test_replacing_the_rate_keeps_samples_and_refuses_to_stretch_seconds():
    samples = dataclasses.replace(TinyMyoConfig(patch_size=20), sfreq=1000.0)
    assert samples.patch_size == 20
    seconds = TinyMyoConfig(patch_seconds=0.01)
    with pytest.raises(EmgModelsError, match=r"patch_size=20 and patch_seconds=0\.01 disagree"):
        dataclasses.replace(seconds, sfreq=1000.0)
    assert dataclasses.replace(seconds, sfreq=1000.0, patch_size=None).patch_size == 10
    assert dataclasses.replace(seconds, patch_seconds=None).patch_size == 20


@pytest.mark.parametrize("n_times", [1, 19, 21, 99])
def test_a_short_last_patch_is_filled_with_zeros(n_times, small_config):
    bare = dataclasses.replace(small_config, n_outputs=None, n_times=n_times)
    model = TinyMyoPretrainer(bare).eval()
    whole = bare.n_patches * 20
    x = torch.randn(2, 8, n_times)
    filled = torch.cat([x, torch.zeros(2, 8, whole - n_times)], -1)
    hidden = torch.rand(2, bare.n_tokens) < 0.5
    with torch.no_grad():
        assert torch.equal(model.encoder(x, hidden), model.encoder(filled, hidden))
        assert torch.equal(model(x, hidden), model(filled, hidden)[..., :n_times])
    assert model.encoder.frames(n_times) == bare.n_tokens == 8 * bare.n_patches
    assert bare.n_patches == -(-n_times // 20)


def test_a_mask_counts_the_short_patch(small_config):
    encoder = TinyMyoEncoder(dataclasses.replace(small_config, n_outputs=None))
    with pytest.raises(EmgModelsError, match=r"patch_mask of shape \(1, 32\).* \(1, 40\) is required"):
        encoder(torch.randn(1, 8, 99), torch.zeros(1, 32, dtype=torch.bool))


def test_channels_up_to_a_larger_maximum(small_config):
    config = dataclasses.replace(small_config, n_outputs=None, max_chans=40)
    encoder = TinyMyoEncoder(config)
    assert encoder.channel_embed.shape == (1, 40, 1, 32)
    assert encoder(torch.randn(1, 40, 100)).shape == (1, 200, 32)
    with pytest.raises(EmgModelsError, match="41 channels, the channel embedding has 40 rows"):
        encoder(torch.randn(1, 41, 100))


@laws
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**31))
def test_both_rates_give_the_same_token(one, other, seed):
    rng = np.random.default_rng(seed)
    kernel = torch.from_numpy(rng.standard_normal((3, 1, 1, one)))
    carried = resample_kernel(kernel, other)
    assert carried.shape == (3, 1, 1, other)
    assert carried.dtype == torch.float64
    x = rng.standard_normal(min(one, other))
    token = kernel[:, 0, 0].numpy() @ between_rates(x, one)
    scale = np.abs(carried.numpy()).sum() + np.abs(kernel.numpy()).sum()
    np.testing.assert_allclose(carried[:, 0, 0].numpy() @ between_rates(x, other), token, rtol=0, atol=1e-9 * scale)
    torch.testing.assert_close(carried.sum(-1), kernel.sum(-1), rtol=0, atol=1e-9 * scale)


@laws
@given(st.integers(1, 40), st.integers(0, 40))
def test_up_and_down_again_is_identity(taps, more):
    kernel = torch.randn(2, taps, dtype=torch.float64)
    torch.testing.assert_close(resample_kernel(resample_kernel(kernel, taps + more), taps), kernel, rtol=0, atol=1e-9)
    single = kernel.float()
    assert torch.equal(resample_kernel(single, taps), single)


def test_a_longer_kernel_is_the_smallest_that_does_it():
    """The pseudo-inverse of FlexiViT (equation 4), by least squares."""
    kernel = np.random.default_rng(0).standard_normal(10)
    up = np.stack([between_rates(row, 20) for row in np.eye(10)], axis=1)
    smallest = np.linalg.lstsq(up.T, kernel, rcond=None)[0]
    np.testing.assert_allclose(resample_kernel(torch.from_numpy(kernel), 20).numpy(), smallest, atol=1e-12)


def test_a_kernel_of_no_taps_is_refused():
    with pytest.raises(EmgModelsError, match="a kernel of 20 taps cannot become one of 0"):
        resample_kernel(torch.zeros(3, 20), 0)


def test_slow_signals_give_nearly_the_same_logits_at_half_the_rate(small_config):
    """10 Hz, sampled at 2000 and at 1000 Hz, through one network in two patch sizes."""
    fast = dataclasses.replace(small_config, sfreq=2000.0, n_times=1000)
    slow = TinyMyoConfig(
        **fast.to_dict() | {"sfreq": 1000.0, "n_times": 500, "patch_size": None, "patch_seconds": 0.01}
    )
    model, other = TinyMyoClassifier(fast).eval(), TinyMyoClassifier(slow).eval()
    other.load_encoder(model, resample_patches=True)
    other.head.load_state_dict(model.head.state_dict())
    fresh = TinyMyoClassifier(slow).eval()
    fresh.load_encoder(model.encoder.state_dict() | {PATCH_KERNEL: fresh.encoder.state_dict()[PATCH_KERNEL]})
    fresh.head.load_state_dict(model.head.state_dict())
    phase = torch.rand(4, 8, 1) * 6.3
    waves = [torch.sin(62.8 * (torch.arange(n) + 0.5) / rate + phase) for n, rate in ((1000, 2000.0), (500, 1000.0))]
    with torch.no_grad():
        logits = model(waves[0])
        change, untuned = (float((logits - net(waves[1])).abs().max() / logits.std()) for net in (other, fresh))
    assert change < 0.05
    assert untuned > 0.5
    with pytest.raises(EmgModelsError, match=r"shape of 'patch_embedding\.patch_embed\.proj\.weight' is "):
        other.load_encoder(model)


def test_resampling_is_strict_about_everything_else(small_config):
    model = TinyMyoClassifier(small_config)
    state = dict(TinyMyoEncoder(dataclasses.replace(small_config, n_outputs=None)).state_dict())
    model.load_encoder(state, resample_patches=True)
    assert torch.equal(model.encoder.state_dict()[PATCH_KERNEL], state[PATCH_KERNEL])
    for key, value, message in [
        (PATCH_KERNEL, torch.zeros(31, 1, 1, 10), r"shape of .*is \(31, 1, 1, 20\), required \(32, 1, 1, 20\)"),
        (PATCH_KERNEL, torch.zeros(32, 10), r"shape of .* is \(32, 10\), required \(32, 1, 1, 20\)"),
        (PATCH_KERNEL, torch.zeros(32, 1, 1, 10, dtype=torch.int64), r"required \(32, 1, 1, 20\)"),
        ("mask_token", torch.zeros(1, 1, 7), "shape of 'mask_token'"),
    ]:
        with pytest.raises(EmgModelsError, match=message):
            model.load_encoder(state | {key: value}, resample_patches=True)
    del state[PATCH_KERNEL]
    with pytest.raises(EmgModelsError, match=f"missing '{PATCH_KERNEL}'"):
        model.load_encoder(state, resample_patches=True)
