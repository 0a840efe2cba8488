"""Laws that hold for every input: linearity, time invariance, scale, and streams that equal the batch."""

import itertools

import dsp_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import emg_dsp

LAW = settings(derandomize=True, deadline=None, max_examples=40)
FILTERS = {name: design.ours() for name, design in dsp_oracles.DESIGNS.items()}
values = st.floats(-1e3, 1e3, allow_nan=False, width=32)
signals = arrays.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(0, 120)), elements=values)
seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(sorted(FILTERS))


def noise(seed, channels=3, samples=200):
    return np.random.default_rng(seed).standard_normal((channels, samples))


@LAW
@given(names, signals)
def test_causal_equals_scipy_for_any_shape(name, x):
    if x.shape[1] == 0:  # scipy refuses empty signals
        assert FILTERS[name](x).shape == x.shape
        return
    expected = dsp_oracles.OPERATIONS["causal"].oracle(FILTERS[name].sos, x)
    np.testing.assert_allclose(FILTERS[name](x), expected, rtol=1e-9, atol=1e-9)


@LAW
@given(names, seeds, st.floats(-100, 100), st.sampled_from(["causal", "zero_phase"]))
def test_linearity(name, seed, factor, operation):
    def apply(x):
        return dsp_oracles.OPERATIONS[operation].ours(FILTERS[name], x)

    x, y = noise(seed), noise(seed + 1)
    np.testing.assert_allclose(apply(factor * x + y), factor * apply(x) + apply(y), atol=1e-8 * (1 + abs(factor)))


@LAW
@given(names, seeds, st.integers(0, 100))
def test_time_invariance_is_exact(name, seed, delay):
    x = noise(seed)
    later = np.concatenate([np.zeros((3, delay)), x], axis=1)
    np.testing.assert_array_equal(FILTERS[name](later)[:, delay:], FILTERS[name](x))


@pytest.mark.parametrize("name", ["bandpass", "highpass-odd"])
def test_zero_phase_response_to_an_impulse_is_even_in_time(name):
    x = np.zeros((2, 8001))
    x[:, 4000] = 1
    y = FILTERS[name].zero_phase(x)
    np.testing.assert_allclose(y[:, ::-1], y, atol=1e-12)


@LAW
@given(names, signals, st.lists(st.integers(0, 40), max_size=20), st.sampled_from([np.float32, np.float64]))
def test_stream_equals_batch_for_any_chunking(name, x, sizes, dtype):
    x = x.astype(dtype)
    stream = FILTERS[name].stream(x.shape[0])
    cuts = [0, *np.minimum(np.cumsum(sizes, dtype=int), x.shape[1]), x.shape[1]]
    parts = [stream.push(x[:, int(a) : int(b)]) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), FILTERS[name](x))


@LAW
@given(seeds, st.integers(-20, 20))
def test_cascade_order_changes_only_rounding(seed, exponent):
    first, second = emg_dsp.bandpass(20, 450, 2048), emg_dsp.notch(50, 2048)
    x = noise(seed) * 2.0**exponent
    np.testing.assert_allclose((first + second)(x), second(first(x)), rtol=1e-9, atol=1e-12 * 2.0**exponent)
    np.testing.assert_allclose((first + second)(x), (second + first)(x), atol=1e-9 * 2.0**exponent)


@pytest.mark.parametrize("hop", [1, 7, 20, 33])
def test_windows_that_do_not_overlap_partition_the_signal(hop):
    x = noise(0)
    w = emg_dsp.windows(x, hop, hop)
    np.testing.assert_array_equal(np.moveaxis(w, 0, 1).reshape(3, -1), x[:, : len(w) * hop])
