"""Kernels of spectra and wavelets on tiny arrays; test_dsp_interpreted.py runs this file without compilation too."""

import dsp_oracles
import dsp_oracles_features
import dsp_oracles_spectra
import numpy as np
import pytest

import emg_dsp
from emg_dsp import features, windows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_spectrogram(dtype):
    x = dsp_oracles.emg(2, 96).astype(dtype)
    np.testing.assert_allclose(emg_dsp.log_spectrogram(x), dsp_oracles_spectra.log_spectrogram(x), atol=2e-5)


@pytest.mark.parametrize("detrend", [True, False])
def test_power_spectrum(detrend):
    x = dsp_oracles.emg(1, 60)
    got = emg_dsp.power_spectrum(x, 1000, 0.02, detrend=detrend)[1]
    np.testing.assert_allclose(got, dsp_oracles_spectra.density(x, 1000, 20, 10, detrend=detrend), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features(dtype):
    w = windows(dsp_oracles.emg(2, 40).astype(dtype), 21, 10)
    names = ["MDF", "MDF(interpolate=1)", "MNF", "DFTR", "WENG(level=3)", "WV", "WWL", "WENT"]
    np.testing.assert_allclose(features(w, names, 200), dsp_oracles_features.features(w, names, 200), rtol=1e-5)


def test_silence():
    assert np.isnan(features(np.zeros((1, 8)), ["MDF"], 100)).all()
    assert not features(np.zeros((1, 8)), ["WENT"], 100).any()
