"""Speed of the networks of emg2qwerty and emg2pose: `pytest packages/emg-models/tests/bench_models_tds.py`."""

import pytest
import torch

from emg_models import create_model
from emg_models._layers.spectrogram import LogSpectrogram


def test_log_spectrogram_of_four_seconds(benchmark):
    layer, x = LogSpectrogram(), torch.randn(1, 32, 8000)
    with torch.inference_mode():
        assert benchmark(layer, x).shape == (1, 32, 33, 497)


def test_torch_stft_of_four_seconds(benchmark):
    """The peer: torch's own transform of the same frames, with the same logarithm."""
    window, x = torch.hann_window(64), torch.randn(32, 8000)

    def peer():
        spectrum = torch.stft(x, 64, 16, window=window, center=False, return_complex=True)
        return (spectrum.abs().square() / window.square().sum() + 1e-6).log10()

    with torch.inference_mode():
        assert benchmark(peer).shape == (32, 33, 497)


@pytest.mark.parametrize("name", ["tds-emg2qwerty", "vemg2pose", "emg2pose", "neuropose"])
def test_forward_batch_1(benchmark, name):
    model = create_model(name).eval()
    x = torch.randn(1, *model.config.input_shape)
    with torch.inference_mode():
        assert benchmark(model, x).shape == (1, *model.output_shape)


@pytest.mark.parametrize("name", ["tds-emg2qwerty", "vemg2pose"])
def test_training_step_batch_8(benchmark, name):
    model = create_model(name).train()
    x = torch.randn(8, *model.config.input_shape)

    def step():
        model.zero_grad()
        model(x).square().mean().backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_live_second_in_chunks_of_20_ms(benchmark):
    stream = create_model("tds-emg2qwerty").stream()
    stream.push(torch.randn(1, 32, 2048))
    second = torch.randn(1, 32, 2000)

    def push():
        return sum(stream.push(chunk).shape[1] for chunk in second.split(40, 2))

    assert benchmark(push) == 125
