"""Features: one contract over the whole registry, and the names that callers write."""

from functools import cache

import dsp_oracles
import dsp_oracles_features as oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError, Features, describe_feature, feature_columns, features, mav, rms, windows
from emg_dsp._features.registry import ALIASES, REGISTRY

SFREQ = 1000.0
NAMES = sorted({*oracles.FEATURES, *oracles.ACROSS})
"""Every feature with its default options, and some with others."""
SIGNAL = np.round(dsp_oracles.emg(3, 160).astype(np.float64) * 8) / 8
WINDOWS = windows(SIGNAL, 40, 17)
LAYOUTS = [
    np.ascontiguousarray(WINDOWS),
    np.asfortranarray(WINDOWS),
    windows(np.ascontiguousarray(SIGNAL.T).T, 40, 17),
    WINDOWS[::-1].copy()[::-1],
    windows(np.repeat(SIGNAL, 2, axis=1)[:, ::2], 40, 17),
    WINDOWS[None, :, None],
]
"""The same windows in other places of memory; the first is read-only."""
LAYOUTS[0].flags.writeable = False
LEVELS = np.array([0.0, 100.0, 0.1, -1 / 3, -3e-7])[:, None, None]
FLOATS = {"rtol": 2e-6, "atol": 1e-9, "equal_nan": True}
every = pytest.mark.parametrize("name", NAMES)


def compute(w, name, **options):
    return features(w, [name], SFREQ, **options)


def one(x, name):
    return compute(np.asarray(x)[None, :], name)[0]


def test_the_registry_and_the_oracles_name_the_same_features():
    assert sorted(REGISTRY) == sorted({name.split("(")[0] for name in NAMES})
    assert emg_dsp.feature_names() == sorted({*REGISTRY, *ALIASES})
    assert len(REGISTRY) + len(ALIASES) == len(emg_dsp.feature_names())


UNION = """
    MAV MAV1 MMAV1 MAV2 MMAV2 MEAN IAV IEMG SSI ISD RMS VAR VORD LOG LD MSR LS MPK AFB HIST TM3 TM4 TM5 AP SKEW KURT
    WL AAC MAVFD DASDV MFL MAVSLP MDIFF MZP MLK PAP COR WLF IRF SPARSI M0 M2 M4 ACT MOB COMP
    ZC SSC WAMP MYOP SAMPEN FUZZYEN APEN AR CC MHW MTW
    MNF MDF PKF MNP TTP SM1 SM2 SM3 FR PSR VCF DFTR SC SS SFLT SFLX SDEC SE SR SBW TWR TWI TWS SNR DPR OHM
    WENG WV WWL WENT RMSPHASOR WLPHASOR
"""


def test_the_union_of_the_peers_names_is_known():
    assert set(UNION.split()) <= set(emg_dsp.feature_names())


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_entry_is_complete(name):
    entry = REGISTRY[name]
    assert entry.name == name
    assert entry.formula
    assert entry.unit
    assert "doi:" in entry.source or "our definition" in entry.source
    described = describe_feature(name)
    assert described["options"] == dict(entry.options)
    assert (described["formula"], described["unit"], described["source"]) == (entry.formula, entry.unit, entry.source)
    assert all(isinstance(value, int | float) for value in entry.options.values())


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_another_name_gives_the_same_values(alias):
    w = windows(SIGNAL, 41, 20)
    np.testing.assert_array_equal(compute(w, alias), compute(w, ALIASES[alias]))
    assert describe_feature(alias)["same_as"] == ALIASES[alias]
    assert feature_columns([alias], SFREQ)[0].startswith(alias)


@pytest.mark.parametrize("group", sorted(emg_dsp.feature_groups()))
def test_a_group_stands_for_its_members(group):
    members = emg_dsp.feature_groups()[group]
    assert feature_columns([group], SFREQ) == feature_columns(members, SFREQ)
    w = windows(SIGNAL, 41, 20)
    np.testing.assert_array_equal(compute(w, group), features(w, members, SFREQ))


@every
def test_equals_oracle_for_every_type_and_in_the_shortest_windows(name):
    """Values are multiples of 1/8, which every float type holds, and of 1 as integers."""
    for x, kinds in ((SIGNAL * 8, ("int8", "int64")), (SIGNAL, (">f4", "float64"))):
        expected = oracles.features(windows(x, 41, 59), [name], SFREQ)
        for kind in kinds:
            samples = x.astype(kind)
            w = windows(samples, 41, 59)
            got = compute(w, name)
            assert got.dtype == (np.float64 if kind == "float64" else np.float32)
            assert got.flags.c_contiguous
            np.testing.assert_allclose(got, expected, **FLOATS, err_msg=kind)
            np.testing.assert_array_equal(samples, x)
    for length in (1, 2, 3, 4):
        x = np.array([3.0, -4.0, 1.0, 2.0])[:length] * np.array([[1.0], [2.0], [-0.5]])
        np.testing.assert_allclose(compute(x, name), oracles.features(x, [name], SFREQ), rtol=2e-5, atol=1e-3)


@every
def test_flat_window_has_the_declared_value(name):
    """LibEMG gives -inf or an exception for zeros, and 98 slope changes for a constant (cases 3 and 7).

    What rounding leaves of a constant would differ from level to level. A window of 64 samples fills its transform, so
    that nothing is left but the constant; one of 50 is a box amid zeros, which has a spectrum.
    """
    for length in (50, 64):
        x = np.full((len(LEVELS), 2, length), LEVELS)
        expected = oracles.features(x, [name], SFREQ)
        for kind in (np.float64, np.float32):
            np.testing.assert_allclose(compute(x.astype(kind), name), expected, rtol=2e-5, atol=1e-9)


@every
def test_columns_are_named_also_where_no_window_is(name):
    """A signal shorter than one window (case 10)."""
    columns = feature_columns([name], SFREQ, n_chans=3)
    assert len(set(columns)) == len(columns) == alone(name).shape[-1]
    assert all(column.split("[")[0] == name for column in columns)
    if name != "MAV":
        assert feature_columns(["MAV", name], SFREQ, 3) == ["MAV", *columns]
    empty = compute(windows(np.zeros((3, 39), np.float32), 40, 10), name)
    assert empty.shape == (0, 3, len(columns))
    assert empty.dtype == np.float32


@cache
def alone(name):
    """Values of `WINDOWS` where nothing else is asked for."""
    return compute(WINDOWS, name)


@cache
def together():
    """Values of `WINDOWS` by name where all features are asked for at once, in both orders."""
    tables = []
    for names in (NAMES, NAMES[::-1]):
        ends = np.cumsum([len(feature_columns([name], SFREQ, 3)) for name in names])[:-1]
        tables.append(dict(zip(names, np.split(features(WINDOWS, names, SFREQ), ends, axis=-1), strict=True)))
    return tables


@every
def test_nothing_but_its_samples_changes_the_values_of_a_window(name):
    """LibEMG's COMP sums over all windows and channels, its MAVSLP mixes them (reference cases 4 and 5).

    Other windows, other features, layout, threads, and a stream.
    """
    w, expected = WINDOWS, alone(name)
    for n in (0, 3, len(w) - 1):
        np.testing.assert_array_equal(expected[n], compute(w[n : n + 1], name)[0])
        if name not in oracles.ACROSS:
            np.testing.assert_array_equal(expected[n, 1:2], compute(w[n, 1:2].copy(), name))
    np.testing.assert_array_equal(expected[1::3], compute(w[1::3], name))
    for table in together():
        np.testing.assert_array_equal(table[name], expected)
    for given in LAYOUTS:
        np.testing.assert_array_equal(compute(given, name).reshape(expected.shape), expected)
    if name not in oracles.ACROSS:
        np.testing.assert_array_equal(compute(w[:, ::-2], name), expected[:, ::-2])
    np.testing.assert_array_equal(compute(w, name, threads=2), expected)
    stage = Features(0.04, 0.017, (name,), SFREQ)
    stream = stage.stream(3)
    chunks = np.split(SIGNAL, [0, 1, 60, 61, 130], axis=1)
    np.testing.assert_array_equal(np.concatenate([stream.push(chunk) for chunk in chunks]), expected)
    np.testing.assert_array_equal(stage(SIGNAL), expected)


@every
def test_bad_samples_are_reported_or_kept_in_their_window(name):
    """LibEMG compares with ``== nan``, so nothing is ever found (case 1); EMGFlow joins across gaps."""
    x = SIGNAL.copy()
    x[2, 85] = np.nan
    w = windows(x, 40, 17)
    with pytest.raises(EmgDspError, match=r"x \[5\] has nan in channel 2 at sample 0"):
        compute(w, name)
    for kind in (np.float64, np.float32):
        got, clean = compute(w.astype(kind), name, nan="propagate"), compute(WINDOWS.astype(kind), name)
        hit = np.isnan(w).any(axis=-1)
        assert np.isnan(got[hit]).all()
        kept = ~hit.any(axis=-1)
        np.testing.assert_array_equal(got[kept], clean[kept])
        assert np.isnan(compute(np.full((3, 40), np.inf, kind), name, nan="propagate")).all()
    loud = WINDOWS[0] * 1e61
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        compute(loud, name)
    assert np.isnan(compute(loud, name, nan="propagate")).all()


@pytest.mark.parametrize("rate", [2048, 2048.0, np.float64(2048), np.float32(2048), np.int64(2048)])
def test_any_real_number_is_a_rate(rate):
    """LibEMG refuses np.float64 (case 8)."""
    assert features(SIGNAL, ["RMS"], sfreq=rate).shape == (3, 1)


@pytest.mark.parametrize("function", [rms, mav])
def test_single_features_take_any_number_of_axes(function):
    oracle = oracles.FEATURES[function.__name__.upper()]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 50))
    np.testing.assert_allclose(function(x), np.apply_along_axis(oracle, -1, x, SFREQ), rtol=1e-12)
    assert function(x[0, 0, 0]).shape == ()
    assert function(x[:0]).shape == (0, 3, 4)
    assert function(x.astype(np.float32)).dtype == np.float32


BAD = {
    "unknown": (["AR9"], r"unknown feature 'AR9'; near names are .*AR.*feature_names\(\) lists all"),
    "far": (["??"], r"feature '\?\?' cannot be read; required is e.g. 'RMS'"),
    "nothing near": (["Q"], r"unknown feature 'Q'; near names are"),
    "near": (["rms"], r"unknown feature 'rms'; near names are RMS"),
    "text": ("RMS", r"names='RMS'; required is a list"),
    "none": ([], r"names=\[\]; required is a list"),
    "twice": (["RMS", "ZC", "RMS"], r"names has RMS more than once; required"),
    "twice by a group": (["MAV", "HTD"], r"names has MAV more than once; required"),
    "twice by another name": (["IAV", "IEMG"], r"IAV more than once \(as IAV and as IEMG\)"),
    "twice by a default": (["ZC", "ZC(threshold=0)"], r"ZC more than once \(as ZC and as ZC\(threshold=0\)\)"),
    "option": (["RMS(order=2)"], r"RMS has no option order; its options and defaults are: none"),
    "options": (["ZC(limit=2, x=1)"], r"ZC has no option limit, x; its options and defaults are: threshold=0\."),
    "option of nothing": (["ZC(0.3)"], r"feature 'ZC\(0.3\)' cannot be read; required are options like"),
    "option twice": (["ZC(threshold=1, threshold=1)"], r"gives an option twice"),
    "option in words": (["ZC(threshold=much)"], r"option threshold=much; required is a finite number"),
    "option infinite": (["ZC(threshold=inf)"], r"option threshold=inf; required is a finite number"),
    "option not whole": (["TM(order=2.5)"], r"option order=2.5; required is a whole number"),
    "threshold": (["ZC(threshold=-1)"], r"threshold=-1; required is a number of at least 0"),
    "ddof": (["VAR(ddof=-1)"], r"ddof=-1; required is a whole number of at least 0"),
    "moment": (["TM(order=0)"], r"order=0; required is a whole number of at least 1"),
    "order": (["VORD(order=0)"], r"order=0.0; required is a finite number above 0"),
    "segments": (["MAVSLP(segments=1)"], r"segments=1; required is a whole number of at least 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_names(case):
    """LibEMG ignores unknown names silently (case 2)."""
    names, message = BAD[case]
    for call in (lambda: features(SIGNAL, names, SFREQ), lambda: feature_columns(names, SFREQ)):
        with pytest.raises(EmgDspError, match=message):
            call()


def test_one_feature_with_two_settings_is_two_features():
    names = ["ZC", "ZC( threshold = 0.5 )", "VAR(ddof=1)"]
    assert feature_columns(names, SFREQ) == ["ZC", "ZC(threshold=0.5)", "VAR(ddof=1)"]
    got = features(SIGNAL, names, SFREQ)
    assert (got[:, 1] < got[:, 0]).all()


def test_descriptions_are_of_single_features():
    with pytest.raises(EmgDspError, match=r"HTD is a group of features, MAV, ZC, SSC, WL; required is one feature"):
        describe_feature("HTD")
    with pytest.raises(EmgDspError, match=r"unknown feature 'HTX'; near names are HTD"):
        describe_feature("HTX")


def test_bad_windows():
    with pytest.raises(EmgDspError, match=r"windows of 0 samples"):
        features(np.zeros((3, 2, 0)), ["RMS"], SFREQ)
    with pytest.raises(EmgDspError, match=r"windows has shape \(10,\)"):
        features(np.zeros(10), ["RMS"], SFREQ)
    with pytest.raises(EmgDspError, match=r"sfreq=0; required"):
        features(SIGNAL, ["RMS"], 0)
    with pytest.raises(EmgDspError, match=r"threads=0; required"):
        features(SIGNAL, ["RMS"], SFREQ, threads=0)
    with pytest.raises(EmgDspError, match=r"n_chans=0; required"):
        feature_columns(["RMS"], SFREQ, 0)
    with pytest.raises(EmgDspError, match=r"x is a single number"):
        rms(1.0)
    with pytest.raises(EmgDspError, match=r"nan='x'"):
        rms(SIGNAL, nan="x")
    with pytest.raises(EmgDspError, match="x has inf in channel 0 at sample 1"):
        rms(np.array([1.0, np.inf]))


def test_bad_stages():
    with pytest.raises(EmgDspError, match=r"names='RMS'; required is a list"):
        Features(0.2, 0.05, "RMS", SFREQ)
    with pytest.raises(EmgDspError, match=r"hop=0.0001 s is 0 samples"):
        Features(0.2, 0.0001, ("RMS",), SFREQ)
    with pytest.raises(EmgDspError, match=r"sfreq=-1; required"):
        Features(0.2, 0.05, ("RMS",), -1)
    with pytest.raises(EmgDspError, match=r"nan='x'"):
        Features(0.2, 0.05, ("RMS",), SFREQ)(SIGNAL, nan="x")


def test_what_does_not_fit_into_float32_is_overflow_too():
    x = np.full((1, 9), 1e30, np.float32)
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        compute(x, "SSI")
    assert np.isnan(compute(x, "SSI", nan="propagate")).all()
    assert compute(x.astype(np.float64), "SSI")[0, 0] == pytest.approx(9e60)


def test_blocks_of_many_windows_give_what_few_give(monkeypatch):
    w = windows(dsp_oracles.emg(2, 400), 30, 3)
    expected = features(w, ["HTD", "LD", "MPK"], SFREQ)
    for size in (1, 100, 1000):
        monkeypatch.setattr("emg_dsp._features.engine._SAMPLES", size)
        np.testing.assert_array_equal(features(w, ["HTD", "LD", "MPK"], SFREQ), expected)
        w_bad = w.copy()
        w_bad[5, 1, 2] = np.nan
        got = features(w_bad, ["HTD", "LD", "MPK"], SFREQ, nan="propagate")
        assert np.isnan(got[5, 1]).all()
        assert np.isnan(got).sum() == got.shape[-1]


def test_ragged_rows_are_named():
    for call in (lambda: rms([[1, 2], [3]]), lambda: windows([[1, 2], [3]], 1, 1)):
        with pytest.raises(EmgDspError, match="x has rows of different length"):
            call()


def test_names_may_be_an_array():
    assert features(np.ones((2, 9)), np.array(["RMS", "MAV"]), 1.0).shape == (2, 2)
