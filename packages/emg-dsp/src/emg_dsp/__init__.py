"""Filters, windows and features for sEMG at memory speed, the same on-line and off-line."""

from ._envelopes import (
    MovingMAV,
    MovingMean,
    MovingRMS,
    Rectify,
    TeagerKaiser,
    centre,
    detrend,
    envelope,
    rectify,
    teager_kaiser,
)
from ._errors import EmgDspError
from ._features import describe_feature, feature_columns, feature_groups, feature_names, features, mav, rms
from ._filters import Filter, bandpass, bandstop, comb, dc_block, highpass, lowpass, notch
from ._grids import (
    CommonReference,
    Grid,
    GridFrames,
    Interpolation,
    Repair,
    SpatialFilter,
    SpatialMedian,
    grid_names,
)
from ._learn import FeatureTransformer
from ._live import ChunkQueue, Gap, Live, LiveReport, LslSource, RingBuffer, TimedChunk, run_live
from ._plots import plot_bode, plot_features, plot_map, plot_signal
from ._scaling import Standardizer
from ._spectra import (
    MPF,
    LogSpectrogram,
    band_power,
    filter_bank,
    log_spectrogram,
    mpf,
    power_spectrum,
    stft,
)
from ._stages import Chain, Stage, Stream
from ._warmup import warmup
from ._windows import windows

__all__ = [
    "MPF",
    "Chain",
    "ChunkQueue",
    "CommonReference",
    "EmgDspError",
    "FeatureTransformer",
    "Filter",
    "Gap",
    "Grid",
    "GridFrames",
    "Interpolation",
    "Live",
    "LiveReport",
    "LogSpectrogram",
    "LslSource",
    "MovingMAV",
    "MovingMean",
    "MovingRMS",
    "Rectify",
    "Repair",
    "RingBuffer",
    "SpatialFilter",
    "SpatialMedian",
    "Stage",
    "Standardizer",
    "Stream",
    "TeagerKaiser",
    "TimedChunk",
    "band_power",
    "bandpass",
    "bandstop",
    "centre",
    "comb",
    "dc_block",
    "describe_feature",
    "detrend",
    "envelope",
    "feature_columns",
    "feature_groups",
    "feature_names",
    "features",
    "filter_bank",
    "grid_names",
    "highpass",
    "log_spectrogram",
    "lowpass",
    "mav",
    "mpf",
    "notch",
    "plot_bode",
    "plot_features",
    "plot_map",
    "plot_signal",
    "power_spectrum",
    "rectify",
    "rms",
    "run_live",
    "stft",
    "teager_kaiser",
    "warmup",
    "windows",
]
