"""Resampling: equal to convolution with the same taps, free of aliases, live as at once."""

import itertools
import json

import dsp_oracles
import dsp_oracles_resampling as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, Resampler, resample

RATES = [(2048, 2000), (2000, 2048), (2000, 1000), (1000, 2000), (1000, 1500), (200, 2000), (1100, 1000)]
LAW = settings(derandomize=True, deadline=None, max_examples=30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rates", RATES)
def test_equals_scipy_with_the_same_taps(rates, dtype):
    x = dsp_oracles.emg(3, 1500).astype(dtype)
    design = Resampler(*rates).design
    expected = signal.resample_poly(
        x.astype(np.float64), design.up, design.down, axis=-1, window=design.filter / design.up
    )
    got = resample(x, *rates)
    assert got.dtype == dtype
    assert got.shape == expected.shape
    assert dsp_oracles.relative_error(got, expected) < (1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("edge", ["zero", "hold"])
@pytest.mark.parametrize("rates", [(30, 20), (20, 30), (50, 20)])
@pytest.mark.parametrize("samples", [1, 2, 37])
def test_equals_plain_convolution_at_both_edges(samples, rates, edge):
    x = dsp_oracles.emg(2, samples).astype(np.float64)
    design = Resampler(*rates).design
    expected = oracles.polyphase(x, design.filter, design.up, design.down, design.half, edge)
    np.testing.assert_allclose(resample(x, *rates, edge=edge), expected, atol=1e-13)


@pytest.mark.parametrize("rates", RATES)
def test_stop_band_and_pass_band_are_as_stated(rates):
    design = Resampler(*rates).design
    lower, raised = min(rates) / 2, rates[0] * design.up
    stop = np.abs(signal.freqz(design.filter, worN=np.linspace(lower, raised / 2, 4000), fs=raised)[1]) / design.up
    passed = np.abs(signal.freqz(design.filter, worN=np.linspace(0, 0.8 * lower, 400), fs=raised)[1]) / design.up
    assert 20 * np.log10(stop.max()) < -80
    assert np.abs(20 * np.log10(passed)).max() < 0.01


def test_nothing_is_thinned_without_a_low_pass():
    """LibEMG keeps every second sample of a NinaPro recording: 600 Hz at 2 kHz becomes 400 Hz (reference case 13)."""
    time = np.arange(4000) / 2000
    x = np.sin(2 * np.pi * np.array([[600.0], [100.0]]) * time)
    got = resample(x, 2000, 1000)[:, 200:-200]
    assert np.abs(x[:, ::2]).max() > 0.9
    assert np.abs(got[0]).max() < 2e-4
    np.testing.assert_allclose(got[1], x[1, ::2][200:-200], atol=2e-4)


@pytest.mark.parametrize("rates", RATES)
def test_a_sine_comes_out_in_place(rates):
    sfreq, to = rates
    x = np.sin(2 * np.pi * 0.1 * min(rates) * np.arange(3000) / sfreq)[None]
    got = resample(x, sfreq, to)[0]
    expected = np.sin(2 * np.pi * 0.1 * min(rates) * np.arange(len(got)) / to)
    middle = slice(len(got) // 4, -len(got) // 4)
    np.testing.assert_allclose(got[middle], expected[middle], atol=3e-4)


def test_held_edges_keep_an_offset():
    x = np.full((1, 100), 5.0)
    np.testing.assert_allclose(resample(x, 1000, 800, edge="hold"), 5.0, rtol=1e-3)
    assert resample(x, 1000, 800)[0, 0] < 4.5


def test_same_rate_is_a_copy():
    x = dsp_oracles.emg(2, 30)
    got = resample(x, 1000, 1000)
    np.testing.assert_array_equal(got, x)
    assert not np.shares_memory(got, x)


@pytest.mark.parametrize("rates", RATES)
def test_live_equals_whole_and_is_late_by_what_it_says(rates):
    x = dsp_oracles.emg(3, 900)
    stage = Resampler(*rates)
    whole = stage(x)
    assert stage.delay == stage.n_delay / rates[1]
    overlap = whole.shape[1] - stage.n_delay
    np.testing.assert_array_equal(whole[:, stage.n_delay :], resample(x, *rates)[:, : max(overlap, 0)])
    np.testing.assert_allclose(
        whole, oracles.polyphase(x, stage.design.filter, stage.design.up, stage.design.down, 0), atol=1e-6
    )


@LAW
@given(
    st.sampled_from(RATES),
    st.integers(0, 300),
    st.lists(st.integers(0, 50), max_size=12),
    st.sampled_from([np.float32, np.float64]),
)
def test_any_chunking_gives_the_same_bits(rates, samples, sizes, dtype):
    x = dsp_oracles.emg(2, samples).astype(dtype)
    stage = Resampler(*rates)
    stream = stage.stream(2, dtype=dtype)
    cuts = [0, *np.minimum(np.cumsum(sizes, dtype=int), samples).tolist(), samples]
    parts = [stream.push(x[:, a:b]) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), stage(x))


def test_state_continues_in_another_stream():
    x = dsp_oracles.emg(2, 400)
    stage = Resampler(2048, 2000)
    first, second = stage.stream(2), stage.stream(2)
    first.push(x[:, :123])
    second.state = first.state
    np.testing.assert_array_equal(second.push(x[:, 123:]), first.push(x[:, 123:]))
    run = stage.start(2, np.dtype(np.float32))
    with pytest.raises(EmgDspError, match=r"state of a resampler: next holds 128; required is 0 to 127"):
        run.load({**run.dump(), "next": np.array([128])})


def test_a_stage_among_stages():
    chain = emg_dsp.highpass(20, 2000) | Resampler(2000, 1000)
    assert Resampler(2000, 1000).sfreq_out == 1000
    x = dsp_oracles.emg(4, 500)
    stream = chain.stream(4)
    parts = [stream.push(x[:, start : start + 33]) for start in range(0, 500, 33)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), chain(x))
    again = emg_dsp.Stage.from_dict(json.loads(json.dumps(Resampler(2000, 1000).to_dict())))
    assert again == Resampler(2000, 1000)


@pytest.mark.parametrize("threads", [2, 5])
def test_thread_count_changes_no_bit(threads):
    x = dsp_oracles.emg(11, 500)
    np.testing.assert_array_equal(resample(x, 2048, 2000, threads=threads), resample(x, 2048, 2000))
    stage = Resampler(2048, 2000)
    np.testing.assert_array_equal(stage(x, threads=threads), stage(x))


def test_layout_and_type_change_no_value():
    x = dsp_oracles.emg(6, 200)
    expected = resample(x, 2000, 1500)
    before = x.copy()
    for given_ in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4"), x.reshape(2, 3, 200)):
        np.testing.assert_array_equal(resample(given_, 2000, 1500).reshape(expected.shape), expected)
    np.testing.assert_array_equal(x, before)
    counts = (x * 20).astype(np.int16)
    np.testing.assert_array_equal(resample(counts, 2000, 1500), resample(counts.astype(np.float32), 2000, 1500))


@pytest.mark.parametrize("shape", [(0, 10), (3, 0), (2, 0, 3, 5)])
def test_empty_input_gives_empty_output(shape):
    n = -(-shape[-1] // 2)
    assert resample(np.zeros(shape, np.float32), 2000, 1000).shape == (*shape[:-1], n)
    assert resample(np.zeros(shape, np.float32), 2000, 1000, edge="hold").shape == (*shape[:-1], n)


def test_samples_that_are_not_finite():
    x = dsp_oracles.emg(3, 400)
    x[1, 200] = np.nan
    with pytest.raises(EmgDspError, match="in channel 1 at sample 200"):
        resample(x, 2000, 1000)
    with pytest.raises(EmgDspError, match="in channel 1 at sample 200"):
        Resampler(2000, 1000)(x)
    got = resample(x, 2000, 1000, nan="propagate")
    assert np.isnan(got[1, 100])
    assert np.isfinite(got[[0, 2]]).all()
    assert np.isfinite(got[1, :60]).all()
    assert np.isfinite(got[1, 140:]).all()


BAD = {
    "ratio": (
        (1000, 1000 * np.pi),
        r"to=3141.59 Hz over sfreq=1000 Hz is no ratio of whole numbers up to 4096 \(nearest",
    ),
    "far": ((1.0, 5000.0), r"no ratio of whole numbers up to 4096"),
    "tiny": ((1e6, 0.1), r"no ratio of whole numbers up to 4096"),
    "rate": ((0, 1000), r"sfreq=0; required is a finite number above 0 Hz"),
    "to": ((1000, -1), r"to=-1; required"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rates_name_value_and_rule(case):
    rates, message = BAD[case]
    for make in (lambda: resample(np.zeros((1, 9)), *rates), lambda: Resampler(*rates)):
        with pytest.raises(EmgDspError, match=message):
            make()


OPTIONS = {
    "edge": ({"edge": "odd"}, r"edge='odd'; required is 'zero' or 'hold'"),
    "loss": ({"attenuation_db": 20}, r"attenuation_db=20; required is 50 to 200 dB"),
    "width": ({"transition": 1.5}, r"transition=1.5; required is a part of the pass-band from 0.001 to 1"),
    "nan": ({"nan": "drop"}, r"nan='drop'"),
    "threads": ({"threads": 0}, r"threads=0; required"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options_name_value_and_rule(case):
    options, message = OPTIONS[case]
    with pytest.raises(EmgDspError, match=message):
        resample(np.zeros((1, 9)), 1000, 500, **options)
