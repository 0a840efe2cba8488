"""What torch's two exporters write, at several opsets, read and quantised by emg-edge: networks for EMG."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import emg_edge
from emg_edge.graph._float import run_float
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference

CHANNELS, TIMES, CLASSES = 8, 48, 5


class Recurrent(nn.Module):
    """Recurrent layers over time and a classifier on the last step, the mean, or the last hidden state."""

    def __init__(self, kind, *, both_ways, layers, head):
        super().__init__()
        self.rnn = getattr(nn, kind)(CHANNELS, 12, layers, batch_first=True, bidirectional=both_ways)
        self.classify, self.head = nn.Linear(12 * (1 + both_ways), CLASSES), head

    def forward(self, x):
        y, state = self.rnn(x.transpose(1, 2))
        hidden = state[0] if isinstance(state, tuple) else state
        return self.classify({"last": y[:, -1], "mean": y.mean(1), "hidden": hidden[-1]}[self.head])


class ConvolutionThenLstm(nn.Module):
    """Convolution, pooling, LSTM."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(CHANNELS, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2))
        self.rnn, self.classify = nn.LSTM(16, 12, batch_first=True), nn.Linear(12, CLASSES)

    def forward(self, x):
        return self.classify(self.rnn(self.body(x).permute(0, 2, 1))[1][0].squeeze(0))


class Causal(nn.Module):
    """A block of a temporal convolutional network."""

    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        self.reach, self.conv = 2 * dilation, nn.Conv1d(inputs, outputs, 3, dilation=dilation)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        return functional.relu(self.conv(functional.pad(x, (self.reach, 0))) + self.skip(x))


class Compact(nn.Module):
    """Temporal, spatial and separable convolutions over an image of channels and time, as EEGNet has them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(1, 4, (1, 15), padding=(0, 7), bias=False),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 8, (CHANNELS, 1), groups=4, bias=False),
            nn.BatchNorm2d(8),
            nn.ELU(),
            nn.AvgPool2d((1, 4)),
        )
        self.second = nn.Sequential(
            nn.Conv2d(8, 8, (1, 7), padding="same", groups=8, bias=False),
            nn.Conv2d(8, 8, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ELU(),
            nn.AvgPool2d((1, 4)),
        )
        self.classify = nn.Linear(8 * TIMES // 16, CLASSES)

    def forward(self, x):
        return self.classify(self.second(self.first(x.unsqueeze(1))).flatten(1))


class Transformer(nn.Module):
    """Patches, a class token, one encoder layer."""

    def __init__(self):
        super().__init__()
        self.patch, self.place = nn.Conv1d(CHANNELS, 16, 8, stride=8), nn.Parameter(0.2 * torch.randn(1, 6, 16))
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.classify = nn.Linear(16, CLASSES)

    def forward(self, x):
        rows = self.patch(x).transpose(1, 2) + self.place
        rows = torch.cat([self.token.expand(rows.shape[0], -1, -1), rows], 1)
        return self.classify(self.encoder(rows)[:, 0])


def perceptron():
    sizes = nn.Linear(CHANNELS * TIMES, 24), nn.LayerNorm(24), nn.GELU(), nn.Dropout(), nn.Linear(24, 16), nn.SiLU()
    return nn.Sequential(nn.Flatten(), *sizes, nn.Linear(16, CLASSES))


def convolutions():
    return nn.Sequential(
        nn.Conv1d(CHANNELS, 16, 5, stride=2, padding=2),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(16, 16, 3, padding="same", dilation=2),
        nn.ReLU6(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


def temporal():
    blocks = [Causal(CHANNELS, 12, 1), Causal(12, 12, 2), Causal(12, 12, 4)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(12, CLASSES))


NETWORKS = {
    "perceptron": perceptron,
    "convolutions": convolutions,
    "compact": Compact,
    "temporal": temporal,
    "lstm": lambda: Recurrent("LSTM", both_ways=True, layers=2, head="last"),
    "gru": lambda: Recurrent("GRU", both_ways=False, layers=1, head="hidden"),
    "gru-mean": lambda: Recurrent("GRU", both_ways=True, layers=1, head="mean"),
    "convolution-lstm": ConvolutionThenLstm,
    "transformer": Transformer,
}
SCRIPTED = [(name, opset) for name in NETWORKS for opset in (13, 17) if (name, opset) != ("transformer", 13)]
TRACED = [("lstm", 18), ("compact", 20), ("transformer", 21), ("gru", 23)]  # a run of this exporter takes seconds


def trained(name):
    """A network with the statistics of batch normalisation that training leaves."""
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.normal_(layer.running_mean, 0.0, 0.2)
    return model


def check(model, path):
    """The float graph equals torch, and the integers follow it."""
    x = np.random.default_rng(1).normal(size=(40, CHANNELS, TIMES)).astype(np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(x)).numpy()
    graph = emg_edge.load_onnx(path)
    assert graph.shape(graph.inputs[0]) == (1, CHANNELS, TIMES)
    found = run_float(graph, x)[graph.outputs[0]].reshape(wanted.shape)
    np.testing.assert_allclose(found, wanted, atol=2e-5 * max(1.0, float(np.abs(wanted).max())))
    program = emg_edge.quantise(canonicalise(graph), x)
    (source,), (sink,) = program.inputs, program.outputs
    stored = run_reference(program, {source: program.tensors[source].quantise(x)})[sink]
    real = program.tensors[sink].dequantise(stored).reshape(wanted.shape)
    assert 10 * np.log10(np.square(wanted).sum() / np.square(real - wanted).sum()) > 25


@pytest.mark.parametrize(("name", "opset"), SCRIPTED)
def test_the_torchscript_exporter(name, opset, tmp_path):
    """With a dynamic batch at opset 17."""
    model, path = trained(name), tmp_path / "m.onnx"
    axes = {"emg": {0: "batch"}} if opset == 17 else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own: it is on its way out
        torch.onnx.export(
            model,
            (torch.zeros(1, CHANNELS, TIMES),),
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=["emg"],
            dynamic_axes=axes,
        )
    check(model, path)


@pytest.mark.parametrize(("name", "opset"), TRACED)
def test_the_dynamo_exporter(name, opset, tmp_path):
    """With the weights in a file of their own at opset 18."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    model, path = trained(name), tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(1, CHANNELS, TIMES),),
            str(path),
            dynamo=True,
            opset_version=opset,
            verbose=False,
            external_data=opset == 18,
        )
    assert (tmp_path / "m.onnx.data").exists() == (opset == 18)
    check(model, path)
