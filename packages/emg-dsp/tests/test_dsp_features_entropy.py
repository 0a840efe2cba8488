"""Entropies: conventions, laws, and the bound of fuzzy entropy's float32 exponentials."""

import dsp_oracles
import dsp_oracles_entropy as oracles
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emg_dsp import EmgDspError, features, windows
from emg_dsp._features.entropy_matches import ones

LAW = settings(derandomize=True, deadline=None, max_examples=30)
NAMES = ["APEN", "FUZZYEN", "SAMPEN"]
EXACT = ["APEN", "APEN(m=1, r=0.5)", "SAMPEN", "SAMPEN(m=3, r=0.15)", "SAMPEN(m=5, r=0.9)"]
SIGNAL = dsp_oracles.emg(3, 1000)


def one(x, *names):
    return features(np.asarray(x)[None, :], names, 1000)[0]


def regular(samples=300):
    return np.sin(2 * np.pi * np.arange(samples) / 25)


def noise(samples=300, seed=0):
    return np.random.default_rng(seed).standard_normal(samples)


@LAW
@given(
    arrays.arrays(np.int8, st.integers(1, 70), elements=st.integers(-4, 4)),
    st.sampled_from(EXACT),
)
def test_counts_are_exact_where_ties_abound(x, name):
    expected = _expected(x.astype(np.float64), name)
    np.testing.assert_allclose(one(x.astype(np.float64), name)[0], expected, rtol=1e-12, atol=1e-14)


def _expected(x, name):
    size, ratio = {"(m=1, r=0.5)": (1, 0.5), "(m=3, r=0.15)": (3, 0.15), "(m=5, r=0.9)": (5, 0.9)}.get(
        name[name.find("(") :] if "(" in name else "", (2, 0.2 if name == "APEN" else 0.3)
    )
    oracle = oracles.approximate_entropy if name.startswith("APEN") else oracles.sample_entropy
    return oracle(x, size, ratio)


@LAW
@given(
    arrays.arrays(np.float64, st.integers(4, 60), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([0.1, 0.3, 2]),
)
def test_fuzzy_entropy_is_within_its_bound(x, ratio):
    """Similarities below 2^-126 are the other stated rule, and need windows far from any EMG: they are left out."""
    expected = oracles.fuzzy_entropy(x, ratio)
    if np.ptp(x) == 0 or x.std() > 1e-6 * np.abs(x).max():
        got = one(x, f"FUZZYEN(r={ratio})")[0]
        assert abs(got - expected) < 1e-5 or expected > 50


@pytest.mark.parametrize("options", ["m=2, n=3", "m=1, n=2", "m=4, r=0.5, n=1"])
def test_fuzzy_entropy_of_other_templates(options):
    given = {"m": 2, "r": 0.3, "n": 2} | {
        key: float(value) for key, value in (part.split("=") for part in options.split(", "))
    }
    expected = [
        oracles.fuzzy_entropy(x, given["r"], int(given["m"]), int(given["n"])) for x in SIGNAL[:, :90].astype(float)
    ]
    got = features(SIGNAL[:, :90].astype(float), [f"FUZZYEN({options})"], 1000)[:, 0]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("samples", [1100, 1700])
def test_fuzzy_entropy_of_long_windows_is_within_its_bound(samples):
    x = np.cumsum(noise(samples)) * 0.05 + noise(samples, 1) + 1e4
    assert abs(one(x, "FUZZYEN")[0] - oracles.fuzzy_entropy(x)) < 1e-5


@LAW
@given(st.integers(0, 999), st.integers(-30, 30), st.sampled_from(NAMES), st.sampled_from([-1.0, 1.0]))
def test_neither_unit_nor_sign_nor_offset_matters(seed, exponent, name, sign):
    """LibEMG's and Chen's fuzzy entropy gives 0 for volts and another value for microvolts."""
    x = noise(80, seed)
    got = one(sign * x * 2.0**exponent, name)
    np.testing.assert_allclose(got, one(x, name), rtol=1e-5)
    np.testing.assert_allclose(one(x + 3, name), one(x, name), atol=1e-5)


@pytest.mark.parametrize("name", ["APEN", "FUZZYEN", "SAMPEN", "SAMPEN(m=4)"])
def test_time_reversed_windows_have_the_same_entropy_but_for_their_ends(name):
    x = noise(2000)
    assert one(x[::-1], name)[0] == pytest.approx(one(x, name)[0], rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_what_repeats_itself_has_little_entropy(name):
    assert one(regular(), name)[0] < 0.5 * one(noise(), name)[0]


def test_sample_entropy_of_noise_is_that_of_theory():
    """Independent samples: -ln of the chance that two normal samples lie within 0.3 deviations, 1.78."""
    from scipy.stats import norm

    chance = 2 * norm.cdf(0.3 / np.sqrt(2)) - 1
    assert one(noise(8000), "SAMPEN")[0] == pytest.approx(-np.log(chance), rel=0.02)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.0, -7.3, 1e-30])
def test_flat_windows_have_none(name, level):
    """LibEMG divides by the deviation: NaN."""
    assert one(np.full(50, level), name)[0] == 0
    assert one(np.full(50, level, np.float32), name)[0] == 0


def test_no_match_gives_the_largest_value_that_can_be_told():
    """Richman and Moorman, after equation 7; LibEMG adds 2e-16 to both counts and gives about 34."""
    x = 2.0 ** np.arange(12)
    assert one(x, "SAMPEN(r=0.0001)")[0] == pytest.approx(np.log(10 * 9 / 2))
    only_short = np.array([0.0, 0, 9, 5, 0, 0, -9, 3])
    assert one(only_short, "SAMPEN")[0] == pytest.approx(np.log(6 * 5 / 2))
    assert oracles.alike(only_short, 2, 6, 0.3).sum() > 6
    assert np.isfinite(one(x, "APEN(r=0.0001)")).all()


@pytest.mark.parametrize(
    ("name", "least"),
    [("SAMPEN", 4), ("SAMPEN(m=5)", 7), ("APEN", 3), ("APEN(m=1)", 2), ("FUZZYEN", 4), ("FUZZYEN(m=3)", 5)],
)
def test_windows_that_are_too_short_have_no_value(name, least):
    x = noise(20)
    for length in range(1, 10):
        assert np.isnan(one(x[:length], name)[0]) == (length < least)


@pytest.mark.parametrize("name", [*NAMES, "SAMPEN(m=3, r=0.15)"])
def test_a_window_does_not_depend_on_the_batch(name):
    w = windows(SIGNAL, 60, 50)
    together = features(w, [name], 1000, threads=2)
    for n, c in np.ndindex(w.shape[:2]):
        np.testing.assert_array_equal(together[n, c], features(w[n : n + 1, c : c + 1], [name], 1000)[0, 0])


@pytest.mark.parametrize("name", NAMES)
def test_outliers_change_time_not_values(name):
    """One spike puts all other samples into one bucket of the sort."""
    x = noise(700)
    x[13] = 1e6
    expected = {
        "APEN": oracles.approximate_entropy,
        "FUZZYEN": oracles.fuzzy_entropy,
        "SAMPEN": oracles.sample_entropy,
    }[name](x)
    assert one(x, name)[0] == pytest.approx(expected, abs=1e-5)


def test_bits_are_counted_by_one_instruction():
    compiled = numba.njit(lambda word: ones(word))  # noqa: PLW0108  an overload is no function of its own
    assert compiled(np.uint64(2**63 + 5)) == 3
    assert "ctpop" in compiled.inspect_llvm(compiled.signatures[0])


BAD = {
    "r": ("SAMPEN(r=0)", "r=0.0; required is a finite number above 0 standard deviations"),
    "negative": ("FUZZYEN(r=-1)", "r=-1.0; required"),
    "m": ("APEN(m=0)", "m=0; required is a whole number of at least 1 samples"),
    "long": ("SAMPEN(m=33)", "m=33; required are templates of at most 32 samples"),
    "steep": ("FUZZYEN(n=17)", "n=17; required is an exponent of at most 16"),
    "exponent": ("FUZZYEN(n=0)", "n=0; required is a whole number of at least 1"),
    "option": ("SAMPEN(n=2)", "SAMPEN has no option n"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case):
    name, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        one(noise(), name)


def test_tolerance_at_exactly_a_difference_counts():
    """Differences of 1 with a deviation of 2 and r = 0.5, whatever rounding makes of the deviation."""
    x = np.array([0.0, 1, 0, 1, 4, 5, 4, 5] * 5)
    assert x.std() == pytest.approx(np.sqrt(4.25))
    ratio = float(1 / np.sqrt(4.25))
    assert one(x, f"SAMPEN(r={ratio!r})")[0] == pytest.approx(oracles.sample_entropy(x, 2, ratio))
    assert one(x, f"SAMPEN(r={ratio!r})")[0] != one(x, f"SAMPEN(r={ratio * 0.99!r})")[0]
