"""TinyMyo for the neuromotor task: counts, the slow oracle, the past alone, streaming, blocks taken over, refusals."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    TinyMyoConfig,
    TinyMyoEncoder,
    TinyMyoNeuromotor,
    TinyMyoNeuromotorConfig,
    create_model,
    model_info,
)
from emg_models._layers.compression import compress

ORACLE = "models_oracles_frontends"

SMALL = {"embed_dim": 16, "n_heads": 2, "n_blocks": 2, "n_chans": 3, "n_times": 300, "n_outputs": 4}
laws = settings(derandomize=True, deadline=None, max_examples=15)


def detector(**changes):
    torch.manual_seed(0)
    model = TinyMyoNeuromotor(TinyMyoNeuromotorConfig(**SMALL | changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def signal(n_times, batch=1, seed=1):
    return 40 * torch.randn(batch, 3, n_times, generator=torch.Generator().manual_seed(seed))


def pushed(stream, x, cuts):
    bounds = [0, *sorted(cuts), x.shape[2]]
    return torch.cat([stream.push(x[:, :, a:b]) for a, b in pairwise(bounds)], 1)


def test_counts_add_up_from_the_published_layers():
    model = TinyMyoNeuromotor(TinyMyoNeuromotorConfig())
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert parts == {
        "front": 16 * 21 * 192 + 192 + 384,
        "blocks": 8 * 444_864,
        "norm": 384,
        "head": 192 * 9 + 9,
    }
    assert sum(parts.values()) == 3_626_121
    assert model.output_shape == (1598, 9)


def test_products_are_those_of_the_blocks_and_the_convolution():
    frames = 1598
    blocks = 8 * (frames * 442_368 + 384 * frames**2)
    assert model_info("tinymyo-neuromotor")["macs"] == blocks + frames * (16 * 21 * 192 + 192 * 9)


@pytest.mark.parametrize("context", [None, 1, 3])
def test_it_equals_the_slow_oracle(context, slow):
    model = detector(context=context)
    x = signal(87, batch=2)
    w = {key: value.double().numpy() for key, value in model.state_dict().items()}
    with torch.no_grad():
        ours = model(x).numpy()
    for example in range(2):
        expected = slow.neuromotor(x[example].double().numpy(), w, model.config)
        assert expected.shape == (7, 4)
        np.testing.assert_allclose(ours[example], expected, atol=1e-5)


@laws
@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_compression_is_odd_bounded_and_never_falls(values):
    x = torch.tensor(sorted(values))
    y = compress(x)
    assert torch.equal(compress(-x), -y)
    assert (y.abs() <= 64).all()
    assert (y.diff() >= -1e-5).all()


def test_compression_doubles_what_is_small_and_halves_its_range_at_32():
    torch.testing.assert_close(compress(torch.tensor([1e-6])), torch.tensor([2e-6]))
    assert compress(torch.tensor([32.0, -32.0])).tolist() == [32, -32]


def test_compression_equals_the_slow_oracle(slow):
    x = 100 * torch.randn(3, 50)
    np.testing.assert_allclose(compress(x), slow.compress(x.double().numpy()), rtol=1e-6)
    assert compress(x.bfloat16()).dtype == torch.bfloat16


def test_the_future_has_no_effect():
    model = detector()
    x = signal(200)
    changed = x.clone()
    changed[:, :, 121:] = -5  # frame 10 sees samples 100 to 120
    with torch.no_grad():
        before, after = model(x), model(changed)
    assert torch.equal(before[:, :11], after[:, :11])
    assert (before[:, 11:] != after[:, 11:]).any(-1).all()


@pytest.mark.parametrize("context", [1, 4])
def test_the_receptive_field_is_exact(context):
    model = detector(context=context)
    field = model.config.receptive_field
    assert field == 2 * (context - 1) * 10 + 21
    assert model.stream().receptive_field == field
    x = signal(201)  # the last frame ends with the last sample
    with torch.no_grad():
        last = model(x)[:, -1]
        for age, reaches in ((field - 1, True), (field, False)):
            changed = x.clone()
            changed[:, :, 200 - age] += 100
            assert bool((model(changed)[:, -1] != last).any()) is reaches


@laws
@given(
    n_times=st.integers(0, 400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    context=st.integers(1, 12),
    batch=st.integers(1, 2),
)
def test_streaming_equals_the_whole_for_any_chunks(n_times, cuts, context, batch):
    model = detector(context=context)
    x = signal(n_times, batch)
    stream = model.stream(batch)
    found = pushed(stream, x, [min(cut, n_times) for cut in cuts])
    assert found.shape == (batch, model.frames(n_times), 4)
    if model.frames(n_times):
        with torch.no_grad():
            torch.testing.assert_close(found, model(x), atol=1e-5, rtol=0)
    stream.reset()
    assert torch.equal(pushed(stream, x, [min(cut, n_times) for cut in cuts]), found)


def test_a_stream_is_as_good_after_weeks_as_at_its_start():
    model = detector(context=6)
    x = signal(400)
    young, old = model.stream(), model.stream()
    old._position = 2 * 10**8
    torch.testing.assert_close(old.push(x), young.push(x), atol=1e-5, rtol=0)


def test_streams_of_one_model_are_independent_and_leave_training():
    model = detector(context=3).train()
    first, second = model.stream(), model.stream()
    assert not model.training
    x = signal(150)
    first.push(signal(90, seed=2))
    with torch.no_grad():
        torch.testing.assert_close(second.push(x), model(x), atol=1e-5, rtol=0)


def test_what_a_stream_refuses_leaves_it_as_it_was():
    model = detector(context=3)
    stream, x = model.stream(), signal(150)
    stream.push(x[:, :, :77])
    with pytest.raises(EmgModelsError, match=r"chunk of 2 recordings: this stream runs 1; open it with stream\(batch"):
        stream.push(signal(5, batch=2))
    with pytest.raises(EmgModelsError, match="chunk holds NaN or infinity"):
        stream.push(torch.full((1, 3, 5), float("nan")))
    with torch.no_grad():
        torch.testing.assert_close(stream.push(x[:, :, 77:]), model(x)[:, 6:], atol=1e-5, rtol=0)
    with pytest.raises(
        EmgModelsError, match=r"context=None: every frame attends to all since the start.* context >= 1"
    ):
        detector().stream()


def test_weights_are_those_of_any_context_and_any_length():
    free, bounded = detector(n_times=50), detector(context=40)
    bounded.load_state_dict(free.state_dict())
    x = signal(300)
    with torch.no_grad():
        torch.testing.assert_close(free(x), bounded(x), atol=1e-5, rtol=0)


def test_blocks_come_from_a_pretrained_encoder():
    encoder = TinyMyoEncoder(TinyMyoConfig(n_chans=4, n_times=100, embed_dim=16, n_heads=2, n_blocks=2))
    model = detector()
    model.load_blocks(encoder)
    assert torch.equal(model.blocks[1].attn.qkv.weight, encoder.blocks[1].attn.qkv.weight)
    with pytest.raises(EmgModelsError, match=r"missing 'blocks\.2\.attn\.proj\.bias'"):
        detector(n_blocks=3).load_blocks(encoder)


def test_input_that_does_not_fit_is_refused():
    model = detector()
    for x in (torch.zeros(3, 80), torch.zeros(1, 4, 80), torch.zeros(1, 3, 80, dtype=torch.int16)):
        with pytest.raises(EmgModelsError, match=r"floating point windows \(batch, 3, time\) are required"):
            model(x)
    with pytest.raises(EmgModelsError, match="input has 20 samples, one frame needs 21; give longer windows"):
        model(signal(20))
    assert model(signal(21)).shape == (1, 1, 4)
    assert model.frames(20) == model.frames(0) == 0


def test_configurations_that_do_not_fit_are_refused():
    with pytest.raises(EmgModelsError, match="n_times=20 holds no frame of kernel_size=21"):
        TinyMyoNeuromotorConfig(n_times=20)
    for name in ("context", "stride", "kernel_size"):
        with pytest.raises(EmgModelsError, match=f"{name}=0: an integer >= 1"):
            TinyMyoNeuromotorConfig(**{name: 0})
    assert TinyMyoNeuromotorConfig().receptive_field is None
    config = dataclasses.replace(TinyMyoNeuromotorConfig(), context=16)
    assert TinyMyoNeuromotorConfig.from_dict(config.to_dict()) == config
    assert config.receptive_field == 1221
    assert create_model("tinymyo-neuromotor", n_times=600, context=16).stream().receptive_field == 1221
