"""Streams: types fixed before the loop, memory handed out and taken back, and the messages of bad input."""

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, Stream
from emg_dsp._stages import Run, checked_state

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"].ours()
X = dsp_oracles.emg(18, 2_000)


@pytest.mark.parametrize("size", [1, 2, 7, 16, 64, 1999, 2000])
def test_chunk_size_changes_no_bit(size):
    stream = CLEAN.stream(18)
    parts = [stream.push(X[:, start : start + size]) for start in range(0, 2_000, size)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), CLEAN(X))
    assert (stream.n_seen, stream.n_chans, stream.n_chans_out) == (2_000, 18, 18)
    assert stream.stage is CLEAN


def test_peer_defect_the_newest_samples_depend_on_what_comes_later():
    """LibEMG 2.0.3 filters its whole buffer with filtfilt at every poll: what it gave before changes afterwards."""
    stream, ring = CLEAN.stream(18), emg_dsp.RingBuffer(18, 500)
    polls = []
    for start in range(0, 2_000, 100):
        ring.push(stream.push(X[:, start : start + 100]))
        polls.append((start + 100, ring.latest()))
    whole = CLEAN(X)
    for end, seen in polls:
        np.testing.assert_array_equal(seen, whole[:, max(0, end - 500) : end])


def test_state_is_that_of_scipy():
    stream = CLEAN.stream(18)
    stream.push(X.astype(np.float64))
    _, expected = signal.sosfilt(CLEAN.sos, X.astype(np.float64), zi=np.zeros((5, 18, 2)))
    np.testing.assert_allclose(stream.state["arrays"]["sections"], expected, rtol=1e-9, atol=1e-12)


def test_the_state_handed_out_is_a_copy():
    stream = CLEAN.stream(18)
    stream.push(X[:, :10])
    stream.state["arrays"]["sections"][:] = 0
    assert stream.state["arrays"]["sections"].any()


def test_reset_returns_to_rest_and_the_repr_says_where_a_stream_stands():
    stream = CLEAN.stream(18)
    stream.push(X.astype(np.float64))
    assert repr(stream).endswith("at 2048 Hz), n_chans=18, n_seen=2000)")
    stream.reset()
    assert (stream.n_seen, stream.dtype) == (0, None)
    assert not stream.state["arrays"]["sections"].any()
    np.testing.assert_array_equal(stream.push(X), CLEAN(X), strict=True)


TYPES = {
    "float32": ("float32", ["float32", "float16", "int8", "int16", ">f4"], ["float64", "int32", "uint64"]),
    "int16": ("float32", ["float32", "uint8", "int16"], ["float64", "int32"]),
    "int32": ("float32", ["float32", "int16", "int64", "uint32"], ["float64"]),
    "float64": ("float64", ["float64", "float32", "int64", ">f8"], []),
}


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("dtype", TYPES)
def test_the_first_chunk_or_the_argument_fixes_the_types(dtype, explicit):
    result, welcome, refused = TYPES[dtype]
    x = (X * 10).round()
    stream = CLEAN.stream(18, dtype=dtype if explicit else None)
    assert stream.dtype == (np.dtype(dtype) if explicit else None)
    stream.push(np.abs(x[:, :10]).astype(dtype))
    assert stream.dtype == np.dtype(dtype)
    for other in welcome:
        assert stream.push(np.abs(x[:, :10]).astype(other)).dtype == result
    for other in refused:
        with pytest.raises(EmgDspError, match=f"chunk has dtype {other}; this stream is of {dtype}, which would round"):
            stream.push(np.abs(x[:, :10]).astype(other))
    stream.reset()
    assert stream.dtype == (np.dtype(dtype) if explicit else None)


def test_an_empty_first_chunk_and_a_refused_one():
    stream = CLEAN.stream(18)
    with pytest.raises(EmgDspError, match="nan in channel 0 at sample 0"):
        stream.push(np.full((18, 1), np.nan))
    assert stream.dtype is None
    assert stream.push(np.zeros((18, 0), dtype=np.float32)).shape == (18, 0)
    assert stream.dtype == np.float32


def test_a_view_is_read_only_and_holds_until_the_next_push():
    stream = CLEAN.stream(18)
    first = stream.push(X[:, :8], copy=False)
    kept = first.copy()
    with pytest.raises(ValueError, match="read-only"):
        first[:] = 0
    second = stream.push(X[:, 8:16], copy=False)
    assert np.shares_memory(first, second)
    np.testing.assert_array_equal(np.concatenate([kept, second], axis=1), CLEAN(X[:, :16]))
    again = stream.push(X[:, 16:20])
    assert again.flags.owndata
    assert again.flags.writeable


def test_views_of_wide_integers_are_rounded_into_memory_of_their_own():
    x = (X * 1e6).astype(np.int32)
    stream = CLEAN.stream(18)
    views = [stream.push(x[:, start : start + 500], copy=False).copy() for start in range(0, 2_000, 500)]
    np.testing.assert_array_equal(np.concatenate(views, axis=1), CLEAN(x), strict=True)


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
    stream.state = stream.state
    out = stream.push(np.ones((2, 5)))
    assert np.isnan(out[0]).all()
    assert np.isfinite(out[1]).all()


def test_bad_arguments_are_named():
    with pytest.raises(EmgDspError, match="n_chans=0; required is a whole number of at least 1"):
        CLEAN.stream(0)
    with pytest.raises(EmgDspError, match="nan='drop'"):
        Stream(CLEAN, 1, nan="drop")
    with pytest.raises(EmgDspError, match=r"stage=\[\]; required is a Stage"):
        Stream([], 1)
    for dtype in ("complex64", "float128", "words", object):
        with pytest.raises(EmgDspError, match=r"dtype=.*; required are integers or floats of at most 64 bits"):
            CLEAN.stream(1, dtype=dtype)
    stream = CLEAN.stream(2)
    for shape in [(3, 5), (1, 2, 5), (5, 2)]:
        with pytest.raises(EmgDspError, match=r"chunk has shape .*; required is \(2, n\)"):
            stream.push(np.zeros(shape))


def test_bad_states_are_named():
    stream = CLEAN.stream(2)
    state = stream.state
    wrong = {
        r"state of a filter: sections has shape \(5, 3, 2\) and type float64; required are \(5, 2, 2\)": {
            "arrays": {"sections": np.zeros((5, 3, 2))}
        },
        r"state of a filter has the arrays \[\]; required are \['sections'\]": {"arrays": {}},
        "n_seen=-1; required is a whole number of at least 0": {"n_seen": -1},
        "dtype='word'; required are integers": {"dtype": "word"},
        "arrays=7; required is a mapping": {"arrays": 7},
    }
    for message, change in wrong.items():
        with pytest.raises(EmgDspError, match=message):
            stream.state = {**state, **change}
    with pytest.raises(EmgDspError, match=r"state has the keys \['n_seen'\]; required are \['arrays'"):
        stream.state = {"n_seen": 1}
    single = CLEAN.stream(2, dtype="float32")
    with pytest.raises(EmgDspError, match="state is of a stream of float64; this one was opened for float32"):
        single.state = {**state, "dtype": "float64"}
    single.state = {**state, "dtype": "float32"}


class Spectrum(emg_dsp.Stage):
    """A stage without a way of its own for whole signals; gives complex values."""

    kind = "test spectrum"
    sfreq = None

    def start(self, n_chans, dtype):
        return SpectrumRun(n_chans, np.result_type(dtype, np.complex64))


class SpectrumRun(Run):
    def __init__(self, n_chans, dtype):
        self._n_chans, self._dtype, self._seen = n_chans, dtype, 0

    @property
    def n_chans_out(self):
        return self._n_chans

    def step(self, chunk):
        self._seen += chunk.shape[1]
        return (chunk * (1 + 1j)).astype(self._dtype)

    def dump(self):
        return {"seen": np.array(self._seen)}

    def load(self, state):
        self._seen = int(checked_state(state, self.dump(), "a spectrum")["seen"])


@pytest.mark.parametrize(("dtype", "expected"), [("float32", "c8"), ("float64", "c16"), ("int32", "c8")])
def test_complex_results_have_the_precision_of_the_samples(dtype, expected):
    x = (X * 10).astype(dtype)
    whole = Spectrum()(x)
    assert whole.dtype == expected
    for copy in (True, False):
        np.testing.assert_array_equal(Spectrum().stream(18).push(x, copy=copy), whole, strict=True)
    assert Spectrum()(x[None, :0, :0]).shape == (1, 0, 0)


def test_a_count_of_any_size_may_be_restored_but_none_below_0():
    stream = Spectrum().stream(1)
    state = stream.state
    stream.state = {**state, "arrays": {"seen": np.array(1 << 60)}}
    with pytest.raises(EmgDspError, match="state of a spectrum: seen holds -1; required is at least 0"):
        stream.state = {**state, "arrays": {"seen": np.array(-1)}}
