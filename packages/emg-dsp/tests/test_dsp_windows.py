"""Windows: the same values as copying each one, without copying."""

import dsp_oracles
import numpy as np
import pytest

from emg_dsp import EmgDspError, windows


@pytest.mark.parametrize("samples", [0, 9, 10, 11, 12, 13, 40, 41])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0,)])
def test_equals_copying(shape, samples):
    x = np.random.default_rng(0).standard_normal((*shape, samples))
    got = windows(x, 10, 3)
    np.testing.assert_array_equal(got, dsp_oracles.windows(x, 10, 3))
    assert got.shape[-3] == max(0, (samples - 10) // 3 + 1)


def test_is_a_read_only_view():
    x = np.zeros((4, 100), dtype=np.int16)
    view = windows(x, 20, 5)
    assert np.shares_memory(view, x)
    assert view.dtype == np.int16
    assert not view.flags.writeable
    x[2, 7] = 5
    assert view[0, 2, 7] == 5
    assert view[1, 2, 2] == 5


@pytest.mark.parametrize("samples", [30, 35, 39])
def test_short_signal_gives_no_window(samples):
    """LibEMG 2.0.3 returns one truncated window for 39 and 35 samples (reference case 10)."""
    empty = windows(np.zeros((8, samples), dtype=np.float32), 40, 10)
    assert empty.shape == (0, 8, 40)
    assert empty.dtype == np.float32
    assert not empty.flags.writeable


def test_seconds_are_rounded_to_samples():
    x = np.zeros((128, 122_880), dtype=np.float32)
    assert windows(x, 0.2, 0.05, sfreq=2048).shape == (1201, 128, 410)
    assert windows(x, 0.2, 0.05, sfreq=np.float64(2048)).shape == (1201, 128, 410)
    assert windows(x, 1, 1, sfreq=2048).shape == (60, 128, 2048)


BAD = {
    "seconds without rate": ((0.2, 10), r"length=0.2; required is a whole number of at least 1 samples \(seconds need"),
    "zero": ((0, 10), r"length=0; required"),
    "negative hop": ((10, -1), r"hop=-1; required"),
    "bool": ((True, 1), r"length=True; required"),
    "below one sample": ((0.1, 0.0001, 1000.0), r"hop=0.0001 s is 0 samples at sfreq=1000 Hz"),
    "negative seconds": ((-0.1, 0.1, 1000.0), r"length=-0.1; required is a finite number above 0 s"),
    "rate": ((0.1, 0.1, -5.0), r"sfreq=-5.0; required"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_size_names_value_and_rule(case):
    arguments, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        windows(np.zeros((1, 100)), *arguments)


def test_one_axis_is_refused():
    with pytest.raises(EmgDspError, match=r"x has shape \(100,\); required is \(..., channels, time\)"):
        windows(np.zeros(100), 10, 5)
