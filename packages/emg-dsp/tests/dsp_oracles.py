"""The one table of slow, obvious float64 references: unit tests, laws and benchmarks all read it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

import emg_dsp


@dataclass(frozen=True)
class Design:
    """One filter, made by us and made by scipy."""

    ours: Callable[[], emg_dsp.Filter]
    sos: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Operation:
    """One way to apply a filter, by us and by scipy in float64."""

    ours: Callable[[emg_dsp.Filter, np.ndarray], np.ndarray]
    oracle: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _notch(freq: float, sfreq: float, q: float) -> np.ndarray:
    return signal.tf2sos(*signal.iirnotch(freq, q, fs=sfreq))


DESIGNS = {
    "bandpass": Design(
        lambda: emg_dsp.bandpass(20, 450, 2048),
        lambda: signal.butter(4, [20, 450], "bandpass", fs=2048, output="sos"),
    ),
    "bandpass+notch": Design(
        lambda: emg_dsp.bandpass(20, 450, 2048, order=4) + emg_dsp.notch(50, 2048, q=30),
        lambda: np.vstack([signal.butter(4, [20, 450], "bandpass", fs=2048, output="sos"), _notch(50, 2048, 30)]),
    ),
    "highpass-odd": Design(
        lambda: emg_dsp.highpass(20, 200, order=3),
        lambda: signal.butter(3, 20, "highpass", fs=200, output="sos"),
    ),
    "lowpass-first": Design(
        lambda: emg_dsp.lowpass(6, 1000, order=1), lambda: signal.butter(1, 6, "lowpass", fs=1000, output="sos")
    ),
    "lowpass-narrow": Design(
        lambda: emg_dsp.lowpass(1, 2048, order=5), lambda: signal.butter(5, 1, "lowpass", fs=2048, output="sos")
    ),
    "notch": Design(lambda: emg_dsp.notch(60, 1000, q=35), lambda: _notch(60, 1000, 35)),
    "bandstop": Design(
        lambda: emg_dsp.bandstop(45, 55, 1000, order=2),
        lambda: signal.butter(2, [45, 55], "bandstop", fs=1000, output="sos"),
    ),
    "cheby1": Design(
        lambda: emg_dsp.bandpass(20, 450, 2048, kind="cheby1", ripple_db=0.5),
        lambda: signal.cheby1(4, 0.5, [20, 450], "bandpass", fs=2048, output="sos"),
    ),
    "cheby2": Design(
        lambda: emg_dsp.highpass(20, 1000, order=5, kind="cheby2", attenuation_db=40),
        lambda: signal.cheby2(5, 40, 20, "highpass", fs=1000, output="sos"),
    ),
    "ellip": Design(
        lambda: emg_dsp.lowpass(450, 2000, order=6, kind="ellip", ripple_db=1, attenuation_db=60),
        lambda: signal.ellip(6, 1, 60, 450, "lowpass", fs=2000, output="sos"),
    ),
    "comb": Design(
        lambda: emg_dsp.comb(60, 500, q=30),
        lambda: np.vstack([_notch(60 * k, 500, 30 * k) for k in range(1, 5)]),
    ),
    "dc-block": Design(
        lambda: emg_dsp.dc_block(2000, cutoff=2), lambda: signal.butter(1, 2, "highpass", fs=2000, output="sos")
    ),
}

NARROW = {
    "butter": Design(
        lambda: emg_dsp.lowpass(1, 2048, order=8), lambda: signal.butter(8, 1, "lowpass", fs=2048, output="sos")
    ),
    "cheby1": Design(
        lambda: emg_dsp.lowpass(1, 2048, order=8, kind="cheby1", ripple_db=1),
        lambda: signal.cheby1(8, 1, 1, "lowpass", fs=2048, output="sos"),
    ),
    "cheby2": Design(
        lambda: emg_dsp.lowpass(1, 2048, order=8, kind="cheby2", attenuation_db=60),
        lambda: signal.cheby2(8, 60, 1, "lowpass", fs=2048, output="sos"),
    ),
    "ellip": Design(
        lambda: emg_dsp.lowpass(1, 2048, order=8, kind="ellip", ripple_db=1, attenuation_db=60),
        lambda: signal.ellip(8, 1, 60, 1, "lowpass", fs=2048, output="sos"),
    ),
    "bandpass": Design(
        lambda: emg_dsp.bandpass(0.5, 1, 2048, order=4),
        lambda: signal.butter(4, [0.5, 1], "bandpass", fs=2048, output="sos"),
    ),
    "highpass": Design(
        lambda: emg_dsp.highpass(0.1, 2048, order=8),
        lambda: signal.butter(8, 0.1, "highpass", fs=2048, output="sos"),
    ),
}
"""Designs with poles so close to 1 that accuracy is hard to keep."""

OPERATIONS = {
    "causal": Operation(lambda f, x: f(x), lambda sos, x: signal.sosfilt(sos, x.astype(np.float64), axis=-1)),
    "zero_phase": Operation(
        lambda f, x: f.zero_phase(x), lambda sos, x: signal.sosfiltfilt(sos, x.astype(np.float64), axis=-1)
    ),
}


def windows(x: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Every whole window, copied."""
    starts = range(0, x.shape[-1] - length + 1, hop)
    parts = [x[..., start : start + length] for start in starts]
    return np.stack(parts, axis=-3) if parts else np.empty((*x.shape[:-2], 0, x.shape[-2], length), x.dtype)


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(got.astype(np.float64) - expected).max() / np.abs(expected).max())


def emg(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    """Gated noise with an offset and mains hum, float32, mV."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples)
    gate = 0.1 + (np.sin(time / 400) > 0)
    hum = 0.2 * np.sin(2 * np.pi * 50 * time / 2048)
    return (rng.standard_normal((channels, samples)) * gate + hum + 0.5).astype(np.float32)
