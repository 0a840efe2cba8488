"""Filters: designed once as second-order sections, applied causally, zero-phase or chunk by chunk."""

from .design import bandpass, bandstop, highpass, lowpass
from .filter import Filter
from .hum import comb, dc_block, notch

__all__ = ["Filter", "bandpass", "bandstop", "comb", "dc_block", "highpass", "lowpass", "notch"]
