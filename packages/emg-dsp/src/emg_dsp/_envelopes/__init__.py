"""Envelopes: rectification, moving averages, the Teager-Kaiser operator, trends."""

from .moving import MovingMAV, MovingMean, MovingRMS
from .rectify import Rectify, envelope, rectify
from .teager_kaiser import TeagerKaiser, teager_kaiser
from .trends import centre, detrend

__all__ = [
    "MovingMAV",
    "MovingMean",
    "MovingRMS",
    "Rectify",
    "TeagerKaiser",
    "centre",
    "detrend",
    "envelope",
    "rectify",
    "teager_kaiser",
]
