"""The integer front end of emg-edge against the float filters of emg-dsp, and a model of emg-models behind both."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import emg_dsp
import emg_edge
import emg_models
from emg_edge.frontend._declaration import KEY, read_declaration
from emg_edge.frontend._design import design_frontend
from emg_edge.frontend._state import FrontEndState

needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None and os.environ.get("CI") != "true", reason="gcc is not on PATH; install it"
)
RATES = (200.0, 1000.0, 2000.0, 2048.0, 4000.0)
CODES = emg_edge.RawInput(scale=1.0)


def pipelines(sfreq: float) -> dict[str, emg_dsp.Filter]:
    """Return the filters of real sEMG pipelines that make sense at a rate."""
    high = min(500.0, 0.45 * sfreq)
    found = {f"band-pass 20-{high:g} Hz, order {n}": emg_dsp.bandpass(20, high, sfreq, n) for n in (2, 3, 4)}
    found |= {f"notch {freq} Hz": emg_dsp.notch(freq, sfreq) for freq in (50, 60)}
    found |= {f"comb {freq} Hz": emg_dsp.comb(freq, sfreq) for freq in (50, 60)}
    found |= {f"envelope 5 Hz, order {n}": emg_dsp.lowpass(5, sfreq, n) for n in (2, 4)}
    found["high-pass 10 Hz"] = emg_dsp.highpass(10, sfreq)
    found["DC block"] = emg_dsp.dc_block(sfreq)
    found["all"] = found[f"band-pass 20-{high:g} Hz, order 4"] + found["comb 50 Hz"]
    return found


def declared(cascade: emg_dsp.Filter, n_chans: int) -> dict:
    return {
        "sfreq": cascade.sfreq,
        "unit": "code",
        "channels": [f"ch{i}" for i in range(n_chans)],
        "resample": None,
        "filter": {"kind": "sos", "causal": True, "sos": cascade.sos.tolist()},
        "normalisation": None,
        "window": {"length": 2, "hop": 2, "unit": "samples"},
    }


def front_of(cascade: emg_dsp.Filter, n_chans: int) -> emg_edge.FrontEnd:
    """Return a front end that does nothing but filter, onto a grid of one code."""
    tensor = emg_edge.Tensor(name="emg", shape=(n_chans, 2), dtype="int16", scale=1.0)
    return design_frontend(read_declaration({KEY: json.dumps(declared(cascade, n_chans))}), CODES, tensor)


def check_filter(cascade: emg_dsp.Filter, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Check the integer filter against the float one; return the SQNR in dB and the error's RMS by channel in codes."""
    front = front_of(cascade, len(codes))
    trace = FrontEndState(front).push(codes, trace=True).trace
    exact = cascade(codes.astype(np.float64))
    bound = front.facts["noise"] + front.facts["drift"]
    bits = np.log2(front.mul[0] / 2.0**front.shift)  # a step of the last node, in codes
    found = trace[f"section {front.n_sections - 1}"] * 2.0**bits
    error = np.abs(found - exact)
    assert error.max() <= bound, cascade
    assert np.abs(trace["scaled"] - np.clip(exact, -32768, 32767)).max() <= 0.5 + bound
    return float(10 * np.log10((exact**2).mean() / (error**2).mean())), np.sqrt((error**2).mean(axis=1))


@pytest.mark.parametrize("sfreq", RATES)
def test_integer_filters_keep_60_db_and_their_bound(sfreq):
    rng = np.random.default_rng(0)
    time = np.arange(8000) / sfreq
    codes = rng.normal(0, 300, (5, 8000)) * (1 + np.sin(2 * np.pi * time)) + 200 * np.sin(2 * np.pi * 50 * time)
    codes[1] += 2050  # the offset of a 12-bit converter
    codes[2] /= 30  # rest: some codes
    codes[3] = np.where(np.arange(8000) // 97 % 2, -32768, 32767)
    codes[4] = np.abs(codes[0])
    codes = np.clip(codes, -32768, 32767).astype(np.int16)
    for name, cascade in pipelines(sfreq).items():
        sqnr, rms = check_filter(cascade, codes[:3])
        assert sqnr >= 80, (name, sqnr)
        assert rms.max() < 0.03, (name, rms)  # a converter's own rounding has an RMS of 0.29
        check_filter(cascade, codes[3:])


@pytest.mark.real
def test_real_recordings_keep_60_db():
    if "EMG_DATA" not in os.environ:
        pytest.skip("EMG_DATA is not set: real recordings are not filtered")
    data = Path(os.environ["EMG_DATA"])
    recordings = {
        1000.0: np.loadtxt(data / "biosppy_emg" / "emg.txt", comments="#")[None, :20000],
        200.0: np.fromfile(next((data / "myo_armband_dataset").rglob("classe_3.dat")), "<i2").reshape(-1, 8).T,
    }
    for sfreq, codes in recordings.items():
        for name, cascade in pipelines(sfreq).items():
            assert check_filter(cascade, codes.astype(np.int16))[0] >= 60, (sfreq, name)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """A small classifier that declares a causal pipeline at 200 Hz, compiled with its front end; codes and windows."""
    torch.manual_seed(0)
    model = emg_models.create_model(
        "tinyissimomyo", task="classification", n_chans=8, n_times=100, n_outputs=6, sfreq=200.0, n_blocks=1
    ).eval()
    cascade = emg_dsp.bandpass(20, 90, 200.0, 4) + emg_dsp.notch(50, 200.0)
    rng = np.random.default_rng(1)
    codes = np.clip(rng.normal(0, 1, (8, 1200)) * rng.uniform(20, 60, (8, 1)) + 3, -128, 127).astype(np.int16)
    clean = cascade(codes.astype(np.float64))
    scaler = emg_dsp.Standardizer.fit(clean)
    windows = np.stack([scaler.transform(clean)[:, end - 100 : end] for end in range(100, 1201, 40)])
    record = {
        **declared(cascade, 8),
        "normalisation": {"kind": "zscore", "mean": scaler.mean.tolist(), "std": scaler.std.tolist()},
        "window": {"length": 100, "hop": 40, "unit": "samples"},
    }
    out = tmp_path_factory.mktemp("streamed")
    labels = [f"gesture {index}" for index in range(6)]
    path = emg_models.export_onnx(model, out / "model.onnx", preprocessing=record, labels=labels)
    compiled = emg_edge.compile_model(path, windows.astype(np.float32), target="gap9", out=out / "c", raw=CODES)
    return compiled, codes, windows


def test_the_network_reads_what_the_float_pipeline_computes(streamed):
    compiled, codes, windows = streamed
    found = FrontEndState(compiled.front).push(codes)
    assert found.sample.tolist() == [99 + 40 * index for index in range(len(windows))]
    tensor = compiled.program.tensors[compiled.program.inputs[0]]
    steps = np.clip(windows / tensor.scale + tensor.zero_point, -128 if tensor.dtype == "int8" else -32768, None)
    high = 127 if tensor.dtype == "int8" else 32767
    error = np.abs(found.x.reshape(windows.shape) - np.minimum(steps, high))
    std = json.loads(compiled.program.metadata[KEY])["normalisation"]["std"]
    code = 1 / (min(std) * tensor.scale)  # steps of one code
    assert error.max() < 0.51 + (compiled.front.facts["noise"] + compiled.front.facts["drift"]) * code


@needs_gcc
def test_push_gives_the_events_of_the_reference(streamed):
    compiled, codes, windows = streamed
    with compiled.stream("c") as live:
        found = [event for part in np.split(codes, [1, 100, 777], axis=1) for event in live.push(part)]
    wanted = compiled.stream("reference").push(codes)
    assert [event.sample for event in found] == [event.sample for event in wanted]
    name = compiled.program.outputs[0]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.outputs[name], other.outputs[name])
        assert one.label == other.label == int(other.outputs[name].argmax())
    batch = compiled.run(windows, backend="c")
    agree = np.mean([event.label == row.argmax() for event, row in zip(found, batch, strict=True)])
    assert agree >= 0.9
