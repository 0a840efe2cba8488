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
}

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
