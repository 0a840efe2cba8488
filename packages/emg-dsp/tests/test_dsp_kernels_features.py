"""Kernels of the time-domain features on tiny arrays, with and without compilation."""

import dsp_oracles
import dsp_oracles_features as oracles
import numpy as np
import pytest

from emg_dsp import features, windows

NAMES = ["MAV", "MAV1", "MEAN", "RMS", "VAR", "KURT", "TM5", "WL", "COMP", "WLF", "MPK", "MSR"]
COUNTS = ["ZC", "SSC", "ZC(threshold=2)", "SSC(threshold=2)", "WAMP(threshold=2)", "MYOP(threshold=2)"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("length", "hop"), [(20, 8), (1, 1), (2, 3), (33, 40)])
def test_features_equal_oracle(length, hop, dtype):
    x = np.round(dsp_oracles.emg(2, 60) * 2, 1).astype(dtype) - dtype(0.5)
    w = windows(x, length, hop)
    got = features(w, [*NAMES, *COUNTS], 1000)
    np.testing.assert_allclose(got, oracles.features(w, [*NAMES, *COUNTS]), rtol=1e-5, atol=1e-6)


def test_zeros_and_gaps():
    x = np.array([[1.0, 0, 0, -1, 0, 0, 0, 2, -2, 0, 0, 0, 0, 0, 3, np.nan]])
    for length, hop in ((5, 1), (4, 2), (3, 6), (2, 7)):
        w = windows(x[:, :15], length, hop)
        np.testing.assert_array_equal(features(w, ["ZC", "SSC"], 1000), oracles.features(w, ["ZC", "SSC"]))
    assert np.isnan(features(x, ["MPK"], 1000, nan="propagate")).all()
