"""Filters: designed once as second-order sections, applied causally, zero-phase or chunk by chunk."""

from .design import bandpass, highpass, lowpass, notch
from .filter import Filter

__all__ = ["Filter", "bandpass", "highpass", "lowpass", "notch"]
