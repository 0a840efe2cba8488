"""Designs beyond Butterworth, filters against hum and offset, and what a filter says of itself."""

import math

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, Filter

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"].ours()
EVERY = {**dsp_oracles.DESIGNS, **{f"narrow {name}": design for name, design in dsp_oracles.NARROW.items()}}
LOSSES = {
    "butter": {},
    "cheby1": {"ripple_db": 1.0},
    "cheby2": {"attenuation_db": 40.0},
    "ellip": {"ripple_db": 1.0, "attenuation_db": 40.0},
}


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("shape", ["bandpass", "bandstop", "highpass", "lowpass"])
@pytest.mark.parametrize("kind", LOSSES)
def test_every_kind_and_shape_equals_scipy(kind, shape, order):
    edges = (100, 300) if shape.startswith("band") else (100,)
    got = getattr(emg_dsp, shape)(*edges, 1000, order, kind=kind, **LOSSES[kind])
    losses = {"rp": LOSSES[kind].get("ripple_db"), "rs": LOSSES[kind].get("attenuation_db")}
    wanted = edges if len(edges) > 1 else edges[0]
    sos = signal.iirfilter(order, wanted, btype=shape, ftype=kind, fs=1000, output="sos", **losses)
    np.testing.assert_array_equal(got.sos, sos)


def test_label_names_what_was_asked():
    got = emg_dsp.bandstop(45, 55, 1000, order=2, kind="ellip", ripple_db=0.5, attenuation_db=40)
    assert got.label == "ellip bandstop 45-55 Hz, order 2, ripple 0.5 dB, attenuation 40 dB"
    assert emg_dsp.comb(50, 1000, constant_width=False).label == "comb 50 Hz, 9 notches, Q 30 each"
    assert emg_dsp.dc_block(1000).label == "DC block 1 Hz"


@pytest.mark.parametrize(("sfreq", "count"), [(2048, 20), (2000, 19), (2001, 20), (200, 1), (101, 1)])
def test_comb_has_a_notch_at_every_harmonic_below_nyquist(sfreq, count):
    comb = emg_dsp.comb(50, sfreq)
    harmonics = 50.0 * np.arange(1, count + 1)
    assert len(comb.sections) == count
    assert np.abs(comb.response(harmonics)).max() < 1e-9
    between = harmonics[harmonics + 25 < sfreq / 2] + 25
    assert np.all(np.abs(comb.response(between)) > 0.99)


@pytest.mark.parametrize("constant", [True, False])
def test_width_of_the_notches_of_a_comb(constant):
    comb = emg_dsp.comb(50, 4000, q=25, n_harmonics=8, constant_width=constant)
    assert len(comb.sections) == 8
    for k, row in enumerate(comb.sections, start=1):
        width = 2.0 if constant else 2.0 * k
        notch = Filter((row,), 4000)
        freqs = np.arange(50 * k - 20, 50 * k + 20, 0.001)
        low = np.abs(notch.response(freqs)) ** 2 < 0.5
        assert low.sum() * 0.001 == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("cutoff", [0.1, 1.0, 20.0])
def test_dc_block_removes_the_offset_and_little_else(cutoff):
    block = emg_dsp.dc_block(1000, cutoff)
    assert len(block.sections) == 1
    gain = np.abs(block.response([0, cutoff, 500]))
    np.testing.assert_allclose(gain, [0, math.sqrt(0.5), 1], atol=1e-12)
    offset = block(np.full((1, 60_000), 7.0))
    assert abs(offset[0, -1]) < 1e-9
    decay = 1 / (2 * math.pi * cutoff)
    assert abs(offset[0, round(1000 * decay)] / 7 - math.exp(-1)) < 0.05


@pytest.mark.parametrize("name", EVERY)
def test_response_equals_scipy(name):
    ours = EVERY[name].ours()
    freqs = np.linspace(0, ours.sfreq / 2, 500)
    _, expected = signal.freqz_sos(ours.sos, freqs, fs=ours.sfreq)
    got = ours.response(freqs)
    assert got.dtype == np.complex128
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
    assert ours.response(freqs.reshape(50, 10)).shape == (50, 10)
    assert ours.response(10.0).shape == ()


@pytest.mark.parametrize("name", dsp_oracles.DESIGNS)
def test_group_delay_is_the_centre_of_the_impulse_response(name):
    """The delay of a frequency is sum n h[n] z^-n / sum h[n] z^-n; scipy's takes b, a form and loses accuracy."""
    ours = EVERY[name].ours()
    h = ours.impulse(60_000)
    freqs = np.linspace(0.02, 0.45, 40) * ours.sfreq
    keep = np.abs(ours.response(freqs)) > 0.01
    basis = np.exp(-2j * np.pi * np.outer(freqs[keep] / ours.sfreq, np.arange(len(h))))
    expected = ((basis @ (h * np.arange(len(h)))) / (basis @ h)).real / ours.sfreq
    np.testing.assert_allclose(ours.group_delay(freqs)[keep], expected, atol=1e-5 / ours.sfreq)


def test_group_delay_is_finite_on_the_zeros():
    for design, freq in ((emg_dsp.notch(50, 1000), 50.0), (emg_dsp.highpass(20, 1000), 0.0), (CLEAN, 0.0)):
        near = design.group_delay(freq + 1e-6)
        assert design.group_delay(freq) == pytest.approx(near, rel=1e-3)
    delay = Filter([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]], 1000).group_delay([1.0, 100.0])
    np.testing.assert_allclose(delay, 0.002)


def test_impulse_is_the_answer_to_one():
    x = np.zeros((1, 50))
    x[0, 0] = 1
    np.testing.assert_array_equal(CLEAN.impulse(50), CLEAN(x)[0])
    assert CLEAN.impulse(1).shape == (1,)


BAD = {
    "kind": (lambda: emg_dsp.lowpass(10, 1000, kind="bessel"), r"kind='bessel'; required is one of 'butter', 'cheby1'"),
    "ripple missing": (lambda: emg_dsp.lowpass(10, 1000, kind="cheby1"), r"ripple_db is missing; kind='cheby1'"),
    "loss missing": (
        lambda: emg_dsp.lowpass(10, 1000, kind="ellip", ripple_db=1),
        r"attenuation_db is missing; kind='ellip' requires it, in dB above 0",
    ),
    "ripple unwanted": (
        lambda: emg_dsp.bandstop(10, 20, 1000, ripple_db=1),
        r"ripple_db=1 means nothing for kind='butter'; leave it out",
    ),
    "loss unwanted": (
        lambda: emg_dsp.highpass(10, 1000, kind="cheby1", ripple_db=1, attenuation_db=40),
        r"attenuation_db=40 means nothing for kind='cheby1'",
    ),
    "ripple 0": (lambda: emg_dsp.lowpass(9, 99, kind="cheby1", ripple_db=0), r"ripple_db=0; required .* above 0 dB"),
    "loss nan": (
        lambda: emg_dsp.lowpass(9, 99, kind="cheby2", attenuation_db=float("nan")),
        r"attenuation_db=nan; required is a finite number",
    ),
    "ripple above loss": (
        lambda: emg_dsp.lowpass(9, 99, kind="ellip", ripple_db=40, attenuation_db=3),
        r"ripple_db=40, attenuation_db=3; required is ripple_db < attenuation_db",
    ),
    "bandstop edges": (lambda: emg_dsp.bandstop(60, 40, 1000), r"low=60 Hz, high=40 Hz; required is low < high"),
    "comb above Nyquist": (lambda: emg_dsp.comb(120, 200), r"freq=120 Hz is not below half of sfreq=200 Hz"),
    "harmonics": (
        lambda: emg_dsp.comb(50, 1000, n_harmonics=10),
        r"n_harmonics=10 puts a notch at 500 Hz, not below half of sfreq=1000 Hz; required is n_harmonics <= 9",
    ),
    "no harmonics": (lambda: emg_dsp.comb(50, 1000, n_harmonics=0), r"n_harmonics=0; required is a whole number"),
    "wide notch": (lambda: emg_dsp.notch(50, 200, q=0.5), r"a notch at 50 Hz is 100 Hz wide, .*; raise q"),
    "dc cutoff": (lambda: emg_dsp.dc_block(100, 50), r"cutoff=50 Hz is not below half of sfreq=100 Hz"),
    "response": (lambda: CLEAN.response([10, 1025]), r"freqs holds 1025 Hz; required is 0 <= freqs <= 1024 Hz"),
    "negative": (lambda: CLEAN.group_delay(-1), r"freqs holds -1 Hz"),
    "nan": (lambda: CLEAN.response(float("nan")), r"freqs holds nan Hz"),
    "words": (lambda: CLEAN.response("ten"), r"freqs are not real numbers; required are frequencies in Hz"),
    "impulse": (lambda: CLEAN.impulse(0), r"n=0; required is a whole number of at least 1 samples"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_name_value_and_rule(case):
    make, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        make()
