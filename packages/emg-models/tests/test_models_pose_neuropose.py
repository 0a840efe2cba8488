"""NeuroPose as compared by emg2pose: counts of the reference, the slow form, lengths."""

import re

import numpy as np
import pytest
import torch

from emg_models import EmgModelsError, NeuroPose, NeuroPoseConfig, create_model

ORACLE = "models_oracles_tds"

SMALL = {
    "n_chans": 8,
    "n_times": 20,
    "n_outputs": 3,
    "widths": (3, 4),
    "time_factors": (2, 3),
    "chan_pools": (2, 2),
    "chan_repeats": (3, 2),
    "n_blocks": 2,
    "block_convs": 2,
}


@pytest.fixture
def model(stir):
    network = stir(NeuroPose(NeuroPoseConfig(**SMALL)), scale=0.1)
    for _ in range(20):
        network(torch.randn(4, 8, 20))
    return network.eval()


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_the_published_ones():
    with torch.device("meta"):
        model = create_model("neuropose")
    assert count(model.encoder) == 288 + 24_960 + 197_376
    assert count(model.blocks) == 15 * 393_984
    assert count(model.decoder) == 196_992 + 24_672 + 195
    assert count(model.head) == 660
    assert count(model) == 6_354_903


def test_the_published_window_is_no_whole_number_of_frames():
    with torch.device("meta"):
        model = create_model("neuropose")
    assert model.output_shape == (3840, 20)
    assert [model.frames(n) for n in (319, 320, 4000, 10_000)] == [0, 320, 3840, 9920]
    assert model.config.columns == 32


def test_equals_the_oracle(model, slow):
    x = torch.randn(2, 8, 20)
    weights = {key: value.double().numpy() for key, value in model.state_dict().items()}
    with torch.no_grad():
        found = model(x).numpy()
    assert found.shape == (2, 18, 3)
    for signal, y in zip(x.double().numpy(), found, strict=True):
        np.testing.assert_allclose(y, slow.neuropose(signal, weights, model.config), atol=1e-5)


def test_what_is_left_over_gets_no_angles(model):
    x = torch.randn(1, 8, 23)
    with torch.no_grad():
        assert [model(x[..., :n]).shape[1] for n in (18, 20, 23)] == [18, 18, 18]


def test_the_number_of_poolings_is_free():
    config = NeuroPoseConfig(n_times=8, widths=(3,), time_factors=(4,), chan_pools=(8,), chan_repeats=(2,), n_blocks=1)
    assert NeuroPose(config)(torch.randn(2, 16, 9)).shape == (2, 8, 20)


def test_dropout_works_in_training_only(model):
    x = torch.randn(1, 8, 20)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.zeros(8, 20),
            "input of shape (8, 20) and torch.float32: floating point (batch, 8, samples) is required",
        ),
        (torch.zeros(1, 7, 20), "input of shape (1, 7, 20)"),
        (torch.zeros(1, 8, 20, dtype=torch.int32), "torch.int32: floating point"),
        (torch.zeros(1, 8, 5), "input has 5 samples, pooling makes frames of 6; give at least that many"),
    ],
)
def test_wrong_signals_are_refused(x, message, model):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        model(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_chans": 6}, "n_chans=6 is not a multiple of 4, the product of chan_pools=(2, 2)"),
        ({"n_times": 5}, "n_times=5 is below 6 samples, the product of time_factors=(2, 3)"),
        ({"widths": (3,)}, "widths 1, time_factors 2, chan_pools 2, chan_repeats 2: equally many entries"),
        ({"widths": (), "time_factors": (), "chan_pools": (), "chan_repeats": ()}, "widths 0, time_factors 0"),
        ({"chan_pools": (2, 0)}, "chan_pools entry=0: an integer >= 1"),
        ({"dropout": 1.0}, "dropout=1.0: a rate in [0, 1)"),
        ({"n_blocks": 0}, "n_blocks=0: an integer >= 1"),
        ({"block_convs": 0}, "block_convs=0: an integer >= 1"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        NeuroPoseConfig(**SMALL | changes)


def test_configuration_survives_json():
    config = NeuroPoseConfig(**SMALL)
    assert NeuroPoseConfig.from_dict(config.to_dict()) == config
