"""The TDS-ConvNet of emg2qwerty: counts of the reference, the slow form, what a frame sees, the live form."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError, TDSConfig, TDSConvNet, count_costs, create_model
from emg_models._layers.tds import Stage, TDSBlock

ORACLE = "models_oracles_tds"

SMALL = {"n_chans": 6, "n_outputs": 7, "window": 8, "hop": 4, "mlp_width": 6, "block_channels": 3, "kernel": 4}
CONFIG = TDSConfig(**SMALL, n_times=80, n_blocks=2)


@pytest.fixture
def model(stir):
    """A small network after a few steps of training statistics."""
    network = stir(TDSConvNet(CONFIG), scale=0.2)
    for _ in range(30):
        network(torch.randn(4, 6, 80))
    return network.eval()


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_the_published_ones():
    with torch.device("meta"):
        model = create_model("tds-emg2qwerty")
    front, *blocks = model.stages
    assert count(front.norm) == 64
    assert count(front.bands) == 406_272
    assert sum(count(block.conv) + count(block.conv_norm) for block in blocks) == 79_968
    assert sum(count(block.dense) + count(block.dense_norm) for block in blocks) == 4_730_880
    assert count(model.head) == 76_131
    assert count(model) == 5_293_315
    assert count_costs(model).parameters == 5_293_315


def test_costs_are_the_measured_ones():
    """3.602 GMAC for 4 s, the short-time Fourier transform not counted."""
    with torch.device("meta"):
        assert count_costs(create_model("tds-emg2qwerty")).macs == 3_602_140_416


def test_frames_and_field_are_the_published_ones():
    with torch.device("meta"):
        model = create_model("tds-emg2qwerty")
    assert model.output_shape == (373, 99)
    assert [model.frames(n) for n in (8000, 10000, 2048, 2047, 0)] == [373, 498, 1, 0, 0]
    assert model.receptive_field == model.config.receptive_field == 64 + 124 * 16 == 2048


def test_the_published_network_runs():
    model = create_model("tds-emg2qwerty").eval()
    with torch.no_grad():
        y = model(torch.randn(1, 32, 2064))
    assert y.shape == (1, 2, 99)
    torch.testing.assert_close(y.exp().sum(-1), torch.ones(1, 2))


def test_equals_the_oracle(model, slow):
    x = torch.randn(2, 6, 80)
    weights = {key: value.double().numpy() for key, value in model.state_dict().items()}
    with torch.no_grad():
        found = model(x).numpy()
    for signal, y in zip(x.double().numpy(), found, strict=True):
        np.testing.assert_allclose(y, slow.tds_convnet(signal, weights, CONFIG), atol=2e-5)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(channels=st.integers(1, 3), rows=st.integers(1, 4), kernel=st.integers(1, 5), spare=st.integers(0, 4))
def test_block_equals_the_oracle(slow, channels, rows, kernel, spare):
    block = TDSBlock(channels * rows, channels, kernel).double()
    x = torch.randn(2, channels * rows, kernel + spare, dtype=torch.float64)
    weights = {key: value.numpy() for key, value in block.state_dict().items()}
    for found, frames in zip(block(x).detach().numpy(), x.numpy(), strict=True):
        required = slow.tds_block(frames.T, weights, "", channels, kernel)
        np.testing.assert_allclose(found.T, required, atol=1e-10)


def test_a_frame_sees_its_field_and_nothing_else(model):
    """Frame t sees samples t·hop … t·hop + field - 1, of which the first is outside the Hann window."""
    x = torch.randn(1, 6, 80, requires_grad=True)
    y = model(x)
    field, hop = model.receptive_field, 4
    assert field == 8 + 2 * 3 * 4
    for frame in (0, 3, y.shape[1] - 1):
        (seen,) = torch.autograd.grad(y[0, frame, 2], x, retain_graph=True)
        touched = seen[0].abs().sum(0).nonzero().flatten()
        start = frame * hop
        assert touched.min() == start + 1
        assert touched.max() == start + field - 1


def test_training_statistics_run_over_batch_frequency_and_time():
    model = TDSConvNet(CONFIG)
    x = torch.randn(3, 6, 80)
    front = next(iter(model.stages))
    model(x)
    spectrogram = front.spectrogram(x)
    torch.testing.assert_close(front.norm.running_mean, 0.1 * spectrogram.mean((0, 2, 3)))
    torch.testing.assert_close(front.norm.running_var, 0.9 + 0.1 * spectrogram.transpose(0, 1).flatten(1).var(1))


def test_wrists_have_their_own_layers(model):
    x = torch.randn(1, 6, 80)
    with torch.no_grad():
        assert float((model(x) - model(x.roll(3, 1))).abs().max()) > 1e-2


@settings(deadline=None, max_examples=20, derandomize=True)
@given(cuts=st.lists(st.integers(0, 40), max_size=12))
def test_stream_equals_the_whole(cuts):
    torch.manual_seed(1)
    model = TDSConvNet(CONFIG).eval()
    x = torch.randn(2, 6, 130)
    stream = model.stream(2)
    edges = np.minimum(np.cumsum([0, *cuts]), 130)
    pieces = [x[..., a:b] for a, b in pairwise(edges)] + [x[..., edges[-1] :]]
    for _ in range(2):
        parts = [stream.push(piece) for piece in pieces]
        done = np.cumsum([piece.shape[-1] for piece in pieces])
        assert np.cumsum([part.shape[1] for part in parts]).tolist() == [model.frames(int(n)) for n in done]
        with torch.no_grad():
            torch.testing.assert_close(torch.cat(parts, 1), model(x), atol=1e-5, rtol=0)
        stream.reset()


def test_stream_refuses_another_batch_and_goes_on(model):
    stream, x = model.stream(), torch.randn(1, 6, 80)
    assert (stream.n_chans, stream.receptive_field) == (6, 32)
    first = stream.push(x[..., :50])
    with pytest.raises(EmgModelsError, match=r"chunk of 2 recordings: this stream runs 1; open it with stream\(batch"):
        stream.push(torch.randn(2, 6, 10))
    with torch.no_grad():
        torch.testing.assert_close(torch.cat([first, stream.push(x[..., 50:])], 1), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.zeros(6, 80),
            "input of shape (6, 80) and torch.float32: floating point (batch, 6, samples) is required",
        ),
        (torch.zeros(1, 5, 80), "input of shape (1, 5, 80)"),
        (torch.zeros(1, 6, 80, dtype=torch.int16), "torch.int16: floating point"),
        (torch.zeros(1, 6, 31), "input has 31 samples, the first frame needs 32 (nothing is padded)"),
    ],
)
def test_wrong_signals_are_refused(x, message, model):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        model(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop": 9}, "hop=9 exceeds window=8: samples would be skipped"),
        ({"n_chans": 7}, "n_chans=7 is not a multiple of n_bands=2"),
        ({"block_channels": 5}, "n_bands=2 x mlp_width=6 is not divisible by block_channels=5"),
        ({"n_times": 31}, "n_times=31 is below the receptive field of 32 samples"),
        ({"window": 1}, "window=1: an integer >= 2"),
        ({"floor": 0}, "floor=0: a finite number > 0"),
        ({"n_blocks": 0}, "n_blocks=0: an integer >= 1"),
        ({"n_bands": 0}, "n_bands=0: an integer >= 1"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        TDSConfig(**SMALL | {"n_times": 80, "n_blocks": 2} | changes)


def test_stages_skip_no_sample():
    with pytest.raises(EmgModelsError, match="kernel=3, stride=4: 1 <= stride <= kernel is required"):
        Stage(3, 4)


def test_configuration_survives_json():
    assert TDSConfig.from_dict(CONFIG.to_dict()) == CONFIG
