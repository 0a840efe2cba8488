"""The wrist network: published count, equality with a slow form, refusals."""

import numpy as np
import pytest
import torch

from emg_models import (
    EmgModelsError,
    MultivariatePowerFrequency,
    NeuromotorWrist,
    NeuromotorWristConfig,
    create_model,
    model_info,
)
from emg_models._neuromotor.feature_config import electrode_pairs

ORACLE = "models_oracles_neuromotor"

SMALL = {"electrodes": 7, "bands": 3, "n_times": 20, "n_outputs": 2, "width": 6, "n_layers": 2, "neighbours": 2}


def test_count_is_the_published_one():
    info = model_info("neuromotor-wrist")
    assert info["parameters"] == 4_400_129
    assert info["input_shape"] == [1, 384, 194]
    assert info["output_shape"] == [1, 194, 1]


def test_count_part_by_part():
    with torch.device("meta"):
        model = NeuromotorWrist(NeuromotorWristConfig())
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert count == {"features": 197_120, "lstm": 4_202_496, "head": 513}


@pytest.mark.parametrize("neighbours", [2, None])
def test_network_equals_the_slow_form(slow, stir, neighbours):
    model = stir(create_model("neuromotor-wrist", **SMALL | {"neighbours": neighbours}), scale=0.2).double().eval()
    pairs = electrode_pairs(7, neighbours)
    values = np.random.default_rng(0).standard_normal((9, 3, 7, 7))
    values = values + values.swapaxes(2, 3)
    rows, cols = np.array(pairs).T
    x = torch.from_numpy(values[:, :, rows, cols].reshape(9, -1).T[None].copy())
    weights = {key: value.double().numpy() for key, value in model.state_dict().items()}
    np.testing.assert_allclose(model(x)[0].detach().numpy(), slow.wrist(values, pairs, weights, 2), atol=1e-10)


def test_signals_to_angles():
    mpf = MultivariatePowerFrequency(7, window=200, neighbours=3)
    network = create_model("neuromotor-wrist", electrodes=7, width=8).eval()
    signals = torch.randn(2, 7, 1000)
    y = torch.nn.Sequential(mpf, network)(signals)
    assert y.shape == (2, mpf.frames(1000), 1)
    ears, hand = mpf.stream(batch=2), network.stream(batch=2)
    live = torch.cat([hand.push(ears.push(chunk)) for chunk in signals.split(77, 2)], 1)
    torch.testing.assert_close(live, y, atol=1e-4, rtol=0)


def test_frames_are_counted():
    model = create_model("neuromotor-wrist", **SMALL)
    assert model.frames(5) == 5
    assert model(torch.zeros(3, 63, 1)).shape == (3, 1, 2)
    with pytest.raises(EmgModelsError, match="input has 0 feature frames; give at least 1"):
        model(torch.zeros(3, 63, 0))


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(EmgModelsError, match=r"features \(batch, 63, frames\) are required"):
        create_model("neuromotor-wrist", **SMALL)(torch.zeros(1, 64, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width=0: an integer >= 1"),
        ({"n_layers": 0}, "n_layers=0: an integer >= 1"),
        ({"neighbours": 9}, "neighbours=9: a ring of 16 electrodes has 7"),
        ({"n_chans": 16}, "n_chans=16: 6 bands of 64 pairs of electrodes are 384 features"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(EmgModelsError, match=message):
        NeuromotorWristConfig(**change)


def test_one_stream_for_one_batch():
    stream = create_model("neuromotor-wrist", **SMALL).stream(batch=2)
    with pytest.raises(EmgModelsError, match="chunk of 3 recordings: this stream runs 2"):
        stream.push(torch.zeros(3, 63, 4))
