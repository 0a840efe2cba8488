"""Filters and rates that nobody can mean raise at once: no hang, no memory without end, no foreign exception."""

import numpy as np
import pytest

import emg_dsp

X = np.zeros((2, 400), np.float32)
TIMES = np.arange(400) / 1000
BAD = {
    "order": (lambda: emg_dsp.lowpass(10, 1000, order=10**9), r"order=1000000000; required is at most 100"),
    "kind": (lambda: emg_dsp.lowpass(10, 1000, kind=[]), r"kind=\[\]; required is one of 'butter'"),
    "ripple": (
        lambda: emg_dsp.lowpass(10, 1000, kind="cheby1", ripple_db=1e-300),
        r"ripple_db=1e-300; required is a number of dB from 1e-06 to 300",
    ),
    "attenuation": (
        lambda: emg_dsp.lowpass(10, 1000, kind="cheby2", attenuation_db=1e300),
        r"attenuation_db=1e\+300; required is a number of dB",
    ),
    "comb of a slow hum": (lambda: emg_dsp.comb(1e-300, 1000), r"make 1073741824 notches; required are at most 1000"),
    "comb of a fast clock": (lambda: emg_dsp.comb(50, 1e300), r"required are at most 1000. Raise freq"),
    "impulse": (lambda: emg_dsp.notch(50, 1000).impulse(10**9), r"n=1000000000; required is at most 67108864 samples"),
    "response": (lambda: emg_dsp.notch(50, 1000).response(10**400), r"freqs are not real numbers"),
    "sections": (lambda: emg_dsp.Filter([[10**400] * 6], 1000), r"sections are not a table of real numbers"),
    "padtype": (lambda: emg_dsp.notch(50, 1000).zero_phase(X, []), r"padtype=\[\]; required is 'odd'"),
    "edge": (lambda: emg_dsp.resample(X, 1000, 500, edge=[]), r"edge=\[\]; required is 'zero' or 'hold'"),
    "transition": (
        lambda: emg_dsp.resample(X, 1000, 500, transition=1e-300),
        r"transition=1e-300; required is a part of the pass-band from 0.001 to 1",
    ),
    "rate of a result": (lambda: emg_dsp.to_uniform(X, TIMES, 1e9), r"makes 3.99e\+08 samples of 400; required are"),
    "endless rate": (lambda: emg_dsp.to_uniform(X, TIMES, 1e300), r"Lower sfreq, or check that timestamps are seconds"),
    "method": (lambda: emg_dsp.to_uniform(X, TIMES, 500, method=X), r"required is 'linear' or 'cubic'"),
    "gaps": (lambda: emg_dsp.to_uniform(X, TIMES, 500, gaps=X), r"required is 'raise' or 'nan'"),
    "max_gap": (lambda: emg_dsp.to_uniform(X, TIMES, 500, max_gap=X), r"required is a number in s"),
}


@pytest.mark.parametrize("case", BAD)
def test_limits(case):
    call, message = BAD[case]
    with pytest.raises(emg_dsp.EmgDspError, match=message):
        call()
