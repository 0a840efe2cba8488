"""Features: one contract over the registry, and the peers' defects as named cases (LibEMG 2.0.3, EMGFlow 1.1.2)."""

import dsp_oracles
import dsp_oracles_features
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError, features, mav, rms, windows
from emg_dsp._features.registry import REGISTRY

NAMES = emg_dsp.feature_names()
SIGNAL = np.round(dsp_oracles.emg(5, 900), 1)


def one(x, name):
    return features(np.asarray(x)[None, :], [name], sfreq=1000)[0, 0]


def test_the_registry_and_the_oracles_name_the_same_features():
    assert sorted(REGISTRY) == NAMES == sorted(dsp_oracles_features.FEATURES)


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name):
    entry = REGISTRY[name]
    assert entry.name == name
    assert entry.unit in {"as recorded", "count"}
    assert "doi:" in entry.source
    assert entry.formula
    assert entry.needs


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "int32", "int64", "float16", "float32", ">f4", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_equals_oracle_for_every_type(name, dtype):
    x = (SIGNAL * 10).astype(dtype)
    got = features(windows(x, 41, 10), [name], sfreq=1000)
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)
    expected = dsp_oracles_features.features(windows(x, 41, 10), [name])
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_window_does_not_depend_on_the_batch(name):
    """LibEMG's COMP sums over all windows and channels, its MAVSLP mixes them (reference cases 4 and 5)."""
    w = windows(SIGNAL, 50, 13)
    together = features(w, [name], sfreq=1000)
    alone = [[features(w[n : n + 1, c : c + 1], [name], sfreq=1000)[0, 0] for c in range(5)] for n in range(len(w))]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("name", NAMES)
def test_asking_for_all_changes_no_value(name):
    w = windows(SIGNAL, 64, 16)
    together = features(w, NAMES, sfreq=1000)[..., NAMES.index(name)]
    np.testing.assert_allclose(together, features(w, [name], sfreq=1000)[..., 0], rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_changes_no_value(name):
    w = windows(SIGNAL, 40, 10)
    expected = features(w, [name], sfreq=1000)
    time_major = windows(np.ascontiguousarray(SIGNAL.T).T, 40, 10)
    for given in (w.copy(), np.asfortranarray(w), time_major, w[::-1].copy()[::-1], w.astype(np.float32)[::-1][::-1]):
        np.testing.assert_array_equal(features(given, [name], sfreq=1000), expected)
    every_other = windows(np.repeat(SIGNAL, 2, axis=1)[:, ::2], 40, 10)
    np.testing.assert_array_equal(features(every_other, [name], sfreq=1000), expected)
    np.testing.assert_array_equal(features(w[:, ::-2], [name], sfreq=1000), expected[:, ::-2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.0, 100.0])
def test_flat_window_is_finite(name, level):
    """LibEMG gives -inf, NaN or an exception for zeros, and 98 slope changes for a constant (cases 3 and 7)."""
    expected = {"RMS": level, "MAV": level}.get(name, 0)
    assert one(np.full(100, level), name) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [1, 2])
def test_shortest_windows(name, length):
    x = np.array([3.0, -4.0])[:length]
    assert one(x, name) == pytest.approx(float(dsp_oracles_features.FEATURES[name](x, 1000)))


@pytest.mark.parametrize("name", NAMES)
def test_no_window_gives_no_row(name):
    """A signal shorter than one window (case 10)."""
    assert features(windows(np.zeros((8, 39), np.float32), 40, 10), [name], sfreq=200).shape == (0, 8, 1)


@pytest.mark.parametrize("rate", [2048, 2048.0, np.float64(2048), np.float32(2048), np.int64(2048)])
def test_any_real_number_is_a_rate(rate):
    """LibEMG refuses np.float64 (case 8)."""
    assert features(SIGNAL, ["RMS"], sfreq=rate).shape == (5, 1)


ZEROS = {
    "through zero": ([1, 0, -1], 1),
    "touching zero": ([1, 0, 1], 0),
    "long stay at zero": ([1, 0, 0, 0, -1, 0, 2], 2),
    "leading zeros": ([0, 0, -1, 1], 1),
    "trailing zeros": ([1, -1, 0, 0], 1),
    "negative zero": ([1, -0.0, 1], 0),
    "tiny values": ([1e-300, -1e-300, 1e-300], 2),
}


@pytest.mark.parametrize("case", ZEROS)
def test_zero_crossings_at_exact_zeros(case):
    """LibEMG counts none where the signal passes through an exact zero (case 3)."""
    x, count = ZEROS[case]
    assert one(np.array(x, dtype=np.float64), "ZC") == count


def test_int8_does_not_overflow():
    """LibEMG: MAV of (-128, -128) is -128, RMS of (100, 100) is 4, WL of (-128, 127) is 1 (case 6)."""
    assert one(np.array([-128, -128], np.int8), "MAV") == 128
    assert one(np.array([100, 100], np.int8), "RMS") == 100
    assert one(np.array([-128, 127], np.int8), "WL") == 255
    assert mav(np.array([-128, -128], np.int8)) == 128
    assert rms(np.array([-128, -128], np.int8)) == 128


def test_nan_is_reported_or_kept_in_its_window():
    """LibEMG compares with ``== nan``, so nothing is ever found (case 1); EMGFlow joins across gaps."""
    x = SIGNAL.copy()
    x[3, 100] = np.nan
    w = windows(x, 40, 40)
    with pytest.raises(EmgDspError, match=r"x \[2\] has nan in channel 3 at sample 20"):
        features(w, NAMES, sfreq=1000)
    got = features(w, NAMES, sfreq=1000, nan="propagate")
    assert np.isnan(got[2, 3]).all()
    got[2, 3] = 0
    assert np.isfinite(got).all()
    with pytest.raises(EmgDspError, match="x has inf in channel 0 at sample 1"):
        rms(np.array([1.0, np.inf]))


@pytest.mark.parametrize("function", [rms, mav])
def test_single_features_take_any_number_of_axes(function):
    oracle = dsp_oracles_features.FEATURES[function.__name__.upper()]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 50))
    np.testing.assert_allclose(function(x), np.apply_along_axis(oracle, -1, x, 1000), rtol=1e-12)
    assert function(x[0, 0, 0]).shape == ()
    assert function(x.astype(np.float32)).dtype == np.float32


BAD = {
    "unknown": (["AR9"], r"unknown feature 'AR9'; near names are .*feature_names\(\) lists all"),
    "near": (["rms"], r"unknown feature 'rms'; near names are RMS"),
    "text": ("RMS", r"names='RMS'; required is a list"),
    "none": ([], r"names=\[\]; required is a list"),
    "twice": (["RMS", "ZC", "RMS"], r"names has RMS more than once"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_names(case):
    """LibEMG ignores unknown names silently (case 2)."""
    names, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        features(SIGNAL, names, sfreq=1000)


def test_bad_windows():
    with pytest.raises(EmgDspError, match=r"windows of 0 samples"):
        features(np.zeros((3, 2, 0)), ["RMS"], sfreq=1000)
    with pytest.raises(EmgDspError, match=r"windows has shape \(10,\)"):
        features(np.zeros(10), ["RMS"], sfreq=1000)
    with pytest.raises(EmgDspError, match=r"sfreq=0; required"):
        features(SIGNAL, ["RMS"], sfreq=0)
    with pytest.raises(EmgDspError, match=r"x is a single number"):
        rms(1.0)
    with pytest.raises(EmgDspError, match=r"nan='x'"):
        rms(SIGNAL, nan="x")


def test_overflow_is_told_apart_from_bad_samples():
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        rms(np.full((2, 3), 1e200))
    assert np.isnan(rms(np.full((2, 3), 1e200), nan="propagate")).all()


def test_ragged_rows_are_named():
    for call in (lambda: rms([[1, 2], [3]]), lambda: windows([[1, 2], [3]], 1, 1)):
        with pytest.raises(EmgDspError, match="x has rows of different length"):
            call()


def test_names_may_be_an_array():
    assert features(np.ones((2, 9)), np.array(["RMS", "MAV"]), 1.0).shape == (2, 2)
