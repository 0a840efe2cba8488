"""Slow, obvious onset detectors, one channel and one sample at a time, and noise whose onset is known."""

import numpy as np
from scipy import signal, stats

EDGES = tuple[list[int], list[int]]


def gated(seed: int, snr_db: float, samples: int = 4000) -> tuple[np.ndarray, int, int]:
    """White noise of 30 uV at rest, louder between two known samples: signal in V (1, time), onset, offset."""
    rng = np.random.default_rng(seed)
    onset = 1500 + int(rng.integers(0, 200))
    offset = onset + 800
    gain = np.ones(samples)
    gain[onset:offset] = np.sqrt(1 + 10 ** (snr_db / 10))
    return (3e-5 * gain * rng.standard_normal(samples))[None, :], onset, offset


def runs(track: np.ndarray) -> EDGES:
    """Onsets and offsets of a track, walking along it."""
    onsets, offsets = [], []
    for t, active in enumerate(track):
        before = t > 0 and track[t - 1]
        if active and not before:
            onsets.append(t)
        if before and not active:
            offsets.append(t)
    if len(track) and track[-1]:
        offsets.append(len(track))
    return onsets, offsets


def cleaned(track: np.ndarray, min_active: int, min_rest: int) -> np.ndarray:
    """Join what is close, then drop what is short."""
    out = np.array(track, dtype=bool)
    onsets, offsets = runs(out)
    for stop, start in zip(offsets, onsets[1:], strict=False):
        if start - stop < min_rest:
            out[stop:start] = True
    for start, stop in zip(*runs(out), strict=True):
        if stop - start < min_active:
            out[start:stop] = False
    return out


def _window_means(x: np.ndarray, size: int) -> np.ndarray:
    """Mean of the window that ends at each sample; NaN before the first whole one."""
    out = np.full(len(x), np.nan)
    for t in range(size - 1, len(x)):
        out[t] = x[t - size + 1 : t + 1].mean()
    return out


def hodges_bui(x: np.ndarray, sfreq: float, span: slice, h: float, size: int, cutoff: float | None) -> np.ndarray:
    """Track of one channel: each sample is active if the window that begins there is loud."""
    smooth = np.abs(x.astype(np.float64))
    if cutoff is not None:
        smooth = signal.sosfilt(signal.butter(2, cutoff, fs=sfreq, output="sos"), smooth)
    level = smooth[span].mean() + h * smooth[span].std()
    means = _window_means(smooth, size)
    ends = [min(t + size - 1, len(x) - 1) for t in range(len(x))]
    return np.array([means[end] > level for end in ends])


def tkeo(x: np.ndarray, span: slice, h: float, size: int) -> np.ndarray:
    """Track of one channel: each sample is active if the energies up to it are large."""
    wide = x.astype(np.float64)
    energy = np.zeros(len(wide) + 1)  # one sample late, as a causal detector has it
    for t in range(1, len(wide)):
        energy[t] = wide[t - 1] ** 2 - (wide[t - 2] if t > 1 else 0.0) * wide[t]
    late = np.abs(energy[: len(wide)])
    averages = np.array([late[max(0, t - size + 1) : t + 1].mean() for t in range(len(wide))])
    level = averages[span].mean() + h * averages[span].std()
    averages[: size + 1] = 0
    return np.array([averages[min(t + 1, len(wide) - 1)] > level for t in range(len(wide))])


def double_threshold(x: np.ndarray, span: slice, false_alarm: float, m: int, r0: int) -> np.ndarray:
    """Track of one channel, by scipy's distributions."""
    wide = x.astype(np.float64)
    power = (wide[span] ** 2).mean()
    strong = stats.beta.ppf(false_alarm, r0, m - r0 + 1)  # P(binomial >= r0) is a beta distribution function
    level = power * stats.chi2.isf(strong, df=2)
    hits, track = [], []
    for t in range(len(wide)):
        if t % 2 == 1:
            hits.append(wide[t - 1] ** 2 + wide[t] ** 2 > level)
        track.append(sum(hits[-m:]) >= r0)
    return np.array(track, dtype=bool)


def aglr(x: np.ndarray, span: slice, threshold: float, size: int) -> np.ndarray:
    """Track of one channel: alarms by log likelihoods of Gaussians, changes by trying every sample."""
    wide = x.astype(np.float64)
    rest = np.sqrt((wide[span] ** 2).mean())

    def score(part: np.ndarray) -> float:
        scale = np.sqrt((part**2).mean())
        if scale <= rest:
            return 0.0
        return float((stats.norm.logpdf(part, scale=scale) - stats.norm.logpdf(part, scale=rest)).sum())

    alarm = np.zeros(len(wide), dtype=bool)
    for t in range(size - 1, len(wide)):
        alarm[t] = score(wide[t - size + 1 : t + 1]) >= threshold
    track = np.zeros(len(wide), dtype=bool)
    for start, stop in zip(*runs(alarm), strict=True):
        firsts = range(start, max(0, start - 2 * size + 1) - 1, -1)
        onset = max(firsts, key=lambda first: score(wide[first : start + 1]))
        begin = max(start, stop - 2 * size)
        lasts = range(begin + 1, stop + 1)
        offset = stop if stop == len(wide) else max(lasts, key=lambda last: score(wide[begin:last]))
        track[onset:offset] = True
    return track
