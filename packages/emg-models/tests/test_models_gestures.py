"""The discrete-gesture network of the neuromotor interface: counts, the slow oracle, PyTorch's own LSTM, streaming."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    NeuromotorGestures,
    NeuromotorGesturesConfig,
    count_costs,
    model_info,
)
from emg_models._layers.lstm import LSTM

ORACLE = "models_oracles_frontends"

SMALL = {"n_chans": 3, "n_times": 200, "n_outputs": 4, "width": 8, "n_layers": 2}
laws = settings(derandomize=True, deadline=None, max_examples=15)


def detector(**changes):
    torch.manual_seed(0)
    model = NeuromotorGestures(NeuromotorGesturesConfig(**SMALL | changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def signal(n_times, batch=1):
    return 40 * torch.randn(batch, 3, n_times, generator=torch.Generator().manual_seed(1))


def test_counts_are_the_published_ones():
    model = NeuromotorGestures(NeuromotorGesturesConfig())
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert parts == {"front": 173_568, "lstm": 6_303_744, "norm": 1_024, "head": 4_617}
    assert sum(parts.values()) == 6_482_953
    assert model.output_shape == (1598, 9)
    assert model.config.sfreq / model.config.stride == 200


def test_its_products_are_counted_on_any_device():
    def products(width, frames):
        return frames * (16 * width * 21 + 3 * 4 * width * (width + width) + width * 9)

    assert model_info("neuromotor-gestures")["macs"] == products(512, 1598) == 10_336_017_408
    assert count_costs(NeuromotorGestures(NeuromotorGesturesConfig(n_times=200, width=64))).macs == products(64, 18)


def test_it_equals_the_slow_oracle(slow):
    model = detector()
    x = signal(120, batch=2)
    w = {key: value.double().numpy() for key, value in model.state_dict().items()}
    with torch.no_grad():
        ours = model(x).numpy()
    for example in range(2):
        expected = slow.gestures(x[example].double().numpy(), w, model.config)
        assert expected.shape == (10, 4)
        np.testing.assert_allclose(ours[example], expected, atol=1e-5)


def test_the_lstm_is_the_one_of_pytorch():
    ours, theirs = LSTM(5, 8, 3), torch.nn.LSTM(5, 8, 3, batch_first=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x, state = torch.randn(2, 11, 5), (torch.randn(3, 2, 8), torch.randn(3, 2, 8))
    torch.testing.assert_close(ours(x, state), theirs(x, state))
    torch.testing.assert_close(ours(x), theirs(x))
    bound = max(float(parameter.detach().abs().max()) for parameter in ours.parameters())
    assert 0.9 * 8**-0.5 < bound <= 8**-0.5


@pytest.mark.parametrize("n_frames", [1, 2, 32, 33])
def test_a_step_is_a_part_of_the_whole(n_frames):
    lstm = LSTM(5, 8, 3).double()
    x = torch.randn(2, 40 + n_frames, 5, dtype=torch.float64)
    whole, last = lstm(x)
    before, state = lstm.step(x[:, :40], None)
    after, state = lstm.step(x[:, 40:], state)
    torch.testing.assert_close(torch.cat([before, after], 1), whole)
    torch.testing.assert_close(state, last)
    torch.testing.assert_close(lstm.step(x[:, :3], None), lstm(x[:, :3]))


@laws
@given(n_times=st.integers(0, 300), cuts=st.lists(st.integers(0, 300), max_size=8), batch=st.integers(1, 2))
def test_streaming_equals_the_whole_for_any_chunks(n_times, cuts, batch):
    model = detector()
    x = signal(n_times, batch)
    stream = model.stream(batch)
    assert stream.receptive_field is None
    bounds = [0, *sorted(min(cut, n_times) for cut in cuts), n_times]
    chunks = [x[:, :, a:b] for a, b in pairwise(bounds)]
    found = torch.cat([stream.push(chunk) for chunk in chunks], 1)
    assert found.shape == (batch, model.frames(n_times), 4)
    if model.frames(n_times):
        with torch.no_grad():
            torch.testing.assert_close(found, model(x), atol=1e-5, rtol=0)
    stream.reset()
    assert torch.equal(torch.cat([stream.push(chunk) for chunk in chunks], 1), found)


def test_it_sees_back_to_the_start_and_not_ahead():
    model = detector()
    x = signal(201)
    first, late = x.clone(), x.clone()
    first[:, :, 0] += 1000
    late[:, :, 121:] = 0  # frame 10 sees samples 100 to 120
    with torch.no_grad():
        y = model(x)
        assert (model(first)[:, -1] != y[:, -1]).any()
        assert torch.equal(model(late)[:, :11], y[:, :11])


def test_frames_are_counted_as_published():
    model = detector()
    for n_times in (0, 20, 21, 30, 31, 200, 16000):
        assert model.frames(n_times) == max(0, (n_times - 21) // 10 + 1)


def test_it_learns_an_event_from_its_signal():
    model = detector().train()
    x = signal(221, batch=4)
    x[:2, 0] *= 10
    target = torch.zeros(4, 21, 4)
    target[:2] = 1
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), target)
        loss.backward()
        optimiser.step()
    assert ((model(x) > 0) == (target > 0)).float().mean() > 0.95


def test_what_does_not_fit_is_refused():
    model = detector()
    with pytest.raises(EmgModelsError, match=r"floating point windows \(batch, 3, time\) are required"):
        model(torch.zeros(1, 2, 80))
    with pytest.raises(EmgModelsError, match="input has 20 samples, one frame needs 21"):
        model(signal(20))
    with pytest.raises(EmgModelsError, match="chunk of 1 recordings: this stream runs 3"):
        model.stream(3).push(signal(5))
    with pytest.raises(EmgModelsError, match="batch=0: an integer >= 1"):
        model.stream(0)
    with pytest.raises(EmgModelsError, match="n_times=20 holds no frame of kernel_size=21"):
        NeuromotorGesturesConfig(n_times=20)
    for name in ("width", "n_layers", "kernel_size", "stride"):
        with pytest.raises(EmgModelsError, match=f"{name}=0: an integer >= 1"):
            NeuromotorGesturesConfig(**{name: 0})


def test_gradients_of_single_windows():
    config = NeuromotorGesturesConfig(n_times=61, width=8, n_layers=2, kernel_size=21, stride=10)
    model = NeuromotorGestures(config).eval()
    x = torch.randn(3, 16, 61)

    def loss(weights, window):
        return torch.func.functional_call(model, weights, (window[None],)).square().sum()

    grads = torch.func.vmap(torch.func.grad(loss), (None, 0))(dict(model.named_parameters()), x)
    for place, window in enumerate(x):
        model.zero_grad()
        model(window[None]).square().sum().backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(grads[name][place], parameter.grad, atol=1e-5, rtol=1e-4)
