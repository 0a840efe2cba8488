"""Stages of frames: any chunking gives the batch result bit for bit; state, plain data, chains."""

import itertools
import json

import dsp_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import EmgDspError, LogSpectrogram, MultivariatePower, Stage

LAW = settings(derandomize=True, deadline=None, max_examples=25)
STAGES = {
    "log": LogSpectrogram(sfreq=2000),
    "log of odd frames": LogSpectrogram(length=15, hop=4, window="hamming"),
    "log with gaps": LogSpectrogram(length=5, hop=17),
    "log of single samples": LogSpectrogram(length=1, hop=1),
    "mpf": MultivariatePower(window=40, stride=20),
    "mpf with gaps": MultivariatePower(sfreq=1000, window=20, stride=70, n_fft=32, bands=[(0, 200), (100, 500)]),
}
NAMES = sorted(STAGES)
X = dsp_oracles.emg(3, 700)


def pushed(stream, x, sizes):
    cuts = [0, *np.minimum(np.cumsum(sizes, dtype=int), x.shape[1]), x.shape[1]]
    return np.concatenate([stream.push(x[:, int(a) : int(b)]) for a, b in itertools.pairwise(cuts)])


@LAW
@given(
    st.sampled_from(NAMES),
    st.integers(0, 400),
    st.lists(st.integers(0, 90), max_size=12),
    st.sampled_from([np.float32, np.float64]),
)
def test_stream_equals_batch_for_any_chunking(name, samples, sizes, dtype):
    x = X[:, :samples].astype(dtype)
    got = pushed(STAGES[name].stream(3, dtype=dtype), x, sizes)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, STAGES[name](x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7])
def test_stream_equals_batch_for_small_chunks(name, size):
    np.testing.assert_array_equal(pushed(STAGES[name].stream(3), X, [size] * (700 // size)), STAGES[name](X))


@pytest.mark.parametrize("name", NAMES)
def test_saved_state_continues_in_another_stream(name):
    first, second = STAGES[name].stream(3), STAGES[name].stream(3)
    early = first.push(X[:, :333])
    second.state = first.state
    np.testing.assert_array_equal(np.concatenate([early, second.push(X[:, 333:])]), STAGES[name](X))
    with pytest.raises(EmgDspError, match="state"):
        second.state = STAGES[name].stream(2).state


def test_damaged_state_is_refused():
    run = LogSpectrogram().start(1, np.dtype(np.float32))
    state = run.dump()
    with pytest.raises(EmgDspError, match="count holds 64; required is 0 to 63"):
        run.load({**state, "count": np.array([64])})
    with pytest.raises(EmgDspError, match="skip holds 1; required is 0 to 0"):
        run.load({**state, "skip": np.array([1])})


@pytest.mark.parametrize("name", NAMES)
def test_plain_data_survive_json(name):
    again = Stage.from_dict(json.loads(json.dumps(STAGES[name].to_dict())))
    assert again == STAGES[name]
    assert hash(again) == hash(STAGES[name])
    np.testing.assert_array_equal(again(X), STAGES[name](X))


def test_rates():
    assert LogSpectrogram(sfreq=2000).sfreq_out == 125
    assert LogSpectrogram().sfreq_out is None
    assert MultivariatePower().sfreq_out == 50
    assert LogSpectrogram.frames


def test_frames_end_a_chain_that_streams():
    chain = emg_dsp.Rectify() | MultivariatePower(window=40, stride=20)
    np.testing.assert_array_equal(pushed(chain.stream(3), X, [100, 3, 250]), chain(X))
    assert chain.stream(3).push(X[:, :200]).shape[1:] == (6, 3, 3)


def test_function_and_stage_agree():
    np.testing.assert_array_equal(emg_dsp.log_spectrogram(X), LogSpectrogram()(X))
    np.testing.assert_array_equal(emg_dsp.mpf(X), MultivariatePower()(X))


def test_a_step_reuses_its_memory():
    run = LogSpectrogram().start(2, np.dtype(np.float32))
    chunk = np.zeros((2, 160), np.float32)
    run.step(chunk)
    first, second = run.step(chunk), run.step(chunk)
    assert np.shares_memory(first, second)
    assert run.n_chans_out == 2
