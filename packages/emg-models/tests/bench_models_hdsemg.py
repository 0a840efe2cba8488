"""Speed of grid networks, votes and spectral features: `pytest packages/emg-models/tests/bench_models_hdsemg.py`."""

import numpy as np
import pytest
import torch

from emg_models import MultivariatePowerFrequency, VoteStream, create_model, majority_vote, predict_frames

TRIAL = np.random.default_rng(0).integers(0, 8, 100_000)


@pytest.mark.parametrize("name", ["allconvnet", "gengnet", "sconvnet"])
def test_frames_per_second(benchmark, name):
    model, frames = create_model(name), torch.randn(1000, 16, 8)
    assert benchmark(predict_frames, model, frames).shape == (1000,)


@pytest.mark.parametrize("tie", ["lowest", "latest"])
def test_votes_over_100_000_frames(benchmark, tie):
    assert len(benchmark(majority_vote, TRIAL, 150, tie)) == 99_851


@pytest.mark.parametrize("tie", ["lowest", "latest"])
def test_live_votes_over_1_000_frames(benchmark, tie):
    stream = VoteStream(150, 8, tie)
    benchmark(stream.push, TRIAL[:1000])


def test_spectral_features_of_8_seconds(benchmark):
    mpf = MultivariatePowerFrequency()
    assert benchmark(mpf, torch.randn(1, 16, 16_000)).shape == (1, 816, 395)


@pytest.mark.parametrize("name", ["neuromotor-handwriting", "neuromotor-wrist"])
def test_forward_batch_1(benchmark, name):
    model = create_model(name).eval()
    with torch.inference_mode():
        benchmark(model, torch.randn(1, *model.config.input_shape))
