"""The contract, second part: what every model that runs live owes to its form on whole recordings."""

import itertools

import pytest
import torch

from emg_models import EmgModelsError
from emg_models._registry import REGISTRY


@pytest.fixture
def live(live_row, settle):
    """The small model with the settings that make it stream, in double precision, and its stream."""
    model = live_row.build(**live_row.live)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    model = settle(model, torch.randn(4, *model.config.input_shape)).double()
    return model, model.stream(batch=2)


def frames(model, n_times):
    """Frames of `n_times` samples, 0 where they are too few."""
    try:
        return model.frames(n_times)
    except EmgModelsError:
        return 0


def recording(model, n_times, seed=3):
    return torch.randn(
        2, model.config.n_chans, n_times, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def pieces(x, seed):
    """Cut at random, one sample and none among the pieces."""
    sizes = torch.randint(0, x.shape[-1] // 4, (12,), generator=torch.Generator().manual_seed(seed)).tolist()
    cuts = [0, *itertools.accumulate([1, 0, *sizes, 1])]
    cuts = [cut for cut in cuts if cut < x.shape[-1]] + [x.shape[-1]]
    return [x[..., start:stop] for start, stop in itertools.pairwise(cuts)]


def test_all_that_can_stream_is_tested(small_table):
    can = {(name, task) for name, entry in REGISTRY.items() for task, kind in entry.tasks.items() if kind.streams}
    assert set(small_table.STREAM) == can


def test_models_that_cannot_stream_say_what_to_do(row):
    if row.kind.streams:
        pytest.skip("streams")
    with pytest.raises(EmgModelsError, match=f"{row.kind.__name__} cannot stream"):
        row.trained.stream()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_chunks_give_the_frames_of_the_whole(live, seed):
    model, stream = live
    x = recording(model, 2 * model.config.n_times + 7)
    with torch.no_grad():
        whole = model(x)
    told = []
    for piece in pieces(x, seed):
        told.append(stream.push(piece))
        seen = sum(y.shape[1] for y in told)
        assert seen == frames(model, sum(p.shape[-1] for p in pieces(x, seed)[: len(told)])), "a frame came late"
    y = torch.cat(told, 1)
    assert y.shape == whole.shape
    torch.testing.assert_close(y, whole, atol=1e-9, rtol=1e-9)
    assert not y.requires_grad


def test_single_precision_streams_to_1e_5(live):
    model = live[0].float()
    x = recording(model, model.config.n_times + 3).float()
    stream = model.stream(batch=2)
    y = torch.cat([stream.push(piece) for piece in pieces(x, 4)], 1)
    with torch.no_grad():
        whole = model(x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, whole, atol=1e-5 * max(1.0, float(whole.abs().max())), rtol=0)


def test_reset_forgets_and_streams_are_their_own(live):
    model, stream = live
    x = recording(model, 2 * model.config.n_times)
    other = model.stream(batch=2)
    first = stream.push(x)
    other.push(x.flip(-1))
    stream.reset()
    assert torch.equal(stream.push(x), first)
    assert torch.equal(model.train().stream(batch=2).push(x), first), "a stream runs as in evaluation"


def test_bad_chunks_are_refused_and_leave_the_memory(live):
    model, stream = live
    x = recording(model, 2 * model.config.n_times)
    with torch.no_grad():
        whole = model(x)
    half = x.shape[-1] // 2
    first = stream.push(x[..., :half])
    for chunk, message in [
        (x[0], "chunk of shape"),
        (x[:, :-1], rf"floating point \(batch, {model.config.n_chans}, samples\) is required"),
        (x.to(torch.int16), "torch.int16"),
        (x[:1], "chunk of 1 "),
        (x.masked_fill(x == x.max(), float("nan")), "chunk holds NaN or infinity"),
        (x.numpy(), "chunk of type ndarray: a Tensor is required"),
        (x.to("meta"), "chunk on meta holds no values"),
    ]:
        with pytest.raises(EmgModelsError, match=message):
            stream.push(chunk)
    y = torch.cat([first, stream.push(x[..., half:])], 1)
    torch.testing.assert_close(y, whole, atol=1e-9, rtol=1e-9)


def test_a_model_that_changed_is_heard_only_when_it_fits(live):
    model, stream = live
    x = recording(model, 2 * model.config.n_times)
    other = model.stream(batch=2)
    half = x.shape[-1] // 2
    with torch.inference_mode():
        first = stream.push(x[..., :half])
    other.push(-x)
    with pytest.raises(EmgModelsError, match=r"in training mode.*call model.eval\(\) before push"):
        model.train() and stream.push(x)
    model.float().eval()
    with pytest.raises(EmgModelsError, match=r"moved to torch.float32 on cpu.*call reset\(\) to start anew"):
        stream.push(x)
    with torch.no_grad():
        single = model(x.float())
        whole = model.double()(x)
    torch.testing.assert_close(torch.cat([first, stream.push(x[..., half:])], 1), whole, atol=1e-9, rtol=1e-9)
    model.float()
    stream.reset()
    y = stream.push(x)  # brought to the model's dtype
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, single, atol=1e-4, rtol=1e-4)


def test_a_stream_needs_a_count_of_recordings(live):
    for batch in (0, -1, "2", True):
        with pytest.raises(EmgModelsError, match=r"batch=.*: an integer >= 1 is required"):
            live[0].stream(batch=batch)


def test_autocast_may_come_and_go(live):
    model = live[0].float()
    x = recording(model, 2 * model.config.n_times).float()
    third = x.shape[-1] // 3
    stream = model.stream(batch=2)
    told = [stream.push(x[..., :third])]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        told.append(stream.push(x[..., third : 2 * third]))
    told.append(stream.push(x[..., 2 * third :]))
    with torch.no_grad():
        whole = model(x)
    assert (torch.cat(told, 1) - whole).norm() < 0.05 * whole.norm()


def test_the_receptive_field_is_as_stated(live):
    """The newest frame does not see the sample before its field, and sees the oldest and the newest inside."""
    model, stream = live
    field = stream.receptive_field
    n_times = (field or model.config.n_times) + 2
    while frames(model, n_times) == frames(model, n_times - 1):
        n_times += 1
    x = recording(model, n_times)
    with torch.no_grad():
        last = model(x)[:, -1]

        def moved(sample):
            other = x.clone()
            other[..., sample] += 3.0
            return float((model(other)[:, -1] - last).abs().max())

        assert moved(n_times - 1) > 1e-9
        if field is None:
            assert moved(0) > 0
        else:
            # the first sample of a periodic Hann window has weight 0
            assert max(moved(n_times - field), moved(n_times - field + 1)) > 1e-12
            assert moved(n_times - field - 1) == 0
