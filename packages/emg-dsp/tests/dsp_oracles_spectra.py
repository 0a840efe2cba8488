"""Slow, obvious float64 references of spectra: one frame after another, by NumPy's transform or scipy.signal."""

import numpy as np
from scipy import linalg, signal


def stft(x: np.ndarray, length: int, hop: int, window: np.ndarray, n_fft: int | None = None) -> np.ndarray:
    """Frames (n_frames, channels, bins) of a signal (channels, time)."""
    starts = range(0, x.shape[-1] - length + 1, hop)
    frames = [np.fft.rfft(x[:, start : start + length] * window, n_fft or length) for start in starts]
    return np.array(frames).reshape(len(starts), len(x), -1)


def log_spectrogram(x: np.ndarray, length: int = 64, hop: int = 16) -> np.ndarray:
    """The transform of emg2qwerty: periodic Hann, power over the sum of squares, log10 of what is 1e-6 higher."""
    window = signal.get_window("hann", length)
    return np.log10(np.abs(stft(x.astype(np.float64), length, hop, window)) ** 2 / (window**2).sum() + 1e-6)


def mpf(x: np.ndarray, sfreq: float, window: int, stride: int, bands: list[tuple[float, float]]) -> np.ndarray:
    """Cross-spectra window by window, and the logarithm of each matrix by scipy."""
    taper = signal.get_window("hann", 64, fftbins=False)
    frames = stft(x.astype(np.float64), 64, 10, taper / np.linalg.norm(taper))
    freqs = np.fft.rfftfreq(64, 1 / sfreq)
    count, rows = window // 10, []
    for start in range(0, len(frames) - count + 1, stride // 10):
        part = frames[start : start + count]
        cross = np.einsum("tcf,tdf->fcd", part, part.conj()) / count
        means = [(np.abs(cross[(freqs > low) & (freqs <= high)]) ** 2).mean(axis=0) for low, high in bands]
        rows.append([linalg.logm(mean).real for mean in means])
    return np.array(rows).reshape(len(rows), len(bands), len(x), len(x))


def density(x: np.ndarray, sfreq: float, size: int, hop: int, *, detrend: bool) -> np.ndarray:
    """Welch's estimate by scipy."""
    return signal.welch(
        x.astype(np.float64), sfreq, nperseg=size, noverlap=size - hop, detrend="constant" if detrend else False
    )[1]
