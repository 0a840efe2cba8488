"""Slow, obvious float64 references of envelopes, one window or one sample at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

import emg_dsp


@dataclass(frozen=True)
class Moving:
    """One moving average, ours and what it is of one window (channels, n)."""

    ours: Callable[..., emg_dsp.MovingMean]
    of_window: Callable[[np.ndarray], np.ndarray]


MOVING = {
    "mean": Moving(emg_dsp.MovingMean, lambda w: w.mean(axis=1)),
    "mav": Moving(emg_dsp.MovingMAV, lambda w: np.abs(w).mean(axis=1)),
    "rms": Moving(emg_dsp.MovingRMS, lambda w: np.sqrt((w**2).mean(axis=1))),
}


def moving(name: str, x: np.ndarray, length: int, ahead: int = 0) -> np.ndarray:
    """Average over each window that ends ``ahead`` samples later, cut off at both ends of the signal."""
    wide = x.astype(np.float64)
    out = np.empty(wide.shape)
    for t in range(wide.shape[1]):
        window = wide[:, max(0, t + ahead - length + 1) : t + ahead + 1]
        out[:, t] = MOVING[name].of_window(window)
    return out


def teager_kaiser(x: np.ndarray) -> np.ndarray:
    """Energy of each sample, the signal being 0 outside."""
    wide = np.pad(x.astype(np.float64), [(0, 0), (1, 1)])
    return np.array([[row[t] ** 2 - row[t - 1] * row[t + 1] for t in range(1, len(row) - 1)] for row in wide])


def envelope(x: np.ndarray, sfreq: float, cutoff: float, order: int, zero_phase: bool) -> np.ndarray:
    """Rectify and low-pass, by scipy."""
    sos = signal.butter(order, cutoff, fs=sfreq, output="sos")
    run = signal.sosfiltfilt if zero_phase else signal.sosfilt
    return run(sos, np.abs(x.astype(np.float64)), axis=-1)
