"""Filters: designs, agreement with scipy, inputs of every kind, and the messages of bad ones."""

import json
import pickle

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, Filter

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"].ours()


@pytest.mark.parametrize("name", dsp_oracles.DESIGNS)
def test_design_equals_scipy(name):
    design = dsp_oracles.DESIGNS[name]
    np.testing.assert_allclose(design.ours().sos, design.sos(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
@pytest.mark.parametrize("name", dsp_oracles.DESIGNS)
def test_long_signal_equals_scipy(name, operation, dtype):
    design, run = dsp_oracles.DESIGNS[name], dsp_oracles.OPERATIONS[operation]
    x = dsp_oracles.emg(17, 20_003).astype(dtype)
    before = x.copy()
    got = run.ours(design.ours(), x)
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(x, before)
    tolerance = 1e-6 if dtype == np.float32 else 1e-9
    assert dsp_oracles.relative_error(got, run.oracle(design.sos(), x)) < tolerance


@pytest.mark.parametrize("name", [*dsp_oracles.DESIGNS, *(f"narrow {name}" for name in dsp_oracles.NARROW)])
def test_a_million_samples_of_float32_stay_within_a_hundred_thousandth(name):
    table = dsp_oracles.NARROW if name.startswith("narrow ") else dsp_oracles.DESIGNS
    design = table[name.removeprefix("narrow ")]
    x = dsp_oracles.emg(1, 1_000_000)
    expected = signal.sosfilt(design.sos(), x.astype(np.float64))
    got = design.ours()(x)
    assert got.dtype == np.float32
    assert dsp_oracles.relative_error(got, expected) < 1e-5
    late = slice(900_000, None)
    assert dsp_oracles.relative_error(got[:, late], expected[:, late]) < 1e-5


@pytest.mark.parametrize("name", dsp_oracles.NARROW)
def test_narrow_low_bands_keep_lanes_and_both_directions_accurate(name):
    """In b, a form such bands lose all accuracy (LibEMG, reference case 16)."""
    design = dsp_oracles.NARROW[name]
    x = dsp_oracles.emg(8, 30_000)
    for run in dsp_oracles.OPERATIONS.values():
        assert dsp_oracles.relative_error(run.ours(design.ours(), x), run.oracle(design.sos(), x)) < 1e-5


def test_leading_axes_are_separate_signals():
    x = dsp_oracles.emg(24, 300).reshape(2, 3, 4, 300)
    together = CLEAN(x)
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(together[place], CLEAN(x[place]))


@pytest.mark.parametrize("apply", [CLEAN, CLEAN.zero_phase], ids=["causal", "zero_phase"])
def test_a_channel_does_not_depend_on_its_neighbours(apply):
    x = dsp_oracles.emg(35, 200)
    alone = np.concatenate([apply(x[c : c + 1]) for c in range(35)])
    np.testing.assert_array_equal(apply(x), alone)


@pytest.mark.parametrize("sections", [7, 8, 9, 17])
@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_few_rows_and_lanes_agree_for_any_number_of_sections(operation, sections):
    """One to three rows advance section beside section, eight at a time; more rows advance row beside row."""
    run, filter_ = dsp_oracles.OPERATIONS[operation], Filter(CLEAN.sections * 4, 2048)
    filter_ = Filter(filter_.sections[:sections], 2048)
    x = dsp_oracles.emg(20, 700).astype(np.float64)
    together = run.ours(filter_, x)
    for rows in (1, 2, 3, 4, 15, 16):
        np.testing.assert_array_equal(run.ours(filter_, x[:rows]), together[:rows])
    np.testing.assert_allclose(together, run.oracle(filter_.sos, x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rows", [1, 5])
def test_what_float32_cannot_hold_is_infinite_without_a_warning(rows):
    """Beyond 3.4e38 the state is finite in float64, the result is not in float32."""
    loud = Filter([[1e30, 0, 0, 1, 0, 0]], 1000)
    x = np.full((rows, 4), 1e20, dtype=np.float32)
    np.testing.assert_array_equal(loud(x, nan="propagate"), np.inf)


def _unaligned(x):
    memory = np.empty(x.nbytes + 1, dtype=np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[:] = x
    assert not view.flags.aligned
    return view


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed twice": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "time-major": lambda x: np.ascontiguousarray(x.T).T,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "list": lambda x: x.astype(np.float64).tolist(),
    "unaligned": _unaligned,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("apply", [CLEAN, CLEAN.zero_phase], ids=["causal", "zero_phase"])
def test_memory_layout_changes_no_value(apply, layout, dtype):
    x = dsp_oracles.emg(5, 90).astype(dtype)
    expected = apply(x)
    given = LAYOUTS[layout](x)
    np.testing.assert_array_equal(np.asarray(apply(given), dtype=dtype), expected)


def test_read_only_input_is_read_in_place():
    x = dsp_oracles.emg(5, 90)
    expected = CLEAN(x)
    x.flags.writeable = False
    np.testing.assert_array_equal(CLEAN(x), expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float16"])
@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_integers_are_widened_before_anything_else(operation, dtype):
    run = dsp_oracles.OPERATIONS[operation]
    x = np.random.default_rng(0).integers(0, 127, (3, 400)).astype(dtype)
    if x.dtype.kind == "i":
        x[0, :5] = np.iinfo(dtype).min
    got = run.ours(CLEAN, x)
    assert got.dtype == np.float32
    assert dsp_oracles.relative_error(got, run.oracle(CLEAN.sos, x)) < 1e-6


def test_24_bit_counts_in_int32_keep_their_last_bit():
    x = np.full((1, 200), 2**30 + 1, dtype=np.int32)
    low = emg_dsp.lowpass(10, 1000, order=1)
    exact = signal.sosfilt(low.sos, x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(low(x), exact)


@pytest.mark.parametrize("shape", [(0, 10), (3, 0), (0, 0), (0, 3, 10), (2, 0, 3, 0)])
def test_empty_input_gives_empty_output(shape):
    assert CLEAN(np.zeros(shape, dtype=np.float32)).shape == shape


def test_one_sample():
    x = np.array([[2.0], [-1.0]])
    np.testing.assert_allclose(CLEAN(x), signal.sosfilt(CLEAN.sos, x), rtol=1e-14)


def test_zero_phase_needs_more_than_its_edge():
    edge = 33
    assert CLEAN.zero_phase(np.ones((1, edge + 1), dtype=np.float32)).shape == (1, edge + 1)
    with pytest.raises(EmgDspError, match=r"x has 33 samples.*end by 33 samples and requires more than 33"):
        CLEAN.zero_phase(np.ones((1, edge), dtype=np.float32))
    assert CLEAN.zero_phase(np.ones((0, 100), dtype=np.float32)).shape == (0, 100)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("apply", [CLEAN, CLEAN.zero_phase], ids=["causal", "zero_phase"])
def test_a_sample_that_is_not_finite_is_named(apply, value):
    x = dsp_oracles.emg(20, 100)
    x[18, 41] = value
    with pytest.raises(EmgDspError, match=r"in channel 18 at sample 41; required are finite samples"):
        apply(x)
    with pytest.raises(EmgDspError, match=r"x \[1\] has .* in channel 8 at sample 41"):
        apply(x.reshape(2, 10, 100))


def test_nan_spreads_through_its_own_channel_on_request():
    x = dsp_oracles.emg(3, 100)
    expected = CLEAN(x)
    x[1, 41] = np.nan
    got = CLEAN(x, nan="propagate")
    np.testing.assert_array_equal(got[[0, 2]], expected[[0, 2]])
    np.testing.assert_array_equal(got[1, :41], expected[1, :41])
    assert np.isnan(got[1, 41:]).all()
    both = CLEAN.zero_phase(x, nan="propagate")
    assert np.isnan(both[1]).all()
    assert np.isfinite(both[[0, 2]]).all()


def test_overflow_on_finite_input_is_told_apart():
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        emg_dsp.lowpass(1, 1000, order=4)(np.array([[1.7e308] * 50 + [-1.7e308] * 2000] * 2) * np.array([[1], [-1]]))


def test_dictionary_survives_json_bit_for_bit():
    text = json.dumps(CLEAN.to_dict())
    again = Filter.from_dict(json.loads(text))
    assert again == CLEAN
    assert hash(again) == hash(CLEAN)
    assert again.label == CLEAN.label
    np.testing.assert_array_equal(again.sos, CLEAN.sos)
    assert pickle.loads(pickle.dumps(CLEAN)) == CLEAN  # noqa: S301  our own bytes: workers receive filters this way


def test_filter_is_a_value():
    CLEAN.sos[:] = 0
    assert CLEAN.sos.any()
    assert emg_dsp.notch(50, 2048) != CLEAN
    assert CLEAN != "filter"
    assert repr(CLEAN) == "Filter(bandpass 20-450 Hz, order 4 + notch 50 Hz, Q 30; 5 sections at 2048 Hz)"
    with pytest.raises(AttributeError):
        CLEAN.sfreq = 1.0


BAD_DESIGNS = {
    "above Nyquist": (lambda: emg_dsp.bandpass(20, 450, 200), r"high=450 Hz is not below half of sfreq=200 Hz"),
    "at Nyquist": (lambda: emg_dsp.lowpass(100, 200), r"cutoff=100 Hz is not below half of sfreq=200 Hz"),
    "swapped": (lambda: emg_dsp.bandpass(450, 20, 2048), r"low=450 Hz, high=20 Hz; required is low < high"),
    "equal": (lambda: emg_dsp.bandpass(20, 20, 2048), r"required is low < high"),
    "negative rate": (lambda: emg_dsp.notch(50, -2048), r"sfreq=-2048; required is a finite number above 0 Hz"),
    "zero rate": (lambda: emg_dsp.highpass(20, 0), r"sfreq=0; required"),
    "nan": (lambda: emg_dsp.bandpass(float("nan"), 450, 2048), r"low=nan; required is a finite number"),
    "inf": (lambda: emg_dsp.notch(50, float("inf")), r"sfreq=inf; required is a finite number"),
    "text": (lambda: emg_dsp.notch("50", 1000), r"freq='50'; required is a number in Hz"),
    "bool": (lambda: emg_dsp.notch(True, 1000), r"freq=True; required is a number"),
    "order 0": (lambda: emg_dsp.highpass(20, 1000, order=0), r"order=0; required is a whole number of at least 1"),
    "order 2.5": (lambda: emg_dsp.highpass(20, 1000, order=2.5), r"order=2.5; required is a whole number"),
    "q": (lambda: emg_dsp.notch(50, 1000, q=0), r"q=0; required is a finite number above 0"),
    "rates": (lambda: CLEAN + emg_dsp.notch(50, 1000), r"sfreq=2048 Hz and sfreq=1000 Hz; design both"),
    "shape": (lambda: Filter([[1, 0, 0]], 100), r"sections have shape \(1, 3\); required is \(n_sections, 6\)"),
    "none": (lambda: Filter(np.zeros((0, 6)), 100), r"sections have shape \(0, 6\)"),
    "text table": (lambda: Filter("abc", 100), r"sections are not a table of real numbers"),
    "a0": (lambda: Filter([[1, 0, 0, 2, 0, 0]], 100), r"a0=\[2.0\]; required is a0 = 1"),
    "section nan": (lambda: Filter([[np.nan, 0, 0, 1, 0, 0]], 100), r"section 0 is not finite"),
    "unstable": (lambda: Filter([[1, 0, 0, 1, 0, 1.5]], 100), r"section 0 is unstable .*a2=1.5"),
    "keys": (lambda: Filter.from_dict({"kind": "sos"}), r"not a filter: keys \['kind'\]"),
    "kind": (lambda: Filter.from_dict({**CLEAN.to_dict(), "kind": "fir"}), r"kind 'fir'"),
}


@pytest.mark.parametrize("case", BAD_DESIGNS)
def test_bad_design_names_value_and_rule(case):
    make, message = BAD_DESIGNS[case]
    with pytest.raises(EmgDspError, match=message):
        make()


BAD_SIGNALS = {
    "one axis": (np.zeros(10), r"x has shape \(10,\); required is \(..., channels, time\)"),
    "number": (1.0, r"x is a single number"),
    "complex": (np.zeros((1, 10), complex), r"x has dtype complex128; required are integers or floats"),
    "bool": (np.zeros((1, 10), bool), r"x has dtype bool"),
    "object": (np.zeros((1, 10), object), r"x has dtype object"),
}


@pytest.mark.parametrize("case", BAD_SIGNALS)
@pytest.mark.parametrize("apply", [CLEAN, CLEAN.zero_phase], ids=["causal", "zero_phase"])
def test_bad_signal_names_value_and_rule(apply, case):
    x, message = BAD_SIGNALS[case]
    with pytest.raises(EmgDspError, match=message):
        apply(x)


def test_unknown_nan_policy():
    with pytest.raises(EmgDspError, match="nan='omit'; required is 'raise' or 'propagate'"):
        CLEAN(np.zeros((1, 3)), nan="omit")


def test_adding_something_else_is_a_type_error():
    with pytest.raises(TypeError):
        CLEAN + 1
