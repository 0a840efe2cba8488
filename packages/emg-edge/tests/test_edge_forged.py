"""Many models of one operator: the graph equals onnxruntime, and the integers come as close as a case says."""

from __future__ import annotations

import edge_forged_moves
import numpy as np
import onnx
import onnxruntime
import pytest
from edge_forged import CASES, build, case, windows

from emg_edge.graph._float import run_float
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.program._program import run_reference
from emg_edge.quantiser._quantise import quantise

MODELS = {**CASES, **edge_forged_moves.CASES}


def truth(model, x):
    """What onnxruntime computes, by output, one sample at a time."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"x": sample[None]}) for sample in x]
    return [np.stack([row[port] for row in rows]).reshape(len(x), -1) for port in range(len(rows[0]))]


@pytest.mark.parametrize("name", MODELS)
def test_forged_model(name, tmp_path):
    forged = MODELS[name]
    model, x = build(forged), windows(forged)
    onnx.save(model, tmp_path / "m.onnx")
    wanted = truth(model, x)
    graph = canonicalise(load_onnx(tmp_path / "m.onnx"))
    if forged.kinds is not None:
        assert tuple(node.op for node in graph.nodes) == forged.kinds
    found = run_float(graph, x)
    program = quantise(graph, x)
    stored = run_reference(program, {n: program.tensors[n].quantise(x) for n in program.inputs})
    for port, output in enumerate(graph.outputs):
        scale = np.abs(wanted[port]).max()
        np.testing.assert_allclose(found[output].reshape(len(x), -1), wanted[port], atol=2e-5 * scale, rtol=1e-4)
        whole = program.tensors[output].dequantise(stored[output]).reshape(len(x), -1)
        error = np.square(wanted[port] - whole).sum() / np.square(wanted[port]).sum()
        assert -10 * np.log10(max(error, 1e-30)) >= forged.sqnr, f"{-10 * np.log10(error):.1f} dB"


def test_a_loud_channel_among_eight_counts(tmp_path):
    """Values are thinned before a grid is searched; channels lie last, so a step of 2 would see every other one."""
    rng = np.random.default_rng(0)
    weight = (rng.normal(size=(20, 8)) * np.array([1, 1, 1, 1, 1, 1, 1, 6.0])).astype(np.float32)
    model = build(case(("MatMul", ["x", weight], {}), ("Elu", ["v0"], {}), shape=(1, 24, 20), kinds=("linear",)))
    onnx.save(model, tmp_path / "m.onnx")
    x = rng.normal(size=(32, 24, 20)).astype(np.float32)
    program = quantise(canonicalise(load_onnx(tmp_path / "m.onnx")), x)
    stored = run_reference(program, {n: program.tensors[n].quantise(x) for n in program.inputs})
    (output,) = program.outputs
    wanted, found = truth(model, x)[0], program.tensors[output].dequantise(stored[output]).reshape(32, -1)
    assert np.square(wanted - found).sum() < 1e-3 * np.square(wanted).sum()
