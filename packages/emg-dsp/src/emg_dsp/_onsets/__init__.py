"""Onsets: when muscles become active and when they rest again."""

from .activity import Activity
from .baseline import Baseline
from .detectors import onset_hodges_bui, onset_tkeo
from .double import onset_double_threshold
from .likelihood import onset_aglr
from .thresholds import DoubleThreshold, Threshold

__all__ = [
    "Activity",
    "Baseline",
    "DoubleThreshold",
    "Threshold",
    "onset_aglr",
    "onset_double_threshold",
    "onset_hodges_bui",
    "onset_tkeo",
]
