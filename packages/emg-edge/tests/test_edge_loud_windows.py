"""Recordings with a few windows far louder than the others: int16 where the rounding of int8 would drown the rest."""

from __future__ import annotations

import numpy as np
import pytest
from edge_onnx import Builder, save

from emg_edge import EmgEdgeError, QuantiseOptions, load_onnx, quantise, run_float
from emg_edge.program._program import run_reference
from emg_edge.quantiser._calibrate import KEPT, Sample


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Three linear layers with ReLU between them, no bias: loud windows stay loud to the end."""
    build, x = Builder(), "emg"
    for depth, outputs in ((48, 64), (64, 64), (64, 5)):
        x = build.op("MatMul", x, build.random(depth, outputs))
        x = build.op("Relu", x) if outputs > 5 else x
    return load_onnx(save(build.model(x, [1, 1, 48], [1, 1, 5]), tmp_path_factory.mktemp("loud") / "m.onnx"))


def windows(n, seed, spread):
    """Gaussian windows whose loudness is log-normal."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 1, 48)) * np.exp(spread * rng.normal(size=(n, 1, 1)))).astype(np.float32)


def read_in_int16(program):
    return [op.name for op in program.ops if op.kind == "linear" and program.tensors[op.inputs[0]].dtype == "int16"]


def usual_db(graph, program, x):
    """Median over windows of the ratio at the outputs."""
    (port,), (out,) = program.inputs, program.outputs
    stored = run_reference(program, {port: program.tensors[port].quantise(x)})[out]
    wanted = run_float(graph, x)[graph.outputs[0]].reshape(len(x), -1)
    noise = program.tensors[out].dequantise(stored).reshape(len(x), -1) - wanted
    return float(np.median(10 * np.log10(np.square(wanted).sum(1) / np.square(noise).sum(1))))


def test_loud_windows_widen_what_products_read_and_the_others_gain(graph):
    calibration, unseen = windows(256, 1, 1.5), windows(400, 2, 1.5)
    kept = quantise(graph, calibration, QuantiseOptions(int8_db=0.0))
    widened = quantise(graph, calibration)
    assert len(read_in_int16(widened)) > len(read_in_int16(kept))
    assert usual_db(graph, widened, unseen) > usual_db(graph, kept, unseen) + 6


def test_windows_of_one_loudness_stay_in_int8(graph):
    calibration = windows(256, 1, 0.0)
    as_it_was = quantise(graph, calibration, QuantiseOptions(int8_db=0.0))
    assert read_in_int16(quantise(graph, calibration)) == read_in_int16(as_it_was)


def test_the_usual_power_is_the_median_of_the_windows():
    sample = Sample()
    sample.add(np.array([[[1.0, -1.0]], [[2.0, 2.0]], [[100.0, 0.0]]]), KEPT, np.random.default_rng(0))
    assert sample.usual_power == 4.0


@pytest.mark.parametrize("bad", [-1.0, 121.0])
def test_the_threshold_is_a_ratio_in_decibel(bad):
    with pytest.raises(EmgEdgeError, match=r"int8_db=.* is not allowed"):
        QuantiseOptions(int8_db=bad)
