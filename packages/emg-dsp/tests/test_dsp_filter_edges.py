"""Zero-phase filtering at the edges: scipy's rules, any extension, blocks that cannot be told apart."""

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError
from emg_dsp._filters.round_trip import BLOCK

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"].ours()
RULES = [("odd", None), ("even", None), ("constant", None), (None, None), ("odd", 0), ("even", 7), ("constant", 400)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [401, BLOCK - 2, BLOCK - 33, 2 * BLOCK + 1])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_scipy(rule, samples, dtype):
    padtype, padlen = rule
    x = dsp_oracles.emg(7, samples).astype(dtype)
    expected = signal.sosfiltfilt(CLEAN.sos, x.astype(np.float64), padtype=padtype, padlen=padlen)
    got = CLEAN.zero_phase(x, padtype, padlen)
    assert dsp_oracles.relative_error(got, expected) < (1e-6 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("rule", ["odd", "even", "constant"])
def test_the_longest_extension_equals_scipy(rule):
    x = dsp_oracles.emg(3, 700).astype(np.float64)
    expected = signal.sosfiltfilt(CLEAN.sos, x, padtype=rule, padlen=699)
    np.testing.assert_allclose(CLEAN.zero_phase(x, rule, 699), expected, atol=1e-11)


@pytest.mark.parametrize("name", dsp_oracles.DESIGNS)
def test_default_extension_equals_scipy_for_every_design(name):
    design = dsp_oracles.DESIGNS[name]
    x = dsp_oracles.emg(2, 300).astype(np.float64)
    np.testing.assert_allclose(design.ours().zero_phase(x), signal.sosfiltfilt(design.sos(), x), atol=1e-8)


def test_a_constant_passes_a_low_pass_unchanged_under_every_rule():
    low = emg_dsp.lowpass(10, 1000)
    for rule in ("odd", "even", "constant", None):
        np.testing.assert_allclose(low.zero_phase(np.full((2, 90), 3.0), rule), 3.0, rtol=1e-9)


def test_without_extension_one_sample_is_enough():
    x = np.array([[2.0], [-1.0]])
    np.testing.assert_allclose(CLEAN.zero_phase(x, None), signal.sosfiltfilt(CLEAN.sos, x, padtype=None), atol=1e-14)
    with pytest.raises(EmgDspError, match=r"x has 0 samples.*requires more than 0"):
        CLEAN.zero_phase(np.zeros((2, 0)), None)


BAD = {
    "rule": (("mirror",), r"padtype='mirror'; required is 'odd', 'even', 'constant' or None"),
    "length": (("odd", -1), r"padlen=-1; required is a whole number of at least 0 samples"),
    "fraction": (("odd", 1.5), r"padlen=1.5; required is a whole number"),
    "both": ((None, 10), r"padlen=10 with padtype=None; required is a padtype, or no padlen"),
    "too long": (("even", 500), r"x has 500 samples.*by 500 samples and requires more than 500.*smaller padlen"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rules_are_named(case):
    arguments, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        CLEAN.zero_phase(np.zeros((1, 500)), *arguments)
