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


def slow_running(x, weight):
    """Weighted mean and variance up to every sample, written out."""
    out = np.empty(x.shape)
    for r, row in enumerate(x.astype(np.float64)):
        weights = np.zeros(0)
        for t in range(len(row)):
            share = max(weight, 1 / (t + 1))
            weights = np.append(weights * (1 - share), share)
            centre = weights @ row[: t + 1]
            width = np.sqrt(weights @ (row[: t + 1] - centre) ** 2)
            out[r, t] = (row[t] - centre) / (width if width > 1e-12 * abs(centre) else 1)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_scaling_equals_weights_written_out(dtype):
    x = np.random.default_rng(0).standard_normal((2, 60)).astype(dtype)
    x[0] += 3
    stage = emg_dsp.RunningStandardizer(0.01, 1000)
    got = stage(x)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got, slow_running(x, stage.weight), rtol=1e-5 if dtype == np.float32 else 1e-9, atol=1e-6
    )
