"""Spectral and wavelet features: the oracle at any rate, tones, silence, options, and the peers' defects by name."""

import dsp_oracles
import dsp_oracles_features
import dsp_oracles_spectral
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError, feature_columns, features, windows
from emg_dsp._features.wavelets import SYM8

NAMES = sorted(dsp_oracles_spectral.FEATURES)
SPECTRAL = [name for name in NAMES if not name.startswith("W")]
WAVELETS = [name for name in NAMES if name.startswith("W")]
SIGNAL = dsp_oracles.emg(3, 700) - 0.4


def one(x, name, sfreq=1000.0):
    return features(np.asarray(x)[None, :], [name], sfreq)[0]


def tone(freq, sfreq=1000, length=1000):
    return np.sin(2 * np.pi * freq * np.arange(length) / sfreq + 0.3)


@pytest.mark.parametrize("sfreq", [200, 1000.0, 2048])
@pytest.mark.parametrize("name", NAMES)
def test_equals_the_oracle_at_any_rate(name, sfreq):
    """LibEMG assumes 1000 Hz unless told (reference case 8)."""
    for length in (40, 64, 205):
        w = windows(SIGNAL, length, 100)
        got = features(w.astype(np.float64), [name], sfreq)
        np.testing.assert_allclose(got, dsp_oracles_features.features(w, [name], sfreq), rtol=1e-7, atol=1e-13)
        single = features(w, [name], sfreq)
        assert single.dtype == np.float32
        np.testing.assert_array_equal(single, got.astype(np.float32))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("name", NAMES)
def test_short_windows(name, length):
    x = SIGNAL[0, :length].astype(np.float64)
    np.testing.assert_allclose(
        one(x, name), dsp_oracles_features.features(x[None, :], [name])[0], rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_window_has_the_bits_it_has_alone(name):
    """For every number of windows around those that are transformed together."""
    for length in (50, 129):
        w = windows(SIGNAL, length, 15)
        together = features(w, [name], 1000)
        for n in (0, 7, 15, 16, 17, len(w) - 1):
            np.testing.assert_array_equal(features(w[n : n + 1, 1:2], [name], 1000), together[n : n + 1, 1:2])
        np.testing.assert_array_equal(features(w, [name], 1000, threads=3), together)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [50, 64])
def test_silence_is_what_the_formula_says_never_an_exception(name, length):
    """LibEMG: MDF raises IndexError, MNF and WENT give NaN with a warning (reference case 7)."""
    got = one(np.zeros(length), name)
    zero = {"MNP", "TTP", "SM", "SM1", "SM2", "SM3", "DFTR", "WENT"}
    first = name.split("(")[0]
    if first in {"WENG", "WV", "WWL"}:
        np.testing.assert_allclose(got, np.log(1e-10))
    else:
        np.testing.assert_array_equal(got, 0 if first in zero else np.nan)
        assert ("silen" in emg_dsp.describe_feature(first)["formula"]) or np.isnan(got).all()


CENTRED = sorted({name.split("(")[0] for name in SPECTRAL})


@pytest.mark.parametrize("level", [1e-6, 0.1, -3.7, 2048.0, 1e5 / 3])
@pytest.mark.parametrize("length", [1, 2, 50, 64, 410])
def test_a_centred_flat_window_is_silence_whatever_rounding_leaves(length, level):
    """The mean of 410 times 0.1 is not 0.1; ratios of what is left would be numbers without a meaning."""
    names = [f"{name}({options})" for name in CENTRED for options in ("centre=1", "centre=1, taper=1")]
    got, silent = (features(np.full((1, length), value), names, 1000) for value in (level, 0.0))
    np.testing.assert_array_equal(got, silent)


@pytest.mark.parametrize("level", [1e-6, -3.7, 1e5 / 3])
@pytest.mark.parametrize("options", ["taper=0", "taper=1"])
def test_a_flat_window_that_fills_its_transform_has_power_at_frequency_0_only(level, options):
    """With a Hann window also in the next bin, a quarter of it; no rounding stands in for the rest."""
    x, step, tapered = np.full(256, level), 1000 / 256, options == "taper=1"
    got = {name: one(x, f"{name}({options})")[0] for name in ("MNF", "PKF", "TTP", "SFLT", "SE", "TWR", "TWI")}
    assert got["PKF"] == got["TWR"] == got["TWI"] == got["SFLT"] == 0
    np.testing.assert_allclose(got["TTP"], level**2 * ((2 / 3) * 1.25 if tapered else 1), rtol=1e-12)
    np.testing.assert_allclose(got["MNF"], step / 5 if tapered else 0, rtol=1e-12)
    np.testing.assert_allclose(got["SE"], -0.8 * np.log2(0.8) - 0.2 * np.log2(0.2) if tapered else 0, rtol=1e-12)
    for name in ("FR", "PSR", "SNR", "DPR"):
        assert np.isnan(one(x, f"{name}({options})")[0])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_tone_on_a_bin_has_its_power_there_and_nowhere_else(offset):
    """Also below an offset a million times larger, once that is taken out."""
    x = tone(125, 1024, 1024) + offset
    got = {name: one(x, f"{name}(centre=1)", 1024)[0] for name in CENTRED if name not in {"DFTR", "TWS"}}
    for name in ("MNF", "MDF", "PKF", "SR"):
        np.testing.assert_allclose(got[name], 125, rtol=1e-12)
    np.testing.assert_allclose(got["TTP"], 0.25, rtol=1e-9)
    np.testing.assert_allclose(got["SM2"], 0.25 * 125**2, rtol=1e-9)
    assert got["PSR"] == 1
    np.testing.assert_allclose(got["OHM"], 1, rtol=1e-12)
    for name in ("VCF", "SS", "SBW", "SFLT", "SFLX", "SE"):
        np.testing.assert_allclose(got[name], 0, atol=1e-9)
    for name in ("FR", "SNR", "DPR", "TWR", "TWI"):
        assert np.isnan(got[name])


def test_noise_below_a_large_offset_keeps_its_spectrum():
    """Rounding to float64 costs it 1e-10 of its amplitude, the rule for rounding nothing."""
    noise = np.random.default_rng(0).standard_normal(1000)
    for name in (f"{name}(centre=1)" for name in CENTRED):
        np.testing.assert_allclose(one(noise + 1e6, name), one(noise, name), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("level", [1e-6, 1.0, -3.7, 2048.0, 1e5])
@pytest.mark.parametrize("length", [1, 17, 40, 64])
def test_details_of_a_flat_window_are_silent(level, length):
    """The high-pass filter adds up to 2e-12, so that its output is not 0 but the same everywhere, of entropy ln n."""
    approximation, *details = one(np.full(length, level), "WENT(level=3)")
    assert details == [0, 0, 0]
    np.testing.assert_allclose(approximation, np.log(length_after(length, 3)), rtol=1e-9)


def length_after(length, levels):
    for _ in range(levels):
        length = (length + 15) // 2
    return length


def test_a_tone_below_a_large_offset_keeps_its_wavelet_entropy():
    np.testing.assert_allclose(one(tone(300) * 1e-6 + 1, "WENT")[-1], one(tone(300), "WENT")[-1], rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_scale(name):
    """Powers of two change ratios and frequencies by no bit."""
    x = SIGNAL.astype(np.float64)
    scaled, plain = features(x * 8, [name], 1000), features(x, [name], 1000)
    power = {"MNP": 2, "TTP": 2, "SM": 2, "SM1": 2, "SM2": 2, "SM3": 2, "DFTR": 2 / 3}.get(name.split("(")[0], 0)
    if name.split("(")[0] in {"WENG", "WV", "WWL"}:
        np.testing.assert_allclose(scaled - plain, np.log(8) * (4 if name == "WV" else 2), rtol=1e-9)
    elif name in {"DFTR", "SFLT"}:
        np.testing.assert_allclose(scaled, plain * 8**power, rtol=1e-14)
    else:
        np.testing.assert_array_equal(scaled, plain * 8.0**power)


@pytest.mark.parametrize("sfreq", [1000, 1000.0, np.float64(1000), np.float32(1000), np.int64(1000)])
def test_any_real_number_is_a_rate(sfreq):
    """LibEMG refuses np.float64 (reference case 8)."""
    np.testing.assert_array_equal(one(tone(100), "MNF", sfreq), one(tone(100), "MNF"))


def test_a_tone_is_found():
    x = tone(100)
    assert one(x, "MDF")[0] == 102 * 1000 / 1024  # the bin that a rate of 1000 Hz and 1024 points put it in
    assert abs(one(x, "MDF(interpolate=1)")[0] - 100) < 0.5
    assert abs(one(x, "PKF")[0] - 100) < 1000 / 1024
    assert abs(one(x, "SR(part=0.5)")[0] - one(x, "MDF")[0]) == 0
    assert one(x, "SE")[0] < 2 < one(np.random.default_rng(0).standard_normal(1000), "SE")[0]
    assert one(x, "SFLT")[0] < 0.01
    assert one(np.random.default_rng(0).standard_normal(1000), "SFLT")[0] > 0.4
    assert one(tone(40), "TWR")[0] < 0.01
    assert one(tone(90), "TWI")[0] > 100
    assert one(np.concatenate([tone(50), tone(200)]), "SFLX")[0] > 0.1 > one(tone(50, length=2000), "SFLX")[0]


def test_interpolated_median_is_finer_than_a_bin():
    places = [one(tone(freq), "MDF(interpolate=1)")[0] for freq in np.arange(100, 101, 0.1)]
    assert len({round(float(place), 6) for place in places}) == 10


def test_an_offset_is_power_at_frequency_0_unless_it_is_taken_out():
    x = tone(100) + 5
    assert one(x, "PKF")[0] == 0
    assert abs(one(x, "PKF(centre=1)")[0] - 100) < 1
    assert abs(one(x, "MNF(centre=1, taper=1)")[0] - 100) < 0.2


def test_parseval_holds_for_total_power():
    x = SIGNAL[0, :512].astype(np.float64)
    twice = 2 * one(x, "TTP")[0] - np.mean(x) ** 2 + np.abs(np.sum(x * (-1.0) ** np.arange(512)) / 512) ** 2
    np.testing.assert_allclose(twice, np.mean(x**2), rtol=1e-12)


def test_same_feature_under_another_name():
    np.testing.assert_array_equal(one(SIGNAL[0], "SC"), one(SIGNAL[0], "MNF"))
    np.testing.assert_array_equal(one(SIGNAL[0], "SM"), one(SIGNAL[0], "SM2"))
    np.testing.assert_array_equal(one(SIGNAL[0], "SBW"), one(SIGNAL[0], "SS"))


def test_columns_follow_the_rate():
    assert feature_columns(["DFTR"], 200) == ["DFTR[20-92Hz]"]
    assert len(feature_columns(["DFTR"], 2048)) == 6
    assert feature_columns(["WENG"], 200) == [f"WENG[{band}]" for band in ("A5", "D5", "D4", "D3", "D2", "D1")]
    assert len(feature_columns(["WV"], 2048)) == 10
    assert len(feature_columns(["WV"], 2)) == 2
    assert feature_columns(["WENT(level=2)"], 2048) == [f"WENT(level=2)[{band}]" for band in ("A2", "D2", "D1")]
    bands = ("A5", "D5", "D4", "D3", "D2", "D1")
    wavelets = [f"{name}[{band}]" for name in ("WENG", "WV", "WWL", "WENT") for band in bands]
    assert feature_columns(["MSWT"], 200) == wavelets
    assert feature_columns(["TWS"], 1000) == ["TWS[fast]", "TWS[slow]"]


def test_int8_is_widened():
    x = np.round(SIGNAL * 60).astype(np.int8)
    for name in NAMES:
        np.testing.assert_array_equal(features(x, [name], 500), features(x.astype(np.float32), [name], 500))


def test_nan_stays_in_its_window():
    x = SIGNAL.copy()
    x[1, 330] = np.nan
    w = windows(x, 100, 100)
    with pytest.raises(EmgDspError, match=r"x \[3\] has nan in channel 1 at sample 30"):
        features(w, ["MNF"], 1000)
    got, clean = features(w, NAMES, 1000, nan="propagate"), features(windows(SIGNAL, 100, 100), NAMES, 1000)
    assert np.isnan(got[3, 1]).all()
    got[3, 1] = clean[3, 1]
    np.testing.assert_array_equal(got, clean)


def test_the_wavelet_is_the_one_it_is_said_to_be():
    """Orthonormal to its own shifts by two, eight vanishing moments."""
    low = np.array(SYM8)
    high = np.array([(-1) ** (j + 1) * SYM8[15 - j] for j in range(16)])
    np.testing.assert_allclose(low.sum(), np.sqrt(2), rtol=1e-12)
    for shift in range(8):
        np.testing.assert_allclose(low[2 * shift :] @ low[: 16 - 2 * shift], shift == 0, atol=1e-12)
        np.testing.assert_allclose(high[2 * shift :] @ low[: 16 - 2 * shift], 0, atol=1e-12)
        np.testing.assert_allclose((np.arange(16.0) / 16) ** shift @ high, 0, atol=1e-9)


BAD = {
    "taper": (["MNF(taper=2)"], 1000, r"taper=2; required is 0 \(no\) or 1 \(yes\)"),
    "centre": (["SE(centre=-1)"], 1000, "centre=-1; required is 0"),
    "interpolate": (["MDF(interpolate=3)"], 1000, "interpolate=3; required is 0"),
    "order": (["SM(order=0)"], 1000, "order=0; required is 0 < order <= 10"),
    "part": (["SR(part=1)"], 1000, "part=1; required is 0 < part <= 0.999"),
    "split": (["TWR(split=0)"], 1000, "split=0; required is 0 < split"),
    "bands": (["FR(split=20)"], 1000, "low=30, split=20, high=500 Hz; required is 0 <= low < split < high"),
    "around": (["PSR(around=0)"], 1000, "around=0; required"),
    "negative": (["DPR(low=-1)"], 1000, "low=-1, high=500 Hz; required is 0 <= low < high"),
    "rate for DFTR": (["DFTR"], 184, "sfreq=184 Hz; required for DFTR is a rate above 184 Hz"),
    "level": (["WENG(level=21)"], 1000, "level=21; required is 1 to 20, or 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_named(case):
    names, sfreq, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        features(SIGNAL, names, sfreq)
