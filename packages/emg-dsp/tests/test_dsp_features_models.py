"""AR and cepstral coefficients, L-scale, histogram, weighted energies, first burst, phasors of a ring."""

import dsp_oracles
import dsp_oracles_entropy as oracles
import dsp_oracles_features
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import signal

from emg_dsp import EmgDspError, describe_feature, feature_columns, features, windows

LAW = settings(derandomize=True, deadline=None, max_examples=25)
SIGNAL = dsp_oracles.emg(6, 900)
ROWS = sorted(set(oracles.FEATURES) - {name for name in oracles.FEATURES if "EN" in name})
RINGS = sorted(oracles.ACROSS)
LOG_FLOOR = np.log(1e-30)


def one(x, name, sfreq=1000):
    return features(np.asarray(x)[None, :], [name], sfreq)[0]


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples)


@pytest.mark.parametrize("name", [*ROWS, *RINGS])
def test_equals_oracle_for_every_type(name):
    """Whole numbers, which every type holds, or their magnitudes."""
    x = np.clip(np.round(SIGNAL[:, :441].astype(np.float64) * 20), -127, 127)
    signed = ("int8", "int32", "float16", "float32", ">f4", "float64")
    for numbers, kinds in ((x, signed), (np.abs(x), ("uint8",))):
        expected = dsp_oracles_features.features(windows(numbers, 41, 100), [name])
        assert expected.shape == (5, 6, len(feature_columns([name], 1000, 6)))
        for kind in kinds:
            got = features(windows(numbers.astype(kind), 41, 100), [name], 1000)
            assert got.dtype == (np.float64 if kind == "float64" else np.float32)
            np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6, err_msg=kind)


@pytest.mark.parametrize("name", [*(name for name in ROWS if not name.startswith("CC")), *RINGS])
def test_equals_oracle_for_short_and_long_windows(name):
    for length in (1, 2, 3, 4, 5, 410):
        x = windows(SIGNAL[:4], length, 400).astype(np.float64)
        np.testing.assert_allclose(
            features(x, [name], 1000), dsp_oracles_features.features(x, [name]), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("name", ROWS)
def test_a_window_does_not_depend_on_the_batch(name):
    w = windows(SIGNAL, 60, 210)
    together = features(w, [name], 1000, threads=2)
    for n, c in np.ndindex(w.shape[:2]):
        np.testing.assert_array_equal(together[n, c], features(w[n : n + 1, c : c + 1], [name], 1000)[0, 0])


@pytest.mark.parametrize("name", RINGS)
def test_a_ring_does_not_depend_on_the_batch(name):
    w = windows(SIGNAL, 60, 50)
    together = features(w, [name], 1000)
    for n in range(len(w)):
        np.testing.assert_array_equal(together[n], features(w[n], [name], 1000))


FLAT = {
    "AFB": lambda level: [(0.54 * 32 - 0.46) * level**2],
    "AR": lambda level: [-1.0 if level else 0.0, 0, 0, 0],
    "CC": lambda level: [1.0, 1 / 2, 1 / 3, 1 / 4] if level else [0.0] * 4,
    "HIST": lambda _: [0, 0, 0, 0, 100, 0, 0, 0, 0],
    "LS": lambda _: [0.0],
    "MHW": lambda level: [level**2 * (np.hamming(50) ** 2).sum()] * 3,
    "MTW": lambda level: [level**2 * (oracles.trapezoid(50) ** 2).sum()] * 3,
}


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("level", [0.0, 100.0, -0.1])
def test_flat_windows(name, level):
    np.testing.assert_allclose(one(np.full(100, level), name), FLAT[name](level), rtol=1e-12)


def test_burg_finds_the_process():
    """Sign: x[t] = -a_1 x[t-1] - a_2 x[t-2] + e[t], as LibEMG, librosa and scipy's lfilter have it."""
    a = np.array([1.0, -1.2, 0.7])
    x = signal.lfilter([1.0], a, noise(20_000))
    np.testing.assert_allclose(one(x, "AR(order=2)"), a[1:], atol=0.02)
    np.testing.assert_allclose(one(x, "AR(order=4)")[2:], 0, atol=0.03)


@LAW
@given(arrays.arrays(np.float64, st.integers(8, 40), elements=st.floats(-100, 100, width=32)), st.integers(1, 6))
def test_burg_gives_a_stable_model_of_any_window(x, order):
    a = one(x, f"AR(order={order})")
    assert np.isfinite(a).all()
    assert np.abs(np.roots([1.0, *a])).max(initial=0) < 1 + 1e-6


@LAW
@given(st.integers(0, 999), st.integers(-60, 60), st.sampled_from(["AR", "CC", "HIST"]))
def test_no_unit_matters_to_models(seed, exponent, name):
    x = noise(50, seed)
    np.testing.assert_array_equal(one(x * 2.0**exponent, name), one(x, name))


@LAW
@given(st.integers(0, 999), st.integers(-60, 60), st.sampled_from(["AFB", "LS", "MHW", "MTW"]))
def test_amplitudes_scale_with_the_unit(seed, exponent, name):
    x = noise(50, seed)
    power = 1 if name == "LS" else 2
    np.testing.assert_array_equal(one(x * 2.0**exponent, name), one(x, name) * 2.0 ** (power * exponent))
    np.testing.assert_allclose(one(-x, name), one(x, name), rtol=1e-12)


def test_cepstrum_of_one_pole_is_its_series():
    x = signal.lfilter([1.0], [1.0, -0.8], noise(500))
    (a,) = one(x, "AR(order=1)")
    got = one(x, "CC(order=3)")
    b = one(x, "AR(order=3)")
    assert got[0] == -b[0]
    assert got[1] == pytest.approx(-b[1] + b[0] ** 2 / 2)
    assert one(x, "CC(order=1)")[0] == -a


@LAW
@given(arrays.arrays(np.int8, st.integers(1, 50), elements=st.integers(-5, 5)))
def test_histogram_counts_every_sample_once(x):
    counts = one(x.astype(np.float64), "HIST")
    assert counts.sum() == len(x)
    np.testing.assert_array_equal(counts, oracles.histogram(x.astype(np.float64)))


def test_histogram_of_noise_is_normal():
    counts = one(noise(50_000), "HIST(bins=2, limit=1)")
    assert counts.sum() == 50_000
    assert counts[0] == pytest.approx(25_000, rel=0.02)


@LAW
@given(arrays.arrays(np.float64, st.integers(2, 40), elements=st.floats(-100, 100, width=32)), st.randoms())
def test_l_scale_knows_no_order_and_no_offset(x, random):
    shuffled = x.copy()
    random.shuffle(shuffled)
    assert one(shuffled, "LS")[0] == one(x, "LS")[0]
    assert one(x + 256, "LS")[0] == pytest.approx(one(x, "LS")[0], rel=1e-9, abs=1e-9)
    assert one(x, "LS")[0] == pytest.approx(oracles.l_scale(x), rel=1e-9, abs=1e-12)


def test_one_hamming_part_is_the_weighted_energy_of_the_window():
    x = noise(64)
    assert one(x, "MHW(parts=1)")[0] == pytest.approx(((x * np.hamming(64)) ** 2).sum())


def test_parts_of_a_window_follow_time():
    burst = np.zeros(80)
    burst[:20] = 1
    energies = one(burst, "MTW")
    assert energies[0] > 0
    assert energies[1] == energies[2] == 0


BURSTS = {
    "the first of two": ([0, 0, 3, 0, 0, 0, 9, 0, 0], 9.0),
    "high from the start": ([9, 8, 0, 0, 1, 0, 0, 0, 0], 81.0),
    "low start, then falling and rising": ([2, 1, 0, 1, 2, 9, 2, 1, 0], 81.0),
    "only rising": ([0, 1, 2, 3, 4, 5, 6, 7, 8], 64.0),
    "plateau": ([0, 2, 2, 0, 5, 0, 0, 0, 0], 4.0),
}


@pytest.mark.parametrize("case", BURSTS)
def test_first_burst(case):
    x, expected = BURSTS[case]
    assert one(np.array(x, dtype=np.float64), "AFB(width=0.001)")[0] == pytest.approx(expected)


def test_width_of_the_burst_is_in_seconds():
    x = noise(400)
    assert one(x, "AFB", sfreq=2000)[0] == pytest.approx(oracles.first_burst(x, 2000))
    assert one(x, "AFB", sfreq=2000)[0] == one(x, "AFB(width=0.064)", sfreq=1000)[0]


@pytest.mark.parametrize("name", RINGS)
def test_rolling_the_channels_rolls_the_rows(name):
    x = SIGNAL[:, :200].astype(np.float64)
    for shift in (1, 2, 5):
        np.testing.assert_allclose(
            features(np.roll(x, shift, axis=0), [name], 1000),
            np.roll(features(x, [name], 1000), shift, axis=0),
            rtol=1e-12,
        )


@pytest.mark.parametrize("name", RINGS)
def test_each_distance_stands_in_two_rows(name):
    table = features(SIGNAL[:, :200], [name], 1000)
    for c in range(6):
        for k in range(1, 6):
            assert table[c, k - 1] == table[(c + k) % 6, 5 - k]


@pytest.mark.parametrize("name", RINGS)
def test_rings_of_few_or_silent_channels(name):
    assert features(SIGNAL[:1], [name], 1000).shape == (1, 0)
    assert feature_columns([name], 1000, 2) == [f"{name}[distance +1]", f"{name}[ratio +1]"]
    silent = features(np.zeros((3, 50)), [name], 1000)
    np.testing.assert_allclose(silent[:, :2], LOG_FLOOR)
    np.testing.assert_array_equal(silent[:, 2:], 0)
    assert np.isfinite(features(np.ones((3, 1)), [name], 1000)).all()


BAD = {
    "AR": ("AR(order=0)", "order=0; required is a whole number of at least 1"),
    "CC": ("CC(order=65)", "order=65; required is an order of at most 64"),
    "bins": ("HIST(bins=0)", "bins=0; required"),
    "many bins": ("HIST(bins=2000)", "bins=2000; required are at most 1024 bins"),
    "limit": ("HIST(limit=0)", "limit=0.0; required is a finite number above 0 standard deviations"),
    "parts": ("MHW(parts=0)", "parts=0; required"),
    "many parts": ("MTW(parts=65)", "parts=65; required are at most 64 parts"),
    "width": ("AFB(width=0)", "width=0.0; required is a finite number above 0 s"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case):
    name, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        one(noise(50), name)


@pytest.mark.parametrize("name", ["AR", "LS", "RMSPHASOR"])
def test_entries_say_what_they_are(name):
    entry = describe_feature(name)
    assert "doi:10." in entry["source"]
    assert len(entry["formula"]) > 40
