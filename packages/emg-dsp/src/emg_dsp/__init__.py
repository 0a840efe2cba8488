"""Filters, windows and features for sEMG at memory speed, the same on-line and off-line."""

from ._envelopes import MovingMAV, MovingMean, MovingRMS
from ._errors import EmgDspError
from ._features import describe_feature, feature_columns, feature_groups, feature_names, features, mav, rms
from ._filters import Filter, bandpass, highpass, lowpass, notch
from ._plots import plot_bode, plot_features, plot_map, plot_signal
from ._scaling import Standardizer
from ._stages import Chain, Stage, Stream
from ._warmup import warmup
from ._windows import windows

__all__ = [
    "Chain",
    "EmgDspError",
    "Filter",
    "MovingMAV",
    "MovingMean",
    "MovingRMS",
    "Stage",
    "Standardizer",
    "Stream",
    "bandpass",
    "describe_feature",
    "feature_columns",
    "feature_groups",
    "feature_names",
    "features",
    "highpass",
    "lowpass",
    "mav",
    "notch",
    "plot_bode",
    "plot_features",
    "plot_map",
    "plot_signal",
    "rms",
    "warmup",
    "windows",
]
