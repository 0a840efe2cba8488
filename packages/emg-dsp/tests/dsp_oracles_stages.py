"""One small example of every stage: tests/test_dsp_stream_laws.py holds each of them to the contract of streams.

Add a line for every new kind of stage. Rates are 1000 Hz and memories short (at most some 40 samples), so that signals
of 200 samples get through.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import emg_dsp
from emg_dsp import Stage


@dataclass(frozen=True)
class Example:
    """How to make the stage, for how many channels, and what a push may allocate, however long the chunk."""

    make: Callable[[], Stage]
    n_chans: int = 3
    spare_bytes: int = 8192


_BLOCK = 1 << 20
"""NumPy reads in blocks of 8192 values; features, spectra and grids take blocks of windows, frames or samples."""
GRID, FLAT = emg_dsp.Grid.capgmyo(), emg_dsp.Grid.named("GR10MM0808")
EXAMPLES = {
    "filter": Example(lambda: emg_dsp.bandpass(20, 450, 1000) + emg_dsp.notch(50, 1000)),
    "filter of many channels": Example(lambda: emg_dsp.highpass(20, 1000, order=3), n_chans=19),
    "chain": Example(lambda: emg_dsp.highpass(20, 1000) | emg_dsp.notch(50, 1000) | emg_dsp.lowpass(400, 1000)),
    "moving mean": Example(lambda: emg_dsp.MovingMean(7)),
    "moving MAV": Example(lambda: emg_dsp.MovingMAV(1)),
    "moving RMS": Example(lambda: emg_dsp.MovingRMS(0.03, sfreq=1000), n_chans=18),
    "standardizer": Example(lambda: emg_dsp.Standardizer(np.array([0.5, -1.0, 3.0]), np.array([2.0, 0.7, 30.0]))),
    "features": Example(lambda: emg_dsp.Features(0.03, 0.01, ("HTD", "RMS", "AR(order=2)"), 1000), spare_bytes=_BLOCK),
    "features of windows that lie apart": Example(
        lambda: emg_dsp.Features(0.007, 0.02, ("SKEW", "TDPSD"), 1000), spare_bytes=_BLOCK
    ),
    "filter, then features": Example(
        lambda: emg_dsp.highpass(20, 1000) | emg_dsp.Features(0.04, 0.013, ("ZC",), 1000), spare_bytes=_BLOCK
    ),
    "rectify": Example(lambda: emg_dsp.Rectify("half")),
    "Teager-Kaiser": Example(emg_dsp.TeagerKaiser),
    "threshold": Example(lambda: emg_dsp.Threshold((0.5, 0.7, 1.0), settle=9), spare_bytes=_BLOCK),
    "double threshold": Example(lambda: emg_dsp.DoubleThreshold((0.5, 0.7, 1.0), m=7, r0=3)),
    "spatial filter": Example(lambda: emg_dsp.SpatialFilter(GRID, "LSD"), n_chans=128, spare_bytes=_BLOCK),
    "spatial median": Example(lambda: emg_dsp.SpatialMedian(GRID), n_chans=128, spare_bytes=_BLOCK),
    "common reference": Example(lambda: emg_dsp.CommonReference("median"), n_chans=16, spare_bytes=_BLOCK),
    "repair": Example(lambda: emg_dsp.Repair(GRID, (3, 40)), n_chans=128, spare_bytes=_BLOCK),
    "grid frames": Example(lambda: emg_dsp.GridFrames(GRID), n_chans=128),
    "log-spectrogram": Example(lambda: emg_dsp.LogSpectrogram(length=15, hop=4), spare_bytes=_BLOCK),
    "MultivariatePower": Example(
        lambda: emg_dsp.MultivariatePower(sfreq=1000, window=40, stride=20, n_fft=32, bands=[(0, 200), (100, 500)]),
        spare_bytes=_BLOCK,
    ),
    "interpolation": Example(lambda: emg_dsp.Interpolation(FLAT, FLAT, method="tps"), n_chans=64, spare_bytes=_BLOCK),
    "resampler down": Example(lambda: emg_dsp.Resampler(1000, 400, transition=0.5)),
    "resampler up": Example(lambda: emg_dsp.Resampler(1000, 1500, transition=0.5)),
    "resampled, then filtered": Example(lambda: emg_dsp.Resampler(1000, 500, transition=0.5) | emg_dsp.notch(50, 500)),
    "running standardizer": Example(lambda: emg_dsp.RunningStandardizer(0.02, 1000)),
}
