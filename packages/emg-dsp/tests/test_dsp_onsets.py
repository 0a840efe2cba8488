"""Onset detectors: equal to slow references, close to known onsets, calm on noise, the same on-line."""

import itertools
import os
import zipfile
from pathlib import Path

import dsp_oracles_onsets as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import Activity, Baseline, DoubleThreshold, EmgDspError, Stage, Threshold

LAW = settings(derandomize=True, deadline=None, max_examples=60)
SPAN = slice(0, 1200)
CLEAN = {"min_active": 0.1, "min_rest": 0.1}
DETECTORS = {
    "hodges_bui": emg_dsp.onset_hodges_bui,
    "tkeo": emg_dsp.onset_tkeo,
    "double_threshold": emg_dsp.onset_double_threshold,
    "aglr": emg_dsp.onset_aglr,
}
ORACLES = {
    "hodges_bui": lambda x: oracles.hodges_bui(x, 1000, SPAN, 3, 50, 50),
    "tkeo": lambda x: oracles.tkeo(x, SPAN, 8, 20),
    "double_threshold": lambda x: oracles.double_threshold(x, SPAN, 0.001, 5, 1),
    "aglr": lambda x: oracles.aglr(x, SPAN, 10, 50),
}
CAUSAL = ["hodges_bui", "tkeo", "double_threshold"]


def channels(n_chans=3, snr_db=10.0):
    return np.concatenate([oracles.gated(seed, snr_db)[0] for seed in range(n_chans)])


def detect(name, x, **options):
    return DETECTORS[name](x, 1000, **{"rest": (0, 1.2), **options})


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", DETECTORS)
def test_track_equals_oracle(name, dtype):
    x = channels(2).astype(dtype)
    got = detect(name, x, min_active=0, min_rest=0).state
    for row, expected in zip(got, map(ORACLES[name], x), strict=True):
        assert expected.any()
        np.testing.assert_array_equal(row, expected)
    lengths = {"min_active": 0.02, "min_rest": 0.013}
    for row, expected in zip(detect(name, x, **lengths).state, got, strict=True):
        np.testing.assert_array_equal(row, oracles.cleaned(expected, 20, 13))


BOUNDS_MS = {
    # detector: (median and 90th percentile of the error at the onset at 20 dB and at 6 dB), samples at 1000 Hz
    "hodges_bui": ((-45, 55), (-30, 40)),
    "tkeo": ((-1, 5), (0, 30)),
    "double_threshold": ((0, 5), (0, 20)),
    "aglr": ((-1, 3), (-3, 12)),
}


@pytest.mark.parametrize("strong", [True, False])
@pytest.mark.parametrize("name", DETECTORS)
def test_known_onsets_are_found(name, strong):
    """Every one of 25 bursts is found once, and its onset lies within the stated milliseconds."""
    errors, ends = [], []
    for seed in range(25):
        x, onset, offset = oracles.gated(seed, 20 if strong else 6)
        activity = detect(name, x, **CLEAN)
        assert len(activity.onsets[0]) == 1
        errors.append(activity.onsets[0][0] - onset)
        ends.append(activity.offsets[0][0] - offset)
    low, spread = BOUNDS_MS[name][0 if strong else 1]
    assert low <= np.median(errors) <= max(15, low)
    assert np.percentile(np.abs(errors), 90) <= spread
    assert np.percentile(np.abs(ends), 90) <= (25 if strong else 60)


def test_hodges_bui_speaks_for_either_end_of_its_window():
    x = channels(1, 20)
    start, end = (detect("hodges_bui", x, at=at, **CLEAN) for at in ("start", "end"))
    assert end.onsets[0][0] - start.onsets[0][0] == 49


@pytest.mark.parametrize(("false_alarm", "m", "r0"), [(0.05, 5, 1), (0.01, 5, 1), (0.05, 5, 3), (0.001, 8, 4)])
def test_double_threshold_keeps_its_false_alarm_rate(false_alarm, m, r0):
    x = np.random.default_rng(0).standard_normal((10, 100_000))
    options = {"false_alarm": false_alarm, "m": m, "r0": r0, "rest": Baseline(0, 1), **dict.fromkeys(CLEAN, 0)}
    measured = emg_dsp.onset_double_threshold(x, 1000, **options).state.mean()
    assert measured == pytest.approx(false_alarm, rel=0.1)


def test_likelihood_ratio_is_calm_on_noise():
    x = np.random.default_rng(0).standard_normal((10, 100_000))
    activity = emg_dsp.onset_aglr(x, 1000, rest=Baseline(0, 1))
    assert sum(map(len, activity.onsets)) <= 5  # in 20,000 windows that do not overlap
    assert activity.state.mean() < 3e-4


@pytest.mark.parametrize("name", DETECTORS)
def test_quietest_tenth_finds_the_same_bursts(name):
    for seed in range(10):
        x, onset, _ = oracles.gated(seed, 15)
        activity = detect(name, x, rest=None, **CLEAN)
        assert len(activity.onsets[0]) == 1
        assert abs(activity.onsets[0][0] - onset) <= 50


@pytest.mark.parametrize("name", DETECTORS)
def test_scale_and_neighbours_do_not_matter(name):
    x = channels(3)
    whole = detect(name, x)
    np.testing.assert_array_equal(detect(name, x * 2.0**20).state, whole.state)
    np.testing.assert_array_equal(detect(name, -x).state, whole.state)
    for n in range(3):
        np.testing.assert_array_equal(detect(name, x[[n]]).state[0], whole.state[n])
    for same in (np.asfortranarray(x), x.astype(">f8"), np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(detect(name, same).state, whole.state)


@pytest.mark.parametrize("name", DETECTORS)
def test_integers_are_widened(name):
    counts = np.round(channels(2) / 1e-6).astype(np.int16)
    np.testing.assert_array_equal(detect(name, counts).state, detect(name, counts.astype(np.float32)).state)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CAUSAL)
def test_stage_gives_the_same_track_on_line(name, dtype):
    x = channels(3).astype(dtype)
    options = {"at": "end"} if name == "hodges_bui" else {}
    activity = detect(name, x, min_active=0, min_rest=0, **options)
    late = 1 if name == "tkeo" else 0
    stage = Stage.from_dict(activity.stage.to_dict())
    np.testing.assert_array_equal(stage(x)[:, late:], activity.state[:, : 4000 - late])
    for sizes in ([1] * 4000, [0, 37, 0, 1501, 3, 2459]):
        stream = stage.stream(3)
        cuts = np.cumsum([0, *sizes])
        parts = [stream.push(x[:, a:b]) for a, b in itertools.pairwise(cuts)]
        track = np.concatenate(parts, axis=1)
        assert track.dtype == bool
        np.testing.assert_array_equal(track, stage(x))
    first = stage.stream(3, dtype=dtype)
    first.push(x[:, :1701])
    second = stage.stream(3, dtype=dtype)
    second.state = first.state
    np.testing.assert_array_equal(second.push(x[:, 1701:]), stage(x)[:, 1701:])


@pytest.mark.parametrize("name", CAUSAL)
def test_stage_keeps_its_channels(name):
    assert detect(name, channels(3)).stage.stream(3).n_chans_out == 3


def test_likelihood_ratio_has_no_stage():
    assert detect("aglr", channels(1)).stage is None


@pytest.mark.parametrize("name", DETECTORS)
def test_activity_cut_off_by_the_end(name):
    x, onset, offset = oracles.gated(0, 20)
    activity = detect(name, x[:, : offset - 100], **CLEAN)
    assert activity.offsets[0].tolist() == [offset - 100]
    np.testing.assert_allclose(activity.onset_times[0], onset / 1000, atol=0.06)


@pytest.mark.parametrize("name", DETECTORS)
def test_bad_sample_raises_or_counts_as_rest(name):
    x = channels(2, 20)
    x[1, 1000] = np.nan
    with pytest.raises(EmgDspError, match="in channel 1 at sample 1000"):
        detect(name, x)
    got = detect(name, x, nan="propagate", rest=(0, 0.9))
    clean = detect(name, np.where(np.isnan(x), 0, x), rest=(0, 0.9))
    np.testing.assert_array_equal(got.state[0], clean.state[0])
    assert not got.state[1, 1000]
    if name == "hodges_bui":
        assert not got.state[1, 1000:].any()
    else:
        assert got.state[1, 1750:2250].mean() > 0.95
    with pytest.raises(EmgDspError, match="nan='drop'"):
        detect(name, x, nan="drop")


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("samples", [0, 1, 2, 3, 49])
def test_short_signals(name, samples):
    x = np.random.default_rng(0).standard_normal((2, samples))
    activity = detect(name, x, rest=Baseline([0, 0], 1))
    assert activity.state.shape == (2, samples)
    if name != "double_threshold":
        assert not activity.state.any()
    assert detect(name, x[:0], rest=Baseline(0, 1)).onsets == ()


def test_baseline_by_value_by_span_and_by_quiet():
    x = channels(2)
    power = (x[:, SPAN] ** 2).mean(axis=1)
    for name in ("double_threshold", "aglr"):
        by_value = detect(name, x, rest=Baseline(0, np.sqrt(power)))
        np.testing.assert_array_equal(by_value.state, detect(name, x).state)
    pieces = x[0].reshape(40, 100)
    quiet = pieces[1:][np.argsort((pieces[1:] ** 2).mean(axis=1))[:4]]
    by_value = detect("aglr", x[:1], rest=Baseline(0, np.sqrt((quiet**2).mean())))
    np.testing.assert_array_equal(by_value.state, detect("aglr", x[:1], rest=None).state)


@LAW
@given(st.lists(st.booleans(), max_size=60), st.integers(0, 6), st.integers(0, 6))
def test_edges_and_cleaning_equal_walking(track, min_active, min_rest):
    from emg_dsp._onsets.activity import cleaned

    state = np.array([track, track[::-1]], dtype=bool).reshape(2, len(track))
    activity = Activity(state, 10)
    onsets, offsets = oracles.runs(state[0])
    assert (activity.onsets[0].tolist(), activity.offsets[0].tolist()) == (onsets, offsets)
    np.testing.assert_allclose(activity.offset_times[0], np.array(offsets) / 10)
    for row, got in zip(state, cleaned(state, min_active, min_rest), strict=True):
        np.testing.assert_array_equal(got, oracles.cleaned(row, min_active, min_rest))


def test_activity_is_a_value():
    state = np.zeros((1, 5), dtype=bool)
    activity = Activity(state, 100)
    state[0, 0] = True
    assert not activity.state.any()
    with pytest.raises(ValueError, match="read-only"):
        activity.state[0, 0] = True
    with pytest.raises(EmgDspError, match=r"state has shape \(5,\), type bool; required is bool \(channels, time\)"):
        Activity(np.zeros(5, dtype=bool), 100)
    with pytest.raises(EmgDspError, match="type float64; required is bool"):
        Activity(np.zeros((1, 5)), 100)


NOISE = np.random.default_rng(0).standard_normal((2, 300))
BAD = {
    "three axes": (lambda: detect("aglr", NOISE[None]), r"x has shape \(1, 2, 300\); required is \(channels, time\)"),
    "h": (lambda: detect("tkeo", NOISE, h=0), "h=0; required is a finite number above 0 standard deviations"),
    "at": (lambda: detect("tkeo", NOISE, at="centre", rest=(0, 0.1)), "at='centre'; required is 'start' or 'end'"),
    "window": (lambda: detect("aglr", NOISE, window=0.001), "window=0.001 s is 1 sample at sfreq=1000 Hz"),
    "threshold": (lambda: detect("aglr", NOISE, threshold=-1), "threshold=-1; required"),
    "certain": (lambda: detect("double_threshold", NOISE, false_alarm=1), "false_alarm=1; required is a prob"),
    "r0": (lambda: detect("double_threshold", NOISE, r0=6), "r0=6, m=5; required is r0 <= m"),
    "m": (lambda: detect("double_threshold", NOISE, m=0), "m=0; required is a whole number of at least 1 pairs"),
    "min_rest": (lambda: detect("aglr", NOISE, min_rest=-1), "min_rest=-1; required is a finite number of seconds"),
    "min_active": (lambda: detect("aglr", NOISE, min_active="x"), "min_active='x'; required is a finite number"),
    "late span": (lambda: detect("aglr", NOISE, rest=(0, 0.4)), "samples 0 to 400; required is a span within the 300"),
    "words": (lambda: detect("aglr", NOISE, rest="quiet"), "rest='quiet'; required is .start, stop. in seconds"),
    "one sample": (lambda: detect("aglr", NOISE, rest=(0, 0.001)), "channel 0 has 1 finite samples at rest"),
    "no samples": (lambda: detect("aglr", NOISE[:, :0], rest=None), "x has no samples; required is a signal"),
    "silent": (lambda: detect("aglr", 0 * NOISE, rest=None), "channel 0 has no power at rest"),
    "std": (lambda: detect("aglr", NOISE, rest=Baseline(0, [1, 0])), r"std=\[1, 0\]; required is std > 0"),
    "count": (lambda: detect("aglr", NOISE, rest=Baseline([0, 0, 0], 1)), r"mean=\[0, 0, 0\]; required is one .* or 2"),
    "no number": (lambda: detect("aglr", NOISE, rest=Baseline("a", 1)), "mean='a'; required is one finite"),
    "levels": (lambda: Threshold(3), "levels=3; required is a sequence of numbers"),
    "no level": (lambda: Threshold(())(NOISE), "0 levels for 2 channels; required is one a channel, or one for all"),
    "NaN level": (lambda: DoubleThreshold([np.nan]), "required are numbers, not NaN"),
    "too many levels": (lambda: Threshold([1, 2, 3])(NOISE), "3 levels for 2 channels"),
    "settle": (lambda: Threshold([1], settle=-1), "settle=-1; required"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_argument_names_value_and_rule(case):
    call, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        call()


def test_silence_is_never_active():
    for name in ("hodges_bui", "tkeo", "double_threshold"):
        assert not detect(name, 0 * NOISE, rest=None).state.any()


@pytest.mark.real
@pytest.mark.parametrize("subject", ["03", "15"])
def test_gestures_of_an_armband_are_found(subject):
    """UCI gestures, rest taken from the first of two labelled rests: gestures are active, the second rest is not."""
    folder = os.environ.get("EMG_DATA")
    if not folder:
        pytest.skip("EMG_DATA is not set")
    with zipfile.ZipFile(Path(folder) / "uci_emg_gestures.zip") as archive:
        name = next(n for n in sorted(archive.namelist()) if f"/{subject}/1_raw_data" in n)
        rows = np.loadtxt(archive.read(name).decode().splitlines()[1:])
    signal, labels = emg_dsp.highpass(5, 1000)(rows[:, 1:9].T), rows[:, 9]
    (first, second), (first_end, second_end) = oracles.runs(labels == 1)
    rest = (first / 1000 + 0.2, first_end / 1000 - 0.2)
    options = {"h": 5, "window": 0.1, "cutoff": 10, "at": "end", "min_active": 0.2, "min_rest": 0.2}
    activity = emg_dsp.onset_hodges_bui(signal, 1000, rest=rest, **options)
    active = activity.state.sum(axis=0) >= 2  # in at least two of eight electrodes
    assert active[labels > 1].mean() > 0.99
    assert active[second:second_end].mean() < 0.01
    live = activity.stage.stream(8)
    chunks = [live.push(signal[:, start : start + 20]) for start in range(0, 10_000, 20)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), activity.stage(signal)[:, :10_000])
