"""Envelopes: rectification, moving averages, energy operators."""

from .moving import MovingMAV, MovingMean, MovingRMS

__all__ = ["MovingMAV", "MovingMean", "MovingRMS"]
