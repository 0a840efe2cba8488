"""Filters, windows and features for sEMG at memory speed, the same on-line and off-line."""

from ._design import bandpass, highpass, lowpass, notch
from ._errors import EmgDspError
from ._features import feature_names, features, mav, rms
from ._filter import Filter
from ._standardizer import Standardizer
from ._stream import Stream
from ._warmup import warmup
from ._windows import windows

__all__ = [
    "EmgDspError",
    "Filter",
    "Standardizer",
    "Stream",
    "bandpass",
    "feature_names",
    "features",
    "highpass",
    "lowpass",
    "mav",
    "notch",
    "rms",
    "warmup",
    "windows",
]
