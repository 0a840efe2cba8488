"""Adaptive batch normalisation, and statistics per source while training."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from emg_models import EmgModelsError, SourceBatchNorm, adapt_batchnorm, create_model, fold_batchnorm, set_sources

ORACLE = "models_oracles_hdsemg"

GRID = {"rows": 4, "cols": 3, "n_outputs": 5}


@pytest.fixture(params=["allconvnet-bn", "gengnet"])
def model(request):
    return create_model(request.param, **GRID).train()


@pytest.fixture
def frames():
    return 3 * torch.randn(50, 4, 3) + 1


def statistics(model):
    return {key: value for key, value in model.state_dict().items() if "running" in key}


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


def test_only_statistics_of_a_copy_move(model, frames):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    adapted = adapt_batchnorm(model, frames, passes=2, batch=20)
    assert model.training
    assert not adapted.training
    assert same(before, model.state_dict())
    for key, value in adapted.state_dict().items():
        assert torch.equal(value, before[key]) is ("running" not in key and "tracked" not in key), key


def test_result_depends_on_the_set_of_frames_and_the_seed_alone(model, frames):
    first = statistics(adapt_batchnorm(model, frames, passes=2, batch=20, seed=3))
    torch.manual_seed(99)
    shuffled = frames[torch.randperm(len(frames))]
    assert same(first, statistics(adapt_batchnorm(model, shuffled, passes=2, batch=20, seed=3)))
    other = statistics(adapt_batchnorm(model, frames, passes=2, batch=20, seed=4))
    assert not same(first, other)
    for key, value in first.items():
        torch.testing.assert_close(value, other[key], rtol=0.5, atol=0.5)


def test_statistics_become_those_of_the_frames():
    model = create_model("gengnet", **GRID)
    frames = 3 * torch.randn(100, 4, 3) + 1
    adapted = adapt_batchnorm(model, frames, passes=100, batch=100)
    torch.testing.assert_close(adapted.input_norm.running_mean[0], frames.mean(), atol=1e-3, rtol=0)
    torch.testing.assert_close(adapted.input_norm.running_var[0], frames.var(), atol=1e-2, rtol=0)


def test_each_batch_moves_the_mean_by_its_momentum():
    model = create_model("gengnet", **GRID)
    frames = torch.randn(30, 4, 3) + 5
    adapted = adapt_batchnorm(model, frames, passes=2, batch=30)
    torch.testing.assert_close(adapted.input_norm.running_mean[0], frames.mean() * (1 - 0.9**2))
    assert adapted.input_norm.num_batches_tracked == 2
    assert adapt_batchnorm(model, frames, passes=3, batch=8).input_norm.num_batches_tracked == 9
    assert adapt_batchnorm(model, frames, passes=1, batch=999).input_norm.num_batches_tracked == 1


def test_fresh_statistics_forget_the_source(frames):
    model = create_model("gengnet", **GRID)
    wanted = statistics(adapt_batchnorm(model, frames, passes=1, batch=25))
    model.train()(torch.randn(20, 4, 3) * 10)
    assert same(wanted, statistics(adapt_batchnorm(model, frames, passes=1, batch=25, fresh=True)))
    assert not same(wanted, statistics(adapt_batchnorm(model, frames, passes=1, batch=25)))


def test_it_brings_back_what_another_gain_took(model):
    for dropout in (module for module in model.modules() if isinstance(module, torch.nn.Dropout)):
        dropout.p = 0.0
    frames = torch.randn(60, 4, 3)
    for _ in range(50):
        model(frames)
    scaled = 4 * frames
    with torch.no_grad():
        source = model.eval()(frames)
        lost = float((model(scaled) - source).abs().mean())
        left = float((adapt_batchnorm(model, scaled, passes=50, batch=60)(scaled) - source).abs().mean())
    assert left < 0.25 * lost


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_network_in_any_precision_can_be_adapted(dtype):
    model = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 2), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.9)).to(dtype)
    windows = torch.randn(40, 3, 20, dtype=dtype) + 1
    adapted = adapt_batchnorm(model, windows, passes=50)
    wanted = model[0](windows).float().mean((0, 2))
    torch.testing.assert_close(adapted[1].running_mean.float(), wanted.detach(), atol=0.05, rtol=0.05)
    again = adapt_batchnorm(model, windows.flip(0), passes=50)
    assert same(statistics(adapted), statistics(again))


def test_the_docstring_says_transductive():
    assert "Transductive" in adapt_batchnorm.__doc__


@pytest.mark.parametrize("places", [(), (7,), (3, 2)])
def test_one_source_is_torch_to_the_bit(places):
    x = torch.randn(6, 4, *places)
    ours, theirs = SourceBatchNorm(4), torch.nn.BatchNorm2d(4) if len(places) == 2 else torch.nn.BatchNorm1d(4)
    assert torch.equal(ours(x), theirs(x))
    assert same(theirs.state_dict(), ours.state_dict())
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("sources", [2, 3])
def test_sources_have_statistics_of_their_own(slow, sources):
    norm = SourceBatchNorm(4, eps=1e-3).double()
    set_sources(norm, sources)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(4))
        norm.bias.copy_(torch.randn(4))
    x = torch.randn(12, 4, 5, dtype=torch.float64) * torch.arange(1, 13)[:, None, None]
    wanted = slow.source_norm(x.numpy(), sources, norm.weight.detach().numpy(), norm.bias.detach().numpy(), 1e-3)
    np.testing.assert_allclose(norm(x).detach().numpy(), wanted, atol=1e-12)
    mean = np.mean([part.mean((0, 2)) for part in np.split(x.numpy(), sources)], 0)
    var = np.mean([part.swapaxes(0, 1).reshape(4, -1).var(1, ddof=1) for part in np.split(x.numpy(), sources)], 0)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * mean, rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.9 + 0.1 * var, rtol=1e-6)
    still = norm.eval()(x)
    set_sources(norm, 1)
    assert torch.equal(norm(x), still)


def test_a_source_is_normalised_as_if_alone(frames):
    model = create_model("gengnet", **GRID, dropout=0.0).train()
    set_sources(model, 2)
    together = model(frames[:20])
    set_sources(model, 1)
    for part in (slice(0, 10), slice(10, 20)):
        torch.testing.assert_close(model(frames[part]), together[part], atol=1e-5, rtol=0)


def test_sources_do_not_reach_checkpoints_or_adaptation(frames):
    model = create_model("gengnet", **GRID)
    keys = list(model.state_dict())
    wanted = statistics(adapt_batchnorm(model, frames, passes=1))
    set_sources(model, 7)
    assert list(model.state_dict()) == keys
    assert same(wanted, statistics(adapt_batchnorm(model, frames, passes=1)))


def test_sources_compile_as_one_graph():
    plain = SourceBatchNorm(3)
    set_sources(plain, 5)
    fast, x = copy.deepcopy(plain), torch.randn(10, 3, 4)
    torch.testing.assert_close(torch.compile(fast, fullgraph=True, backend="aot_eager")(x), plain(x))
    for key, value in statistics(plain).items():
        torch.testing.assert_close(fast.state_dict()[key], value)


def test_gradient_flows_through_the_statistics_of_each_source():
    norm = SourceBatchNorm(2).double()
    set_sources(norm, 2)
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))


def test_batches_that_cannot_be_shared_are_refused():
    model = create_model("gengnet", **GRID).train()
    set_sources(model, 9)
    with pytest.raises(EmgModelsError, match=r"1000 frames from 9 sources: equally many of each .* give 999"):
        model(torch.zeros(1000, 4, 3))
    with pytest.raises(EmgModelsError, match=r"a batch of 4 frames from 9 sources: .* give 9"):
        model(torch.zeros(4, 4, 3))
    with pytest.raises(EmgModelsError, match="one frame per source leaves nothing to normalise by"):
        model(torch.zeros(9, 4, 3))
    set_sources(model, 1)
    with pytest.raises(EmgModelsError, match=r"one frame per source .* call model.eval\(\) to predict"):
        model(torch.zeros(1, 4, 3))
    assert model.eval()(torch.zeros(1, 4, 3)).shape == (1, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": torch.zeros(1, 4, 3)}, r"frames of shape \(1, 4, 3\) .* at least two floating point examples"),
        ({"frames": torch.zeros(5)}, r"frames of shape \(5,\)"),
        ({"frames": torch.zeros(5, 4, 3, dtype=torch.int32)}, "and torch.int32: at least two"),
        ({"frames": torch.full((5, 4, 3), torch.nan)}, "frames hold NaN or infinity"),
        ({"passes": 0}, "passes=0: an integer >= 1"),
        ({"batch": 1}, "batch=1: an integer >= 2"),
    ],
)
def test_adaptation_that_makes_no_sense_is_refused(change, message):
    arguments = {"frames": torch.zeros(5, 4, 3)} | change
    with pytest.raises(EmgModelsError, match=message):
        adapt_batchnorm(create_model("gengnet", **GRID), **arguments)


def test_models_without_normalisation_are_refused(frames):
    model = create_model("allconvnet", **GRID)
    with pytest.raises(EmgModelsError, match="AllConvNet has no batch normalisation to adapt; grid networks have it"):
        adapt_batchnorm(model, frames)
    with pytest.raises(EmgModelsError, match="AllConvNet has no batch normalisation"):
        set_sources(model, 2)
    with pytest.raises(EmgModelsError, match="sources=0: an integer >= 1"):
        set_sources(create_model("gengnet", **GRID), 0)


def test_what_cannot_adapt_is_refused(model):
    frames = torch.randn(9, 4, 3)
    for arguments, message in (
        ({"seed": "a"}, "seed='a': an integer >= 0"),
        ({"seed": -1}, "seed=-1: an integer >= 0"),
        ({"fresh": "no"}, "fresh='no': True or False"),
    ):
        with pytest.raises(EmgModelsError, match=message):
            adapt_batchnorm(model, frames, **arguments)
    with pytest.raises(EmgModelsError, match="frames of type ndarray: a Tensor is required"):
        adapt_batchnorm(model, frames.numpy())
    with pytest.raises(EmgModelsError, match="Sequential has no batch normalisation to adapt"):
        adapt_batchnorm(nn.Sequential(nn.BatchNorm1d(5, track_running_stats=False)), torch.randn(9, 5))
    plain = adapt_batchnorm(nn.Sequential(nn.BatchNorm1d(5, affine=False)), torch.randn(9, 5) + 3)
    assert (plain[0].running_mean > 0.5).all(), "a network without weights adapts too"


def test_sources_refuse_what_torch_would_not_explain_and_average_without_momentum():
    norm = SourceBatchNorm(4, momentum=None)
    norm.sources = 2
    for x in (torch.randn(4), torch.randn(3, 5)):
        with pytest.raises(EmgModelsError, match=r"input of shape .*\(batch, 4, ...\) is required"):
            norm(x)
    with pytest.raises(EmgModelsError, match="no frame per source leaves nothing to normalise by"):
        norm(torch.zeros(0, 4))
    batches = torch.randn(3, 8, 4, dtype=torch.float64)
    norm.double()
    for batch in batches:
        norm(batch)
    assert norm.num_batches_tracked == 3
    torch.testing.assert_close(norm.running_mean, batches.mean((0, 1)))


def test_folding_keeps_the_precision_and_draws_nothing():
    model = create_model("gengnet", rows=6, cols=5, n_outputs=4).double().eval()
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    state = torch.get_rng_state()
    torch.testing.assert_close(fold_batchnorm(model)(x), model(x), atol=1e-12, rtol=1e-12)
    assert torch.equal(torch.get_rng_state(), state)
