"""Features of amplitude, distribution, differences and counts: defined values, laws, and the peers' defects by name.

Cases are those of LibEMG 2.0.3 and EMGFlow 1.1.2.
"""

import dsp_oracles
import dsp_oracles_features as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import emg_dsp
from emg_dsp import features, mav, rms, windows

LAW = settings(derandomize=True, deadline=None, max_examples=40)
SFREQ = 1000.0
SIGNAL = dsp_oracles.emg(5, 900)
AMPLITUDE = ["MAV", "MAV1", "MAV2", "MEAN", "IAV", "SSI", "RMS", "VAR", "MPK"]
DISTRIBUTION = ["VORD", "LOG", "LD", "MSR", "TM", "TM3", "TM4", "TM5", "SKEW", "KURT"]
DIFFERENCE = ["WL", "AAC", "DASDV", "MFL", "MAVSLP", "MDIFF", "MZP", "MLK", "PAP", "COR"]
SHAPE = ["ACT", "MOB", "COMP", "M0", "M2", "M4", "SPARSI", "IRF", "WLF"]
COUNTS = ["ZC", "SSC", "WAMP", "MYOP"]
NAMES = [*AMPLITUDE, *DISTRIBUTION, *DIFFERENCE, *SHAPE, *COUNTS]


def one(x, name):
    return features(np.asarray(x)[None, :], [name], SFREQ)[0, 0]


ZEROS = {
    "through zero": ([1, 0, -1], 1),
    "touching zero": ([1, 0, 1], 0),
    "long stay at zero": ([1, 0, 0, 0, -1, 0, 2], 2),
    "leading zeros": ([0, 0, -1, 1], 1),
    "trailing zeros": ([1, -1, 0, 0], 1),
    "negative zero": ([1, -0.0, 1], 0),
    "one zero": ([0], 0),
    "zeros alone": ([0, 0, 0], 0),
    "tiny values": ([1e-300, -1e-300, 1e-300], 2),
}


@pytest.mark.parametrize("name", ["ZC", "ZC(threshold=1e-320)"])
@pytest.mark.parametrize("case", ZEROS)
def test_zero_crossings_at_exact_zeros(case, name):
    """LibEMG counts none where the signal passes through an exact zero (case 3)."""
    x, count = ZEROS[case]
    assert one(np.array(x, dtype=np.float64), name) == count


def test_a_window_that_begins_with_zeros_forgets_what_was_before_it():
    x = np.array([[1.0, 0, 0, 0, -1, 0, 0, 2, 0, 0, 0, 0, 0, 0, -3, 0]])
    w = windows(x, 5, 1)
    expected = oracles.features(w, ["ZC"])
    np.testing.assert_array_equal(features(w, ["ZC"], SFREQ), expected)
    assert expected.sum() == 3


@LAW
@given(
    arrays.arrays(np.int8, st.tuples(st.integers(1, 4), st.integers(1, 80)), elements=st.integers(-3, 3)),
    st.integers(1, 20),
    st.integers(1, 25),
)
def test_counts_equal_the_oracle_where_zeros_and_ties_abound(x, length, hop):
    w = windows(x, length, hop)
    names = ["ZC", "SSC", "ZC(threshold=2)", "SSC(threshold=2)", "WAMP(threshold=2)", "MYOP(threshold=2)"]
    if len(w):
        np.testing.assert_allclose(features(w, names, SFREQ), oracles.features(w, names), rtol=1e-7)


@LAW
@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 30), st.integers(0, 99))
def test_counts_are_shared_by_windows_of_any_offset(offsets, length, seed):
    """Windows of uneven spacing, repeated and out of order, as the rows of an index array."""
    x = np.round(np.random.default_rng(seed).standard_normal(100), 1)
    from emg_dsp._features.event_counts import event_counts

    starts = np.array(offsets, dtype=np.int64)
    out = np.empty((2, len(starts)))
    event_counts(x, starts, length, out)
    for row, start in enumerate(offsets):
        window = x[start : start + length]
        assert out[:, row].tolist() == [oracles.FEATURES[name](window, 0) for name in ("ZC", "SSC")]


@LAW
@given(st.integers(0, 2**32 - 1), st.integers(-20, 20), st.sampled_from(NAMES))
def test_features_scale_exactly_with_powers_of_two(seed, exponent, name):
    degree = {"as recorded": 1, "as recorded^2": 2, "as recorded^3": 3, "count": 0}
    unit = emg_dsp.describe_feature(name)["unit"]
    if unit not in degree or name in {"WAMP", "MLK", "VORD", "LOG", "LD"}:
        return
    x = np.random.default_rng(seed).standard_normal((3, 200))
    scale = 2.0 ** (exponent * degree[unit])
    np.testing.assert_array_equal(features(x * 2.0**exponent, [name], SFREQ), features(x, [name], SFREQ) * scale)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"MEAN", "MPK", "SKEW"}))
def test_sign_does_not_matter(name):
    np.testing.assert_allclose(features(-SIGNAL, [name], SFREQ), features(SIGNAL, [name], SFREQ), rtol=1e-6)


@pytest.mark.parametrize("name", ["VAR", "SKEW", "KURT", "WL", "AAC", "DASDV", "MFL", "MDIFF", "MZP", "SSC"])
def test_offset_does_not_matter(name):
    x = SIGNAL.astype(np.float64)
    np.testing.assert_allclose(features(x + 1e6, [name], SFREQ), features(x, [name], SFREQ), rtol=1e-7)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"MAVSLP"}))
def test_time_reversal_does_not_matter(name):
    """Every one of these is symmetric in time, but for the rounding of ramps (MAV1, MAV2)."""
    tolerance = 1e-2 if name in {"MAV1", "MAV2"} else 1e-6
    reverse = features(SIGNAL[:, ::-1], [name], SFREQ)
    np.testing.assert_allclose(reverse, features(SIGNAL, [name], SFREQ), rtol=tolerance)


def test_int8_does_not_overflow():
    """LibEMG: MAV of (-128, -128) is -128, RMS of (100, 100) is 4, WL of (-128, 127) is 1 (case 6)."""
    assert one(np.array([-128, -128], np.int8), "MAV") == 128
    assert one(np.array([100, 100], np.int8), "RMS") == 100
    assert one(np.array([-128, 127], np.int8), "WL") == 255
    assert mav(np.array([-128, -128], np.int8)) == 128
    assert rms(np.array([-128, -128], np.int8)) == 128


def test_windows_of_a_batch_do_not_mix():
    """LibEMG's COMP of a window is 2.62 alone and 5.54 among four (case 4); its MAVSLP mixes windows (case 5)."""
    w = windows(SIGNAL, 90, 45)
    for name in ("COMP", "MAVSLP(segments=3)"):
        np.testing.assert_array_equal(features(w, [name], SFREQ)[3], features(w[3].copy(), [name], SFREQ))


FLAT = {
    "MFL": -12,
    "MLK": np.log(2.0**-52) / 50,
    "LD": 1,
    "MAVSLP": 0,
}
"""What a window of 50 zeros gives; all others give 0."""


@pytest.mark.parametrize("name", NAMES)
def test_zeros_give_a_declared_value(name):
    """LibEMG: MFL -inf; MOB, COMP, SPARSI, SKEW, COR NaN (case 7)."""
    expected = FLAT.get(name, 0)
    if name in SHAPE[3:]:
        expected = oracles.FEATURES[name](np.zeros(50), SFREQ)
        assert -1 <= expected <= 1
    assert one(np.zeros(50), name) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("level", [0.1, 100.0, -3e-7])
@pytest.mark.parametrize(
    "name", ["VAR", "VAR(ddof=1)", "SKEW", "KURT", "WL", "DASDV", "MOB", "COMP", "PAP", "COR", "ZC", "SSC", "WAMP"]
)
def test_constants_give_exactly_0(name, level):
    """LibEMG counts 98 slope changes in a constant window of 100 (case 3)."""
    assert one(np.full(100, level), name) == 0
    assert one(np.full(97, level, np.float32), name) == 0


def test_ramps_of_weighted_means():
    """EMGFlow's MMAV2 has a negative last ramp: 0.501 for a constant 1."""
    assert one(np.ones(100), "MAV2") == pytest.approx(0.75)
    assert one(np.ones(100), "MMAV2") == pytest.approx(0.75)
    assert one(np.ones(1000), "MAV1") == pytest.approx(0.75, abs=1e-3)
    assert one(np.eye(100)[99], "MAV2") == 0
    assert one(np.eye(100)[89], "MAV2") == pytest.approx(0.4 / 100)


def test_sums_are_not_multiplied_by_the_rate():
    """EMGFlow multiplies IEMG by the rate and SSI by its square."""
    x = SIGNAL[:1]
    for name in ("IEMG", "SSI"):
        np.testing.assert_array_equal(features(x, [name], 10.0), features(x, [name], 2000.0))
    assert one(np.full(4, -0.5), "IEMG") == 2


def test_logarithms_are_of_magnitudes():
    """EMGFlow takes ln of signed samples: NaN."""
    assert one(np.array([-np.e, np.e, -1.0, 1.0]), "LOG") == pytest.approx(np.exp(0.5))
    assert one(np.array([-3.0, 0.0, 1.0]), "LOG") == 0
    assert one(np.array([-1.0, 1.0]), "LD") == pytest.approx(2)


def test_variance_states_its_freedom():
    """EMGFlow divides by L - 1, LibEMG by L, both as VAR."""
    x = SIGNAL[0].astype(np.float64)
    assert one(x, "VAR") == pytest.approx(np.var(x))
    assert one(x, "VAR(ddof=1)") == pytest.approx(np.var(x, ddof=1))


def test_complexity_of_a_sine_is_1():
    """LibEMG's COMP is the mobility of the difference."""
    x = np.sin(2 * np.pi * 5 * np.arange(100_000) / 2000)
    assert one(x, "COMP") == pytest.approx(1, rel=1e-3)
    assert one(x, "MOB") == pytest.approx(2 * np.pi * 5 / 2000, rel=1e-3)


def test_thresholds_count_from_the_stated_side():
    steps = np.array([0.0, 1.0, 0.0, 2.0, 0.0, -2.0])
    assert one(steps, "WAMP(threshold=1)") == 3
    assert one(steps, "MYOP(threshold=2)") == 0
    assert one(steps, "MYOP(threshold=1)") == pytest.approx(2 / 6)
    assert one(steps, "SSC(threshold=2)") == 2
    assert one(np.array([1.0, -1.0, 0.5, -1.0]), "ZC(threshold=1.5)") == 3
    assert one(np.array([1.0, -1.0, 0.5, -1.0]), "ZC(threshold=1.6)") == 1


def test_segments_cover_the_window():
    x = np.repeat([1.0, -2.0, 4.0], [3, 3, 4])
    np.testing.assert_allclose(features(x[None], ["MAVSLP(segments=3)"], SFREQ), [[1, 2]])
    assert emg_dsp.feature_columns(["MAVSLP(segments=3)"], SFREQ) == [
        "MAVSLP(segments=3)[1]",
        "MAVSLP(segments=3)[2]",
    ]


def test_orders_of_v_join_what_has_a_name():
    x = SIGNAL[0]
    assert one(x, "VORD(order=1)") == pytest.approx(one(x, "MAV"), rel=1e-6)
    assert one(x, "VORD(order=2)") == one(x, "RMS")
    assert one(x, "TM(order=4)") == one(x, "TM4")
    assert one(x, "VORD(order=60)") == pytest.approx(np.abs(x).max(), rel=0.15)


def test_a_normal_distribution_has_kurtosis_3():
    x = np.random.default_rng(0).standard_normal(200_000)
    assert one(x, "KURT") == pytest.approx(3, abs=0.05)
    assert one(x, "SKEW") == pytest.approx(0, abs=0.03)
    assert one(np.abs(x), "SKEW") > 0.9


def test_mapped_samples_are_the_same_for_windows_that_lie_apart():
    """Overlapping windows share logarithms and roots; windows with gaps between them are copied first."""
    x = SIGNAL.astype(np.float64)
    for name in ("LOG", "LD", "MSR", "VORD(order=3.3)", "M0", "WLF"):
        dense, sparse = windows(x, 30, 10), windows(x, 30, 70)
        np.testing.assert_array_equal(features(dense, [name], SFREQ)[::7], features(sparse, [name], SFREQ))


def test_what_lies_between_windows_is_not_looked_at():
    x = SIGNAL.copy()
    x[:, 45:60] = np.nan
    w = windows(x, 40, 70)
    clean = windows(SIGNAL, 40, 70)
    for name in NAMES:
        np.testing.assert_array_equal(features(w, [name], SFREQ), features(clean, [name], SFREQ))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_bad_sample_is_found_whatever_is_asked_for(dtype, bad):
    """Sums of float32 tell by themselves whether a sample was bad; a difference of windows of one sample does not."""
    for length in (1, 2, 7):
        x = np.ones((1, 21), dtype)
        x[0, 8] = bad
        w = windows(x, length, length)
        for name in ("MEAN", "WL", "MPK", "VAR", "ZC", "RMS"):
            got = features(w, [name], SFREQ, nan="propagate")
            np.testing.assert_array_equal(np.isnan(got).ravel(), ~np.isfinite(w).all(axis=-1).ravel())


def test_units_are_spelt_one_way():
    units = {emg_dsp.describe_feature(name)["unit"] for name in emg_dsp.feature_names()}
    assert not [unit for unit in units if "unit" in unit or "squared" in unit or " of " in unit]
