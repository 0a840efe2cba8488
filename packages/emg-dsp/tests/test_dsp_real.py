"""On a real recording: equal to scipy, and the same chunk by chunk."""

import os
from pathlib import Path

import dsp_oracles
import dsp_oracles_features
import numpy as np
import pytest

import emg_dsp

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def counts():
    """BioSPPy's example, one channel at 1000 Hz, 12-bit counts (1, time)."""
    folder = os.environ.get("EMG_DATA")
    if not folder:
        pytest.skip("EMG_DATA is not set")
    return np.loadtxt(Path(folder) / "biosppy_emg" / "emg.txt", comments="#", dtype=np.float64)[None, :].astype(
        np.int16
    )


@pytest.fixture(scope="module")
def clean():
    return emg_dsp.bandpass(20, 450, 1000) + emg_dsp.notch(50, 1000)


@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_recording_filtered_as_scipy_does(counts, clean, operation):
    assert counts.shape == (1, 100_000)
    run = dsp_oracles.OPERATIONS[operation]
    assert dsp_oracles.relative_error(run.ours(clean, counts), run.oracle(clean.sos, counts)) < 1e-6


@pytest.mark.parametrize("size", [1, 20, 999])
def test_recording_streamed_equals_batch(counts, clean, size):
    part = counts[:, :20_000]
    stream = clean.stream(1)
    chunks = [stream.push(part[:, start : start + size]) for start in range(0, part.shape[1], size)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), clean(part))


def test_features_of_the_recording_equal_the_oracle(counts, clean):
    w = emg_dsp.windows(clean(counts)[:, :20_000], 0.2, 0.05, sfreq=1000)
    names = sorted({emg_dsp.describe_feature(name)["same_as"] for name in emg_dsp.feature_names()})
    np.testing.assert_allclose(emg_dsp.features(w, names, 1000), dsp_oracles_features.features(w, names), rtol=1e-6)
