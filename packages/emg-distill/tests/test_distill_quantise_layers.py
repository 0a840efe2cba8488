"""Layers in integers: codes against one number at a time, and the gradients that pass the rounding."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emg_distill._quantise.phase import straight_through
from emg_distill._quantise.prepare import advance, calibrate, integer_codes, prepare, scheme
from emg_distill._recipe.quantise import QuantiseRecipe

RECIPE = QuantiseRecipe(on=True)


@pytest.fixture(scope="session")
def oracle():
    path = Path(__file__).with_name("distill_oracles_quantise.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ready(model, x, **options):
    """A network with grids, calibrated on `x`."""
    prepare(model, x[:1], QuantiseRecipe(on=True, **options))
    calibrate(model, [x])
    return model.eval()


def expected(oracle, layer, rows, grids, name):
    """Codes that a layer leaves for rows of centred codes, by the grids in front and behind."""
    scales = layer.scales(layer.reads["x"]).tolist()
    x_scale = float(layer.reads["x"].scale)
    flat, biases = layer.weight.detach().flatten(1).tolist(), layer.offsets().detach().tolist()
    codes, whole = oracle.weights(flat, biases, x_scale, scales)
    grid = grids[name]
    (step,), (zero,) = grid["scale"], grid["zero_point"]
    factors = [x_scale * s / step for s in scales]
    return [[oracle.saturate(v + zero, grid["dtype"]) for v in oracle.products(r, codes, whole, factors)] for r in rows]


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 5)),
    gain=st.sampled_from([1e-3, 1.0, 300.0]),
    bias=st.booleans(),
)
def test_linear(oracle, seed, sizes, gain, bias):
    torch.manual_seed(seed)
    layer = nn.Linear(*sizes, bias=bias)
    x = gain * torch.randn(16, sizes[0])
    ready(layer, x)
    loud = torch.cat([x[:4], 100 * x[:2], 0 * x[:1]])  # saturates in front and behind
    codes, grids = integer_codes(layer, loud), scheme(layer)["grids"]
    assert grids["source"]["dtype"] == grids["out"]["dtype"] == "int16"
    source = codes["source"].tolist()
    scale = grids["source"]["scale"][0]
    assert source == [[oracle.saturate(round(float(v) / scale), "int16") for v in row] for row in loud]
    assert codes["out"].tolist() == expected(oracle, layer, source, grids, "out")
    assert bool((layer(loud).double() / grids["out"]["scale"][0] - codes["out"]).abs().max() < 1e-2)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 10**6),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 1)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_convolution_behind_an_activation(oracle, seed, stride, padding, dilation):
    torch.manual_seed(seed)
    last = nn.Conv2d(3, 2, (2, 3), stride, padding, dilation)
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.SiLU(), last)  # SiLU: a zero point other than the lowest code
    x = torch.randn(8, 1, 5, 7)
    ready(model, x)
    loud = torch.cat([x[:1], 30 * x[:1]])
    codes, grids = integer_codes(model, loud), scheme(model)["grids"]
    zero = grids["0.out"]["zero_point"][0]
    assert grids["0.out"]["dtype"] == "int8"
    for image, found in zip(codes["0.out"], codes["2.out"], strict=True):
        rows, places = oracle.patches((image - zero).tolist(), (2, 3), stride, padding, dilation)
        flat = [[v for channel in row for v in channel] for row in rows]
        want = torch.tensor(expected(oracle, last, flat, grids, "2.out")).T.reshape(2, *places)
        assert torch.equal(found, want)


def test_groups_are_convolved_apart():
    torch.manual_seed(3)
    whole = nn.Conv1d(4, 4, 3, padding=1, groups=2)
    x = torch.randn(8, 4, 9)
    ready(whole, x)
    codes, grids = integer_codes(whole, x), scheme(whole)["grids"]
    step = whole.scales(whole.reads["x"])
    weight = (whole.weight.double() / step.view(-1, 1, 1)).round()
    bias = (whole.bias.double() / (step * grids["source"]["scale"][0])).round()
    total = torch.cat(
        [F.conv1d(codes["source"][:, i : i + 2].double(), weight[i : i + 2], padding=1) for i in (0, 2)], 1
    )
    real = (total + bias.view(-1, 1)) * (step * grids["source"]["scale"][0] / grids["out"]["scale"][0]).view(-1, 1)
    assert bool((codes["out"] - real).abs().max() <= 0.5 + 1e-4)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh])
def test_activation_becomes_a_table_behind_its_layer(activation):
    model = nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 2))
    x = torch.randn(64, 3)
    ready(model, x)
    codes, grids = integer_codes(model, 3 * x), scheme(model)["grids"]
    before, out = grids["0.before"], grids["0.out"]
    assert before["dtype"] == out["dtype"] == "int8"
    real = (codes["0.before"] - before["zero_point"][0]).double() * before["scale"][0]
    want = (activation()(real) / out["scale"][0]).round() + out["zero_point"][0]
    assert torch.equal(codes["0.out"], want.clamp(-128, 127).long())


def test_activation_behind_a_sum_has_a_table_of_its_own():
    model = nn.Sequential(nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2))
    x = torch.randn(32, 4)
    ready(model, x)
    codes, grids = integer_codes(model, x), scheme(model)["grids"]
    assert {"0.out", "1.out"} <= set(codes)
    real = (codes["0.out"] - grids["0.out"]["zero_point"][0]).double() * grids["0.out"]["scale"][0]
    want = (real.tanh() / grids["1.out"]["scale"][0]).round() + grids["1.out"]["zero_point"][0]
    assert torch.equal(codes["1.out"], want.clamp(-128, 127).long())


def test_tanh_gelu_keeps_its_form():
    model = nn.Sequential(nn.Linear(3, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 2))
    prepare(model, torch.randn(1, 3), RECIPE)
    x = torch.linspace(-2, 2, 5)
    assert torch.equal(model[0].function(x), F.gelu(x, approximate="tanh"))


def test_gradient_passes_where_nothing_saturates():
    real = torch.tensor([0.3, -2.0, 5.0], requires_grad=True)
    stored = straight_through(real, torch.tensor([0.25, -1.0, 1.0]), torch.tensor([True, False, False]))
    assert stored.tolist() == [0.25, -1.0, 1.0]
    (stored * torch.tensor([2.0, 3.0, 4.0])).sum().backward()
    assert real.grad.tolist() == [2.0, 0.0, 0.0]


def test_gradient_of_a_layer_in_closed_form():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    x = torch.randn(32, 6)
    ready(model, x)
    model.zero_grad()
    model(5 * x).square().sum().backward()
    codes, grids = integer_codes(model, 5 * x), scheme(model)["grids"]

    def value(name):
        return ((codes[name] - grids[name]["zero_point"][0]).double() * grids[name]["scale"][0]).float()

    def inside(name, real):
        grid = grids[name]
        low, high = {"int8": (-128, 127), "int16": (-32768, 32767)}[grid["dtype"]]
        steps = (real.double() / grid["scale"][0]).round() + grid["zero_point"][0]
        return (steps >= low) & (steps <= high)

    def rounded(layer):
        step = layer.scales(layer.reads["x"])[:, None]
        return ((layer.weight.double() / step).round() * step).float()

    out, hidden, before, source = (value(name) for name in ("2.out", "0.out", "0.before", "0.source"))
    slope = 2 * out * inside("2.out", hidden @ rounded(model[2]).T + model[2].bias)
    torch.testing.assert_close(model[2].weight.grad, slope.T @ hidden)
    torch.testing.assert_close(model[2].bias.grad, slope.sum(0))
    slope = (slope @ rounded(model[2])) * inside("0.out", before.clamp_min(0)) * (before > 0)
    slope = slope * inside("0.before", source @ rounded(model[0]).T + model[0].bias)
    assert bool((codes["0.before"] == 127).any())  # some values saturate and pass nothing on
    torch.testing.assert_close(model[0].weight.grad, slope.T @ source)


def test_grids_follow_the_training_until_they_are_frozen():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(32, 4)
    ready(model, x, momentum=0.5, freeze_step=2, observer="minmax")
    before = scheme(model)
    with torch.no_grad():
        model(9 * x)
    advance(model, 0)
    assert scheme(model) == before  # validation moves nothing
    peak = float(model[2].out.high)
    model(3 * x)
    advance(model, 1)
    seen = float(F.linear(*(p.double() for p in _inputs(model, 3 * x))).abs().max())
    assert float(model[2].out.high) == pytest.approx(0.5 * (peak + seen), rel=1e-3)
    moved = scheme(model)
    assert moved != before
    model(5 * x)
    advance(model, 2)
    frozen = scheme(model)
    assert frozen != moved
    model(7 * x)
    advance(model, 3)
    assert scheme(model) == frozen


def _inputs(model, x):
    """What the last layer multiplies, its bias as one more column."""
    with torch.no_grad():
        layer = model[2]
        step = layer.scales(layer.reads["x"])[:, None]
        hidden = torch.relu(model[0](x))
        padded = torch.cat([hidden, torch.ones(len(x), 1)], 1)
        return padded, torch.cat([(layer.weight.double() / step).round() * step, layer.bias[:, None]], 1)


def test_pieces_of_a_batch_move_grids_as_the_batch_does():
    x = torch.randn(24, 4)
    schemes = []
    for cuts in ((24,), (5, 7, 12)):
        torch.manual_seed(4)
        model = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2))
        ready(model, x, freeze_step=9)
        for piece in (3 * x).split(list(cuts)):
            model(piece)
        advance(model, 1)
        schemes.append(scheme(model))
    assert schemes[0] == schemes[1]
