"""The short-time Fourier transform as a convolution, and the layer that forgives a turned band."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError
from emg_models._layers.rotation import RotationMLP
from emg_models._layers.spectrogram import LogSpectrogram, ShortTimeFourier

ORACLE = "models_oracles_tds"


def as_complex(parts):
    real, imag = parts.double().numpy().swapaxes(0, 2)
    return (real + 1j * imag).swapaxes(0, 1)


def error(found, required):
    """Largest error of a frame, relative to the largest component of that frame."""
    return (np.abs(found - required) / np.abs(required).max(-2, keepdims=True)).max()


@pytest.mark.parametrize(
    ("window", "hop", "periodic"),
    [(64, 16, True), (64, 10, False), (63, 7, True), (33, 40, False), (2, 1, True), (3, 2, False)],
)
def test_transform_equals_its_definition(window, hop, periodic, slow):
    x = torch.randn(2, 3, 150)
    layer = ShortTimeFourier(window, hop, periodic=periodic)
    found = as_complex(layer(x))
    required = np.stack([[slow.fourier(c, window, hop, periodic=periodic) for c in b] for b in x.double().numpy()])
    assert found.shape == required.shape == (2, 3, window // 2 + 1, layer.frames(150))
    assert error(found, required) < 1e-6
    wide = layer.double()(x.double())
    assert error(as_complex(wide), required) < 1e-6  # the kernel was rounded to float32 before


def test_transform_equals_torch_stft():
    x = torch.randn(4, 8000)
    required = torch.stft(x, 64, 16, window=torch.hann_window(64), center=False, return_complex=True)
    required = required / torch.hann_window(64).square().sum().sqrt()
    parts = ShortTimeFourier(64, 16)(x[None])
    assert parts.shape == (1, 4, 2, 33, 497)
    assert error(as_complex(parts)[0], required.numpy()) < 1e-6
    power = required.abs().square()
    found = parts.square().sum(2)[0]
    assert float(((found - power).abs() / power.amax(1, keepdim=True)).max()) < 1e-5


@pytest.mark.parametrize("scale", [1e-15, 1e-5, 1.0, 1e15])
def test_precision_does_not_depend_on_the_unit(scale, slow):
    x = (scale * torch.randn(1, 1, 100, dtype=torch.float64)).float()
    required = slow.fourier(x[0, 0].double().numpy(), 64, 16, periodic=True)
    assert error(as_complex(ShortTimeFourier(64, 16)(x))[0, 0], required) < 1e-6


def test_log_spectrogram_is_the_published_one(slow):
    x = torch.randn(1, 2, 200)
    found = LogSpectrogram()(x)
    assert found.shape == (1, 2, 33, 9)
    for channel in range(2):
        power = np.abs(slow.fourier(x[0, channel].double().numpy(), 64, 16, periodic=True)) ** 2
        np.testing.assert_allclose(found[0, channel].numpy(), np.log10(power + 1e-6), atol=2e-4)


def test_volts_vanish_below_the_floor_and_scaling_brings_them_back():
    volts = 1e-5 * torch.randn(1, 1, 500)
    layer = LogSpectrogram()
    assert float((layer(volts) + 6).abs().max()) < 0.01
    torch.testing.assert_close(layer(1e5 * volts), LogSpectrogram(floor=1e-16)(volts) + 10, atol=1e-3, rtol=0)


def test_a_tone_lies_in_its_bin():
    time = torch.arange(400) / 2000
    power = ShortTimeFourier(64, 16)(torch.sin(2 * torch.pi * 312.5 * time)[None, None]).square().sum(2)[0, 0]
    assert power.argmax(0).unique().tolist() == [10]  # bins are 31.25 Hz wide


@settings(deadline=None, max_examples=25, derandomize=True)
@given(n_times=st.integers(0, 300), window=st.integers(2, 70), hop=st.integers(1, 90))
def test_frames_are_as_promised(n_times, window, hop):
    layer = ShortTimeFourier(window, hop)
    frames = layer.frames(n_times)
    assert frames == len(range(0, n_times - window + 1, hop))
    if frames:
        assert layer(torch.zeros(1, 1, n_times)).shape == (1, 1, 2, window // 2 + 1, frames)
    else:
        with pytest.raises(EmgModelsError, match=f"input has {n_times} samples, the Fourier window {window}; give"):
            layer(torch.zeros(1, 1, n_times))


def test_lengths_of_the_reference():
    layer = LogSpectrogram()
    assert (layer.frames(8000), layer.frames(10000), layer.n_bins) == (497, 622, 33)


def test_autocast_does_not_lower_the_transform():
    layer, x = LogSpectrogram(), torch.randn(1, 2, 300)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = layer(x)
        from_half = layer(x.bfloat16())
    assert torch.equal(lowered, layer(x))
    assert torch.equal(from_half, layer(x.bfloat16().float()))


def test_the_transform_is_fixed():
    layer = LogSpectrogram()
    assert list(layer.state_dict()) == list(layer.parameters()) == []
    assert layer.to("meta")(torch.zeros(1, 2, 100, device="meta")).shape == (1, 2, 33, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 1, "hop": 1}, "window=1: an integer >= 2"),
        ({"window": 2, "hop": 1, "periodic": False}, "window=2: an integer >= 3"),
        ({"window": 8, "hop": 0}, "hop=0: an integer >= 1"),
        ({"window": 8, "hop": 1, "periodic": 1}, "periodic=1: True or False"),
        ({"floor": 0.0}, "floor=0.0: a finite number > 0 in input units squared"),
    ],
)
def test_wrong_sizes_are_refused(arguments, message):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        LogSpectrogram(**arguments)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("rolls", [(0,), (-1, 0, 1), (2, -3, 5, 0)])
def test_rotation_equals_the_oracle(rolls, pooling, activation, slow):
    layer = RotationMLP(5 * 3, 7, rolls=rolls, activation=activation, pooling=pooling).double()
    x = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    weights = {key: value.numpy() for key, value in layer.state_dict().items()}
    function = getattr(slow, activation)
    for found, ring in zip(layer(x).detach().numpy(), x.numpy(), strict=True):
        required = slow.rotation_mlp(ring, weights, "", rolls=rolls, activation=function, pooling=pooling)
        np.testing.assert_allclose(found, required, atol=1e-12)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(turn=st.integers(-9, 9), pooling=st.sampled_from(["mean", "max"]))
def test_all_turns_make_it_invariant(turn, pooling):
    layer = RotationMLP(6 * 2, 5, rolls=range(6), pooling=pooling)
    x = torch.randn(1, 3, 6, 2)
    torch.testing.assert_close(layer(x.roll(turn, 2)), layer(x))
    assert not torch.allclose(layer(x.flip(2)), layer(x), atol=1e-3)


def test_rolled_features_can_be_given():
    layer = RotationMLP(8, 3, rolls=(0, 1))
    x = torch.randn(2, 5, 4, 2)
    turned = torch.stack([x.flatten(2), x.roll(1, 2).flatten(2)], 2)
    assert torch.equal(layer.pool(turned), layer(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rolls": ()}, "rolls=(): at least one whole number, each once"),
        ({"rolls": (1, 1)}, "rolls=(1, 1): at least one"),
        ({"n_inputs": 0}, "n_inputs=0: an integer >= 1"),
        ({"width": 0}, "width=0: an integer >= 1"),
        ({"activation": "gelu"}, "activation='gelu': one of relu, leaky_relu is required"),
        ({"pooling": "sum"}, "pooling='sum': one of mean, max is required"),
    ],
)
def test_wrong_rotations_are_refused(arguments, message):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        RotationMLP(**{"n_inputs": 4, "width": 4} | arguments)
