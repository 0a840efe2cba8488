"""Every kernel against its oracle on small arrays; test_dsp_interpreted.py runs this file without compilation too."""

import dsp_oracles
import dsp_oracles_features
import numpy as np
import pytest
from scipy import signal

import emg_dsp


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 16, 19])
@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_filter_equals_scipy(operation, rows, dtype):
    design, run = dsp_oracles.DESIGNS["bandpass+notch"], dsp_oracles.OPERATIONS[operation]
    x = dsp_oracles.emg(rows, 77).astype(dtype)
    got = run.ours(design.ours(), x)
    assert got.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    assert dsp_oracles.relative_error(got, run.oracle(design.sos(), x)) < tolerance


@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_full_tiles_of_all_lanes_and_several_blocks_equal_scipy(operation):
    design, run = dsp_oracles.DESIGNS["dc-block"], dsp_oracles.OPERATIONS[operation]
    x = dsp_oracles.emg(6, 1100)
    assert dsp_oracles.relative_error(run.ours(design.ours(), x), run.oracle(design.sos(), x)) < 1e-6


@pytest.mark.parametrize("rule", ["odd", "even", "constant", None])
def test_edges_equal_scipy(rule):
    design = dsp_oracles.DESIGNS["notch"]
    x = dsp_oracles.emg(2, 20).astype(np.float64)
    expected = signal.sosfiltfilt(design.sos(), x, padtype=rule)
    np.testing.assert_allclose(design.ours().zero_phase(x, rule), expected, atol=1e-12)


def test_stream_equals_batch():
    filter_ = dsp_oracles.DESIGNS["bandpass+notch"].ours()
    x = dsp_oracles.emg(3, 50)
    stream = filter_.stream(3)
    chunks = [stream.push(x[:, start:stop]) for start, stop in [(0, 1), (1, 1), (1, 18), (18, 34), (34, 50)]]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), filter_(x))


@pytest.mark.parametrize("names", [["RMS"], ["RMS", "MAV", "WL", "ZC", "SSC"]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_equal_oracle(names, dtype):
    x = np.round(dsp_oracles.emg(2, 60), 1).astype(dtype) - dtype(0.5)
    w = emg_dsp.windows(x, 20, 8)
    got = emg_dsp.features(w, names, sfreq=1000)
    assert got.shape == (6, 2, len(names))
    np.testing.assert_allclose(got, dsp_oracles_features.features(w, names), rtol=1e-6)
