"""Multiply-accumulates and activations: every kind of layer by its formula, every model against a slow count."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from emg_models import EmgModel, ModelConfig, count_costs, create_model, model_info

C, T, K = 6, 40, 5


class Plain(EmgModel):
    """One layer, and whatever makes its input out of (B, C, T)."""

    task = "classification"

    def __init__(self, layer, call=None):
        super().__init__(ModelConfig(n_chans=C, n_times=T, n_outputs=K, sfreq=1.0))
        self.layer = layer
        self.call = call or (lambda layer, x: layer(x))

    def forward(self, x):
        return self.call(self.layer, x)


class Square(nn.Module):
    """Own matrix per place, as GengNet's locally connected layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(T, 7, C))

    def forward(self, x):
        return torch.einsum("poi,bip->bop", self.weight, x)


class Fourier(nn.Module):
    """A fixed transform, as a buffer, and one learned number."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("kernel", torch.randn(8, C, 3), persistent=False)

    def forward(self, x):
        kernel = self.kernel.to(x.dtype).flip(0).contiguous()  # what is made of fixed values is fixed
        return self.scale * nn.functional.conv1d(x, kernel)


def lstm(layer, x):
    return layer(x.transpose(1, 2))[0]


def attention(layer, x):
    q, k, v = layer(x.transpose(1, 2)).view(1, T, 3, 2, 8).permute(2, 0, 3, 1, 4)
    return nn.functional.scaled_dot_product_attention(q, k, v)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("build", "call", "macs", "activations"),
    [
        (lambda: nn.Conv1d(C, 8, 3, padding=1), None, 8 * T * C * 3, 8 * T),
        (lambda: nn.Conv1d(C, 8, 5, stride=3, bias=False), None, 8 * 12 * C * 5, 8 * 12),
        (lambda: nn.Conv1d(C, 12, 4, groups=3), None, 12 * 37 * 2 * 4, 12 * 37),
        (lambda: nn.ConvTranspose1d(C, 8, 4, stride=2), None, C * T * 8 * 4, 8 * 82),
        (lambda: nn.Conv2d(1, 4, 3, padding=1), lambda layer, x: layer(x[:, None]), 4 * C * T * 9, 4 * C * T),
        (lambda: nn.Linear(T, 9), None, C * T * 9, C * 9),
        (lambda: nn.Linear(T, 9, bias=False), None, C * T * 9, C * 9),
        (Square, None, 7 * C * T, 7 * T),
        (Fourier, None, 0, 0),
        (lambda: nn.LSTM(C, 11, 2, batch_first=True), lstm, T * 4 * 11 * (C + 11 + 11 + 11), T * 22),
        (lambda: nn.LSTM(C, 11, 1, batch_first=True, bidirectional=True), lstm, 2 * T * 4 * 11 * (C + 11), T * 22),
        (lambda: nn.Linear(C, 48), attention, T * C * 48 + 2 * T * T * 16, T * 48 + 2 * T * T + T * 16),
        (lambda: nn.BatchNorm1d(C), None, 0, 0),
    ],
    ids=["conv", "strided", "grouped", "transposed", "conv2d", "linear", "no-bias", "local", "fixed", "lstm",
         "two-way-lstm", "attention", "norm"],
)  # fmt: skip
def test_every_kind_of_layer_by_its_formula(build, call, macs, activations, device):
    with torch.device(device):
        model = Plain(build(), call)
    costs = count_costs(model)
    assert (costs.macs, costs.activations) == (macs, activations)


@pytest.mark.parametrize(
    ("n_chans", "n_times", "tokens", "eight", "four"),
    [
        (16, 1000, 800, 4.800, 2.402),
        (8, 1000, 400, 1.909, 0.955),
        (16, 200, 160, 0.645, 0.323),
        (8, 200, 80, 0.303, 0.152),
    ],
)
def test_tinymyo(n_chans, n_times, tokens, eight, four):
    """The sheet's table and its formula; a block writes 3D + D + 4D + D values a token, and twice 3·N² scores."""
    for name, blocks, published in (("tinymyo", 8, eight), ("tinyissimomyo", 4, four)):
        info = model_info(name, n_chans=n_chans, n_times=n_times)
        macs = blocks * (442_368 * tokens + 384 * tokens**2) + 3_840 * tokens
        assert info["macs"] == macs
        assert round(macs / 1e9, 3) == published
        assert info["activations"] == tokens * 192 + blocks * (10 * 192 * tokens + 3 * tokens**2)
        classifier = model_info(name, n_chans=n_chans, n_times=n_times, n_outputs=6)
        assert classifier["macs"] == macs + n_chans * 192 * 6


@pytest.mark.parametrize(
    ("name", "sizes", "macs"),
    [
        ("allconvnet", {}, 14_368_768),
        ("allconvnet-bn", {}, 14_368_768),
        ("gengnet", {}, 10_363_904),
        ("gengnet", {"n_outputs": 12}, 10_364_416),
    ],
)
def test_image_networks_as_in_the_sheets(name, sizes, macs):
    assert model_info(name, **sizes)["macs"] == macs


@pytest.mark.parametrize(
    ("size", "width", "blocks", "gmac"),
    [("tiny", 128, 10, 1.345), ("small", 256, 6, 2.686), ("large", 1024, 8, 46.161)],
)
def test_scaled_transformers(size, width, blocks, gmac):
    """Featurizer, projection, positional convolution, blocks, head over 4 s (398 frames), as in the sheet."""
    n1, n2, frames = 1598, 798, 398
    featurizer = n1 * 128 * 32 * 11 + n2 * 64 * 128 * 3 + frames * 64 * 64 * 3
    rest = frames * (64 * width + 128 * width * (width // 16) + blocks * 12 * width**2 + 99 * width)
    macs = model_info(f"scaled-transformer-{size}")["macs"]
    # the one-sided positional convolution may compute a frame that it drops
    assert macs == pytest.approx(featurizer + rest + blocks * 2 * frames**2 * width, rel=3e-3)
    assert round(macs / 1e9, 3) == gmac


def test_tds():
    """The sheet's measured count for 4 s, the short-time Fourier transform left out."""
    assert round(model_info("tds-emg2qwerty")["macs"] / 1e9, 3) == 3.602


def test_recurrent_network():
    """Convolution 16→512 of 21 every 10, three LSTM layers of 512, 9 outputs."""
    info = model_info("neuromotor-gestures")
    frames = (info["input_shape"][2] - 21) // 10 + 1
    assert info["macs"] == frames * (512 * 16 * 21 + 3 * 4 * 512 * 1024 + 512 * 9)
    assert info["activations"] == frames * (512 + 3 * 512 + 9)


def test_every_model_against_counting_module_by_module(row):
    """Hooks see convolutions and linears alone; what they miss is attention, LSTM, own weights."""
    model, x = row.trained, row.x(1)
    counts = [0, 0]

    def count(module, given, y):
        counts[0] += y.numel() * module.weight[0].numel()
        counts[1] += y.numel()

    layers = [m for m in model.modules() if type(m) in {nn.Conv1d, nn.Conv2d, nn.Linear}]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    costs = count_costs(model)
    assert costs.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert costs.macs >= counts[0] > 0 or not layers
    assert costs.activations >= counts[1]


def test_depth_adds_up():
    """Costs of blocks are equal, so costs grow in equal steps."""
    macs = [model_info("tinymyo", n_chans=4, n_times=100, n_blocks=n)["macs"] for n in (1, 2, 3, 4)]
    assert len({b - a for a, b in pairwise(macs)}) == 1


def test_counting_leaves_the_model_as_it_was():
    model = create_model("tinymyo", n_chans=8, n_times=200, n_outputs=6, sfreq=200.0).train()
    model.encoder.eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    assert count_costs(model).macs == model_info("tinymyo", n_chans=8, n_times=200, n_outputs=6)["macs"]
    assert model.training
    assert not any(module.training for module in model.encoder.modules())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert math.prod(model.output_shape) == 6
