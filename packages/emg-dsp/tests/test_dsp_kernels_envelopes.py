"""Kernels of the envelopes on small arrays; test_dsp_interpreted.py runs this file without compilation too."""

import dsp_oracles_envelopes as oracles
import numpy as np
import pytest

import emg_dsp


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "length"), [(5, 7), (4, 33)])
@pytest.mark.parametrize("name", oracles.MOVING)
def test_moving_average_equals_oracle(name, rows, length, dtype):
    x = np.random.default_rng(0).standard_normal((rows, 70)).astype(dtype)
    stage = oracles.MOVING[name].ours(length)
    np.testing.assert_allclose(stage(x), oracles.moving(name, x, length), rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(
        stage.centred(x), oracles.moving(name, x, length, length // 2), rtol=0, atol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_teager_kaiser_equals_oracle(dtype):
    x = np.random.default_rng(0).standard_normal((3, 20)).astype(dtype)
    np.testing.assert_allclose(emg_dsp.teager_kaiser(x), oracles.teager_kaiser(x), atol=20 * np.finfo(dtype).eps)


def test_majority_of_labels():
    track = [0, 0, 1, 1, 2, 2, 2, 0]
    assert emg_dsp.window_labels(track, 4, 2).tolist() == [1, 2, 2]
    assert emg_dsp.window_labels(track, 3, 4, pad="zero").tolist() == [0, 2]


def test_double_threshold_counts_pairs():
    x = np.array([[0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    stage = emg_dsp.DoubleThreshold([1.0], m=2, r0=1)
    expected = [[False, True, True, True, True, True, True, True, True]]
    np.testing.assert_array_equal(stage(x), expected)
    np.testing.assert_array_equal(stage.stream(1).push(x.astype(np.float64)), expected)
