"""Envelopes: equal to slow references, the same chunk by chunk, without memory of what is over."""

import itertools

import dsp_oracles_envelopes as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import EmgDspError, MovingMAV, MovingMean, MovingRMS, Rectify, TeagerKaiser

LAW = settings(derandomize=True, deadline=None, max_examples=40)
STAGES = {
    "mean": MovingMean(7),
    "mav": MovingMAV(0.0105, sfreq=1000),
    "rms": MovingRMS(16),
    "rms of one": MovingRMS(1),
    "rms of many": MovingRMS(300),
    "full": Rectify(),
    "half": Rectify("half"),
    "energy": TeagerKaiser(),
}
FUNCTIONS = {
    "moving": MovingRMS(5),
    "centred": MovingMAV(5).centred,
    "rectify": emg_dsp.rectify,
    "half": lambda x, **options: emg_dsp.rectify(x, "half", **options),
    "envelope": lambda x, **options: emg_dsp.envelope(x, 1000, **options),
    "envelope zero-phase": lambda x, **options: emg_dsp.envelope(x, 1000, zero_phase=True, **options),
    "teager_kaiser": emg_dsp.teager_kaiser,
    "centre": emg_dsp.centre,
    "detrend": emg_dsp.detrend,
}
stages = st.sampled_from(sorted(STAGES))
dtypes = st.sampled_from([np.float32, np.float64])


def noise(seed, channels=3, samples=200, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((channels, samples)).astype(dtype)


def in_chunks(stream, x, sizes):
    cuts = [0, *np.minimum(np.cumsum(sizes, dtype=int), x.shape[1]), x.shape[1]]
    return np.concatenate([stream.push(x[:, a:b]) for a, b in itertools.pairwise(cuts)], axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, ">f4"])
@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 99, 400])
@pytest.mark.parametrize("name", oracles.MOVING)
def test_moving_average_equals_oracle(name, length, dtype):
    x = (100 * noise(0, 18, 137)).astype(dtype)
    stage = oracles.MOVING[name].ours(length)
    rtol = 1e-12 if dtype == np.float64 else 1e-6
    got = stage(x)
    assert got.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_allclose(got, oracles.moving(name, x, length), rtol=rtol, atol=100 * rtol)
    ahead = oracles.moving(name, x, length, length // 2)
    np.testing.assert_allclose(stage.centred(x), ahead, rtol=rtol, atol=100 * rtol)


def test_loud_part_leaves_no_trace():
    """Running sums that subtract keep the rounding errors of the loudest part: here 1e6 before 1e-3."""
    x = noise(0, 4, 6000) * 1e-3
    x[:, 1000:2000] *= 1e9
    for name in ("mav", "rms"):
        quiet = oracles.MOVING[name].ours(100)(x)[:, 2100:]
        np.testing.assert_allclose(quiet, oracles.moving(name, x, 100)[:, 2100:], rtol=1e-12)
        single = oracles.MOVING[name].ours(100)(x.astype(np.float32))[:, 2100:]
        np.testing.assert_allclose(single, oracles.moving(name, x.astype(np.float32), 100)[:, 2100:], rtol=1e-6)


def test_constant_stays_constant():
    ones = np.ones((2, 1000))
    for stage in (MovingMean(49), MovingMAV(49), MovingRMS(49)):
        np.testing.assert_allclose(stage(ones), ones, rtol=4e-16)
        np.testing.assert_allclose(stage.centred(ones), ones, rtol=4e-16)
        np.testing.assert_array_equal(stage(ones.astype(np.float32)), ones)


@LAW
@given(stages, st.integers(1, 20), st.integers(0, 120), st.lists(st.integers(0, 40), max_size=12), dtypes)
def test_stream_equals_batch_for_any_chunking(name, channels, samples, sizes, dtype):
    x = noise(samples, channels, samples, dtype)
    stage = STAGES[name]
    got = in_chunks(stage.stream(channels), x, sizes)
    np.testing.assert_array_equal(got, stage(x))
    assert got.dtype == dtype


@LAW
@given(stages, st.integers(0, 120))
def test_state_restores_in_a_new_stream(name, cut):
    x = noise(cut)
    first = STAGES[name].stream(3)
    first.push(x[:, :cut])
    second = STAGES[name].stream(3, dtype=np.float64)
    second.state = first.state
    np.testing.assert_array_equal(second.push(x[:, cut:]), STAGES[name](x)[:, cut:])


@LAW
@given(stages, st.integers(-20, 20))
def test_scaling_by_powers_of_two_is_exact(name, exponent):
    x = noise(7)
    factor = 2.0**exponent
    power = 2 if name == "energy" else 1
    np.testing.assert_array_equal(STAGES[name](x * factor), STAGES[name](x) * factor**power)


@pytest.mark.parametrize("name", STAGES)
def test_plain_data_give_the_same_stage(name):
    stage = STAGES[name]
    assert emg_dsp.Stage.from_dict(stage.to_dict()) == stage
    assert (stage | TeagerKaiser())(noise(0)).shape == (3, 200)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layout_and_type_change_no_value(name):
    run = FUNCTIONS[name]
    x = noise(0, 6, 100, np.float32).reshape(2, 3, 100)
    expected = run(x)
    assert expected.shape == x.shape
    assert expected.dtype == np.float32
    kept = x.copy()
    strided = np.repeat(x, 2, axis=-1)[..., ::2]
    for same in (strided, np.asfortranarray(x), x.astype(">f4"), x[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(run(same), expected)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_allclose(run(x.astype(np.float64)), expected, atol=2e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(0, 50), (2, 0, 50), (1, 1), (3, 0)])
def test_empty_and_shortest_signals(name, shape):
    if name == "envelope zero-phase" and shape[-1] < 50:
        with pytest.raises(EmgDspError, match="zero-phase filtering with 1 sections"):
            FUNCTIONS[name](np.ones(shape))
        return
    got = FUNCTIONS[name](np.ones(shape))
    assert got.shape == shape
    assert np.isfinite(got).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bad_sample_raises_or_spreads_as_stated(name, bad):
    run = FUNCTIONS[name]
    x = noise(0, 3, 100)
    clean = run(x)
    x[1, 40] = bad
    with pytest.raises(EmgDspError, match=r"in channel 1 at sample 40"):
        run(x)
    spread = run(x, nan="propagate")
    np.testing.assert_array_equal(spread[[0, 2]], clean[[0, 2]])
    spoiled = np.flatnonzero(~np.isfinite(spread[1]))
    expected = {
        "moving": range(40, 45),
        "centred": range(38, 43),
        "rectify": [40],
        "half": [40],
        "envelope": range(40, 100),
        "teager_kaiser": range(39, 42),
    }.get(name, range(100))
    np.testing.assert_array_equal(spoiled, list(expected))
    with pytest.raises(EmgDspError, match="nan='drop'"):
        run(x, nan="drop")


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    x = noise(0, 70, 300, np.float32)
    for run in (MovingRMS(20), MovingRMS(20).centred, emg_dsp.teager_kaiser):
        np.testing.assert_array_equal(run(x, threads=threads), run(x))


@pytest.mark.parametrize("zero_phase", [False, True])
def test_envelope_equals_scipy(zero_phase):
    x = noise(0, 4, 3000, np.float32)
    got = emg_dsp.envelope(x, 1000, cutoff=5, order=4, zero_phase=zero_phase)
    expected = oracles.envelope(x, 1000, 5, 4, zero_phase)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    if not zero_phase:
        chain = Rectify() | emg_dsp.lowpass(5, 1000, order=4)
        np.testing.assert_array_equal(got, chain(x))


def test_delay_of_the_envelope_is_as_stated():
    delay = np.sqrt(2) / (2 * np.pi * 6)
    ramp = np.arange(20_000.0)[None, :]
    late = ramp[0, -1] - emg_dsp.envelope(ramp, 10_000)[0, -1]
    assert late / 10_000 == pytest.approx(delay, rel=0.01)


def test_energy_of_a_tone_is_its_amplitude_and_frequency():
    tone = 3 * np.sin(0.4 * np.arange(500))[None, :]
    np.testing.assert_allclose(emg_dsp.teager_kaiser(tone)[:, 1:-1], 9 * np.sin(0.4) ** 2, rtol=1e-10)
    np.testing.assert_array_equal(TeagerKaiser()(tone)[:, 1:], emg_dsp.teager_kaiser(tone)[:, :-1])


def test_chunks_of_any_layout():
    x = noise(0, 6, 90)
    stream = MovingRMS(7).stream(6)
    parts = [stream.push(np.asfortranarray(x[:, :40])), stream.push(np.repeat(x, 2, axis=1)[:, 80::2])]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), MovingRMS(7)(x))


def test_trends_are_removed():
    time = np.arange(1000)
    x = np.stack([3 + 0 * time, 5 - 0.1 * time, np.cos(time)])
    np.testing.assert_allclose(emg_dsp.centre(x)[0], 0, atol=1e-12)
    line = np.polynomial.Polynomial.fit(time, x[2], 1)
    np.testing.assert_allclose(emg_dsp.detrend(x), [0 * time, 0 * time, x[2] - line(time)], atol=1e-9)
    offset = emg_dsp.centre((1e4 + np.cos(time))[None, :].astype(np.float32))
    assert abs(float(offset.astype(np.float64).mean())) < 1e-4


def test_int8_is_widened_before_it_is_rectified():
    """LibEMG 2.0.3 gives MAV -128 for (-128, -128) of int8 (reference case 6)."""
    x = np.full((1, 4), -128, dtype=np.int8)
    for got in (emg_dsp.rectify(x), MovingMAV(2)(x), MovingRMS(2)(x)):
        np.testing.assert_array_equal(got, np.full((1, 4), 128, dtype=np.float32))


@pytest.mark.parametrize("run", [MovingRMS(3), emg_dsp.teager_kaiser])
def test_overflow_of_finite_samples_raises(run):
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        run(np.full((1, 10), 1e200))


BAD = {
    "seconds without rate": (lambda: MovingRMS(0.2), r"length=0.2; required is a whole number of at least 1 samples"),
    "zero": (lambda: MovingMAV(0), "length=0; required is"),
    "short": (lambda: MovingMAV(1e-4, 1000), "length=0.0001 s is 0 samples at sfreq=1000 Hz"),
    "rate": (lambda: MovingMean(1, sfreq=0), "sfreq=0; required is a finite number above 0"),
    "wave": (lambda: Rectify("both"), "wave='both'; required is 'full' or 'half'"),
    "wave of function": (lambda: emg_dsp.rectify(np.ones((1, 2)), "both"), "wave='both'"),
    "cutoff": (lambda: emg_dsp.envelope(np.ones((1, 9)), 100, cutoff=50), "cutoff=50 Hz is not below half"),
    "one axis": (lambda: MovingRMS(3)(np.ones(9)), r"x has shape \(9,\)"),
    "threads": (lambda: MovingRMS(3)(np.ones((1, 9)), threads=0), "threads=0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_argument_names_value_and_rule(case):
    call, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        call()


def test_bad_state_changes_nothing():
    stream = MovingRMS(4).stream(2)
    stream.push(np.ones((2, 3), dtype=np.float32))
    arrays = stream.state["arrays"]
    for bad, message in [({**arrays, "seen": np.array(-1)}, "seen holds -1"), ({}, "a moving average has the arrays")]:
        with pytest.raises(EmgDspError, match=message):
            stream.state = {**stream.state, "arrays": bad}
    np.testing.assert_array_equal(stream.push(np.ones((2, 1), dtype=np.float32)), [[1], [1]])
