"""Kernels of entropies and models on tiny windows; test_dsp_interpreted.py runs this file without compilation too."""

import dsp_oracles
import dsp_oracles_entropy
import dsp_oracles_features
import numpy as np
import pytest

from emg_dsp import features
from emg_dsp._features.entropy_fuzzy import power_of_two
from emg_dsp._features.entropy_matches import COLUMNS, ones
from emg_dsp._features.sorting import sort_with_order

TOLERANCE = {"FUZZYEN": 1e-5}


@pytest.mark.parametrize("name", [*dsp_oracles_entropy.FEATURES, *dsp_oracles_entropy.ACROSS])
def test_equals_oracle(name):
    x = dsp_oracles.emg(2, 26, seed=3).astype(np.float64)
    tolerance = TOLERANCE.get(name.partition("(")[0], 1e-9)
    expected = dsp_oracles_features.features(x, [name])
    np.testing.assert_allclose(features(x, [name], 1000), expected, rtol=tolerance, atol=tolerance)


def test_templates_beyond_one_pass_over_the_bits():
    x = dsp_oracles.emg(1, COLUMNS + 70, seed=5)
    names = ["SAMPEN(m=1)", "APEN"]
    got = features(x.astype(np.float64), names, 1000)[0]
    x = x[0].astype(np.float64)
    expected = [dsp_oracles_entropy.sample_entropy(x, 1), dsp_oracles_entropy.approximate_entropy(x)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["AFB(width=0.005)", "AR", "HIST", "LS", "MTW", "SAMPEN", "FUZZYEN"])
@pytest.mark.parametrize("x", [np.ones(9), np.arange(9.0)], ids=["flat", "rising"])
def test_windows_without_noise(name, x):
    expected = dsp_oracles_features.features(x[None, :], [name])
    np.testing.assert_allclose(features(x[None, :], [name], 1000), expected, rtol=1e-5, atol=1e-12)


def test_ones_counts_bits():
    assert [int(ones(np.uint64(word))) for word in (0, 1, 0b1011, 2**64 - 1)] == [0, 1, 3, 64]


@pytest.mark.parametrize("shape", ["even", "crowded", "flat", "tied", "tiny"])
def test_sorting(shape):
    x = np.random.default_rng(0).standard_normal(60)
    x = {
        "even": x,
        "crowded": np.append(x, [1e300, -5e299]),
        "flat": np.full(60, 3.0),
        "tied": np.round(x),
        "tiny": x * 5e-324,
    }[shape]
    values, order, places = np.empty(len(x)), np.empty(len(x), np.int64), np.empty(2 * len(x) + 1, np.int64)
    sort_with_order(x, values, order, places)
    np.testing.assert_array_equal(values, np.sort(x))
    np.testing.assert_array_equal(x[order], values)
    assert sorted(order.tolist()) == list(range(len(x)))


def test_power_of_two():
    t = -np.concatenate([np.linspace(0, 126, 800), [0.5, 1, 1.5, 200, 1e30]]).astype(np.float32)
    got = np.array([power_of_two(v) for v in t], dtype=np.float64)
    np.testing.assert_allclose(got, 2.0 ** np.maximum(t.astype(np.float64), -126), rtol=3e-7)
