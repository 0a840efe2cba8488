"""Streams: any chunking gives the batch result bit for bit; state can be saved, restored, forked and reset."""

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

from emg_dsp import EmgDspError, Stream

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"].ours()
X = dsp_oracles.emg(18, 2_000)


@pytest.mark.parametrize("size", [1, 2, 7, 16, 64, 1999, 2000])
def test_chunk_size_changes_no_bit(size):
    stream = CLEAN.stream(18)
    parts = [stream.push(X[:, start : start + size]) for start in range(0, 2_000, size)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), CLEAN(X))
    assert stream.n_seen == 2_000
    assert stream.n_chans == 18
    assert stream.filter is CLEAN


def test_state_is_that_of_scipy():
    stream = CLEAN.stream(18)
    stream.push(X.astype(np.float64))
    _, expected = signal.sosfilt(CLEAN.sos, X.astype(np.float64), zi=np.zeros((5, 18, 2)))
    np.testing.assert_allclose(stream.state, expected, rtol=1e-9, atol=1e-12)


def test_saved_state_continues_in_another_stream():
    first, second = CLEAN.stream(18), CLEAN.stream(18)
    first.push(X[:, :777])
    second.state = first.state
    np.testing.assert_array_equal(second.push(X[:, 777:]), CLEAN(X)[:, 777:])


def test_fork_is_independent_and_reset_returns_to_rest():
    stream = CLEAN.stream(18)
    stream.push(X[:, :500])
    twin = stream.fork()
    twin.push(-X[:, :100])
    assert (stream.n_seen, twin.n_seen) == (500, 600)
    np.testing.assert_array_equal(stream.push(X[:, 500:]), CLEAN(X)[:, 500:])
    stream.reset()
    assert stream.n_seen == 0
    assert not stream.state.any()
    np.testing.assert_array_equal(stream.push(X), CLEAN(X))
    assert repr(stream).endswith("n_chans=18, n_seen=2000)")


def test_the_state_handed_out_is_a_copy():
    stream = CLEAN.stream(18)
    stream.push(X[:, :10])
    stream.state[:] = 0
    assert stream.state.any()


def test_a_bad_chunk_is_named_by_its_place_in_the_stream_and_leaves_no_trace():
    stream = CLEAN.stream(18)
    stream.push(X[:, :100])
    bad = X[:, 100:200].copy()
    bad[3, 4] = np.nan
    with pytest.raises(EmgDspError, match="in channel 3 at sample 104"):
        stream.push(bad)
    np.testing.assert_array_equal(stream.push(X[:, 100:]), CLEAN(X)[:, 100:])


def test_propagate_keeps_the_other_channels():
    stream = CLEAN.stream(2, nan="propagate")
    stream.push(np.array([[np.nan], [1.0]]))
    out = stream.push(np.ones((2, 5)))
    assert np.isnan(out[0]).all()
    assert np.isfinite(out[1]).all()
    stream.state = stream.state


def test_bad_arguments_are_named():
    with pytest.raises(EmgDspError, match="n_chans=0; required is a whole number of at least 1"):
        CLEAN.stream(0)
    with pytest.raises(EmgDspError, match="nan='drop'"):
        Stream(CLEAN, 1, nan="drop")
    stream = CLEAN.stream(2)
    for shape in [(3, 5), (1, 2, 5), (5, 2)]:
        with pytest.raises(EmgDspError, match=r"chunk has shape .*; required is \(2, n\)"):
            stream.push(np.zeros(shape))
    with pytest.raises(EmgDspError, match=r"state has shape \(5, 3, 2\); required is \(5, 2, 2\)"):
        stream.state = np.zeros((5, 3, 2))
    with pytest.raises(EmgDspError, match="state is not finite"):
        stream.state = np.full((5, 2, 2), np.nan)
