"""Attention with masks as the two exporters of torch write it: one operator of emg-edge, followed in integers."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

import emg_edge
from emg_edge.program._program import run_reference

ROWS, WIDTH, HEADS = 12, 16, 2


class Attention(nn.Module):
    """One projection for q, k and v, torch's attention, one behind it."""

    def __init__(self, mask=None, *, causal=False):
        super().__init__()
        self.qkv, self.out, self.causal = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), causal
        self.register_buffer("mask", mask)

    def forward(self, x, keep=None):
        parts = self.qkv(x).view(1, ROWS, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        mask = self.mask if keep is None else keep[:, None, None, :]
        context = functional.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=self.causal)
        return self.out(context.transpose(1, 2).reshape(1, ROWS, WIDTH))


class Padded(nn.Module):
    """Torch's own layer, which is told the keys to leave out."""

    def __init__(self):
        super().__init__()
        self.layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x, drop):
        return self.layer(x, x, x, key_padding_mask=drop, need_weights=False)[0]


LOWER = torch.ones(ROWS, ROWS, dtype=torch.bool).tril()
CASES = {
    "causal": (lambda: Attention(causal=True), None, {"reach": (1 - ROWS, 0)}),
    "boolean": (lambda: Attention(LOWER), None, {"reach": (1 - ROWS, 0)}),
    "added": (lambda: Attention(torch.randn(1, HEADS, ROWS, ROWS)), None, {"reach": None}),
    "kept": (Attention, True, {}),
    "dropped": (Padded, False, {}),
}
EXPORTS = [("causal", 17), ("boolean", 17), ("added", 17), ("kept", 17), ("causal", 23), ("dropped", 20)]


def export(model, arguments, path, opset):
    """By the TorchScript exporter at opset 17, by the newer one above."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    newer = {"dynamo": True, "external_data": False, "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        torch.onnx.export(
            model, arguments, str(path), opset_version=opset, **(newer if opset > 17 else {"dynamo": False})
        )


@pytest.mark.parametrize(("name", "opset"), EXPORTS)
def test_masked_attention_becomes_one_operator(name, opset, tmp_path):
    torch.manual_seed(0)
    build, keeps, wanted = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, ROWS, WIDTH)).astype(np.float32)
    padding = rng.random((16, ROWS)) < 0.5
    padding[:, 0] = bool(keeps)
    arrays = [x] if keeps is None else [x, padding]
    export(build().eval(), tuple(torch.from_numpy(a[:1]) for a in arrays), tmp_path / "m.onnx", opset)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    runs = [session.run(None, {n: a[k : k + 1] for n, a in zip(names, arrays, strict=True)})[0] for k in range(16)]
    expected = np.concatenate(runs)
    graph = emg_edge.load_onnx(tmp_path / "m.onnx")
    program = emg_edge.quantise(graph, dict(zip(graph.inputs, (a.astype(np.float32) for a in arrays), strict=True)))
    (op,) = [op for op in program.ops if op.kind == "attention"]
    assert len(op.inputs) == (3 if keeps is None else 4)
    assert all(getattr(op, key) == value for key, value in wanted.items())
    stored = {n: program.tensors[n].quantise(a.astype(np.float32)) for n, a in zip(program.inputs, arrays, strict=True)}
    out = program.tensors[program.outputs[0]]
    error = out.dequantise(run_reference(program, stored)[out.name]).reshape(expected.shape) - expected
    assert 10 * np.log10(np.square(expected).sum() / np.square(error).sum()) > 30
