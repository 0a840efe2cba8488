"""The scaling kernel against NumPy, compiled and as plain Python."""

import numpy as np
import pytest

import emg_dsp


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 7), (3, 2, 5), (2, 0)])
def test_scaling_equals_numpy(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    mean, std = np.array([0.3, -2.0]), np.array([0.7, 3.0])
    expected = (x - mean[:, None].astype(dtype)) / std[:, None].astype(dtype)
    np.testing.assert_array_equal(emg_dsp.Standardizer(mean, std).transform(x), expected, strict=True)
