"""Spectra: short-time transforms, log-spectrograms, cross-power features, filter banks."""

from .banks import band_power, filter_bank
from .log_spectrogram import LogSpectrogram, log_spectrogram
from .mpf import MultivariatePower, mpf
from .stft import power_spectrum, stft

__all__ = [
    "LogSpectrogram",
    "MultivariatePower",
    "band_power",
    "filter_bank",
    "log_spectrogram",
    "mpf",
    "power_spectrum",
    "stft",
]
