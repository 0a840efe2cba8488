"""Many models of one operator: the graph equals onnxruntime, and the integers come as close as a case says."""

from __future__ import annotations

import edge_forged_moves
import numpy as np
import onnx
import onnxruntime
import pytest
from edge_forged import CASES, build, windows

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
    case = MODELS[name]
    model, x = build(case), windows(case)
    onnx.save(model, tmp_path / "m.onnx")
    wanted = truth(model, x)
    graph = canonicalise(load_onnx(tmp_path / "m.onnx"))
    if case.kinds is not None:
        assert tuple(node.op for node in graph.nodes) == case.kinds
    found = run_float(graph, x)
    program = quantise(graph, x)
    stored = run_reference(program, {n: program.tensors[n].quantise(x) for n in program.inputs})
    for port, output in enumerate(graph.outputs):
        scale = np.abs(wanted[port]).max()
        np.testing.assert_allclose(found[output].reshape(len(x), -1), wanted[port], atol=2e-5 * scale, rtol=1e-4)
        whole = program.tensors[output].dequantise(stored[output]).reshape(len(x), -1)
        error = np.square(wanted[port] - whole).sum() / np.square(wanted[port]).sum()
        assert -10 * np.log10(max(error, 1e-30)) >= case.sqnr, f"{-10 * np.log10(error):.1f} dB"
