"""Time stamps to a constant rate: equal to the line between neighbours, gaps told, nothing aliased."""

import dsp_oracles_resampling as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_dsp import EmgDspError, to_uniform

LAW = settings(derandomize=True, deadline=None, max_examples=30)


def jittered(samples, rate=1000.0, seed=0):
    return 12.5 + np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, samples)) / rate


@LAW
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.floats(1001, 5000))
def test_linear_equals_the_line_between_neighbours(seed, samples, rate):
    times = jittered(samples, 500.0, seed)
    x = np.random.default_rng(seed).standard_normal((2, samples))
    got = to_uniform(x, times, rate)
    grid = times[0] + np.arange(got.shape[1]) / rate
    assert grid[-1] <= times[-1] + 1e-9 < grid[-1] + 1 / rate + 2e-9
    np.testing.assert_allclose(got, oracles.line(x, times, grid), atol=1e-7)


def test_cubic_reproduces_cubics():
    times = jittered(200)
    cubic = np.polynomial.Polynomial([1.0, -2.0, 3.0, 0.5])
    got = to_uniform(cubic(times - 12.5)[None], times, 2000, method="cubic")
    grid = times[0] + np.arange(got.shape[1]) / 2000
    np.testing.assert_allclose(got[0], cubic(grid - 12.5), rtol=1e-9)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_uniform_stamps_give_the_signal_back(method):
    x = np.random.default_rng(0).standard_normal((3, 500)).astype(np.float32)
    got = to_uniform(x, np.arange(500) / 2000, 2000, method=method)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, x, atol=1e-6)


@pytest.mark.parametrize("method", ["linear", "cubic"])
@pytest.mark.parametrize("rate", [100.0, 333.0, 1000.0])
def test_a_lower_rate_is_free_of_aliases(rate, method):
    """Picking values off the line would fold 0.9 of the new rate to 0.1 of it."""
    times = np.arange(6000) / 2000 + 1.0
    fast, slow = 0.9 * rate, 0.1 * rate
    got = to_uniform(np.sin(2 * np.pi * np.array([[fast], [slow]]) * times), times, rate, method=method)
    grid = 1.0 + np.arange(got.shape[1]) / rate
    middle = slice(40, -40)
    assert np.abs(got[0, middle]).max() < 0.02
    np.testing.assert_allclose(got[1, middle], np.sin(2 * np.pi * slow * grid)[middle], atol=0.02)


@pytest.mark.parametrize("rate", [400.0, 4000.0])
def test_a_gap_is_named_or_masked(rate):
    times = jittered(1000)
    times[600:] += 0.3
    x = np.random.default_rng(0).standard_normal((2, 1000))
    with pytest.raises(
        EmgDspError, match=r"gap of 0.30\d* s between samples 599 and 600; required is at most max_gap="
    ):
        to_uniform(x, times, rate)
    bridged = to_uniform(x, times, rate, max_gap=1.0)
    assert np.isfinite(bridged).all()
    np.testing.assert_array_equal(to_uniform(x, times, rate, max_gap=float("inf")), bridged)
    masked = to_uniform(x, times, rate, gaps="nan")
    grid = times[0] + np.arange(masked.shape[1]) / rate
    inside = (grid > times[599]) & (grid < times[600])
    np.testing.assert_array_equal(np.isnan(masked), np.broadcast_to(inside, masked.shape))
    np.testing.assert_array_equal(masked[:, ~inside], bridged[:, ~inside])


def test_leading_axes_and_integers():
    times = jittered(50)
    x = np.random.default_rng(0).integers(-100, 100, (2, 3, 50), dtype=np.int16)
    got = to_uniform(x, times, 1500)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got[1, 2], to_uniform(x[1], times, 1500)[2])
    assert to_uniform(np.zeros((0, 50)), times, 1500).shape == (0, got.shape[-1])


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_samples_that_are_not_finite(method):
    times = jittered(50)
    x = np.ones((2, 50))
    x[1, 20] = np.inf
    with pytest.raises(EmgDspError, match="inf in channel 1 at sample 20"):
        to_uniform(x, times, 2000, method=method)
    got = to_uniform(x, times, 2000, method=method, nan="propagate")
    assert np.isfinite(got[0]).all()
    assert not np.isfinite(got[1]).all()
    x[0, 3] = np.nan
    assert not np.isfinite(to_uniform(x, times, 2000, method=method, nan="propagate")[0]).all()


T = np.arange(10) / 100
SHUFFLED = T[[0, 1, 2, 4, 3, 5, 6, 7, 8, 9]]
BAD = {
    "backward": ((SHUFFLED, 100), {}, r"do not increase: .*0.04.* s at sample 3, .*0.03.* s at the next.*Sort them"),
    "repeated": ((np.repeat(T, 2)[:10], 100), {}, r"do not increase: .* at sample 0"),
    "nan": ((np.where(T == 0.05, np.nan, T), 100), {}, r"timestamps have nan at sample 5; required are finite seconds"),
    "count": ((T[:9], 100), {}, r"timestamps have shape \(9,\) and dtype float64, x has 10 samples"),
    "kind": ((T.astype(str), 100), {}, r"timestamps have shape \(10,\) and dtype <U"),
    "rate": ((T, 0), {}, r"sfreq=0; required"),
    "method": ((T, 100), {"method": "sinc"}, r"method='sinc'; required is 'linear' or 'cubic'"),
    "gaps": ((T, 100), {"gaps": "fill"}, r"gaps='fill'; required is 'raise' or 'nan'"),
    "max gap": ((T, 100), {"max_gap": 0}, r"max_gap=0; required is a finite number above 0 s"),
    "policy": ((T, 100), {"nan": "x"}, r"nan='x'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_name_value_and_rule(case):
    arguments, options, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        to_uniform(np.zeros((1, 10)), *arguments, **options)


def test_two_samples_at_least():
    with pytest.raises(EmgDspError, match=r"x has 1 samples; .*two samples at least"):
        to_uniform(np.zeros((1, 1)), [0.0], 100)
