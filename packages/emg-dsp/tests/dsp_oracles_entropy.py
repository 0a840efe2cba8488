"""Slow, obvious float64 references: entropies, autoregressive models, L-moment, histogram, weighted energies, ring."""

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
from scipy import signal

TIE = 1 + 1e-9
"""Samples that differ by exactly the tolerance are alike, whatever rounding says."""


def templates(x: np.ndarray, size: int, count: int) -> np.ndarray:
    """The first ``count`` templates of ``size`` samples (count, size)."""
    return np.array([x[i : i + size] for i in range(count)]).reshape(count, size)


def distances(rows: np.ndarray) -> np.ndarray:
    """Largest difference of every two rows."""
    return np.abs(rows[:, None] - rows[None]).max(axis=-1)


def alike(x: np.ndarray, size: int, count: int, ratio: float) -> np.ndarray:
    """For each of the first ``count`` templates, how many of them are similar to it, itself included."""
    return (distances(templates(x, size, count)) <= ratio * deviation(x) * TIE).sum(axis=1)


def deviation(x: np.ndarray) -> float:
    """Standard deviation, exactly 0 where all samples are equal."""
    return x.std() if np.ptp(x) > 0 else 0.0


def sample_entropy(x: np.ndarray, size: int = 2, ratio: float = 0.3) -> float:
    count = len(x) - size
    if count < 2:
        return np.nan
    short, long = (alike(x, k, count, ratio).sum() - count for k in (size, size + 1))
    return np.log(short / long) if long else np.log(count * (count - 1) / 2)


def approximate_entropy(x: np.ndarray, size: int = 2, ratio: float = 0.2) -> float:
    if len(x) <= size:
        return np.nan
    counts = {k: len(x) - k + 1 for k in (size, size + 1)}
    short, long = (np.log(alike(x, k, count, ratio) / count).mean() for k, count in counts.items())
    return short - long


def fuzzy_entropy(x: np.ndarray, ratio: float = 0.3, size: int = 2, power: int = 2) -> float:
    count = len(x) - size
    if count < 2:
        return np.nan
    scale = deviation(x) or 1.0
    sums = []
    for k in (size, size + 1):
        rows = templates(x, k, count)
        far = distances(rows - rows.mean(axis=1, keepdims=True)) / scale
        sums.append(np.exp(-(far**power) / ratio)[np.triu_indices(count, 1)].sum())
    return np.log(sums[0] / sums[1])


def burg(x: np.ndarray, order: int = 4) -> np.ndarray:
    """Each order minimises the energy of the forward and backward errors of the order before."""
    forward, backward, a = x[1:], x[:-1], np.array([1.0])
    whole = (forward**2).sum() + (backward**2).sum()
    for _ in range(order):
        energy = (forward**2).sum() + (backward**2).sum()
        k = -2 * forward @ backward / energy if energy > 1e-24 * whole else 0.0
        a = np.append(a, 0) + k * np.append(a, 0)[::-1]
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    return a[1:]


def cepstrum(x: np.ndarray, order: int = 4) -> np.ndarray:
    """Inverse transform of the logarithm of 1 / A(z), its time aliased by points far beyond the coefficients.

    Radii below 1 damp what aliases; the coefficients are scaled back.
    """
    points, radius = 4096, 0.5
    response = np.fft.fft(np.append(1.0, burg(x, order)) * radius ** np.arange(order + 1), points)
    logarithm = -(np.log(np.abs(response)) + 1j * np.unwrap(np.angle(response)))
    return (np.fft.ifft(logarithm).real / radius ** np.arange(points))[1 : order + 1]


def l_scale(x: np.ndarray) -> float:
    pairs = [abs(a - b) for a, b in combinations(x, 2)]
    return float(np.mean(pairs)) / 2 if pairs else 0.0


def histogram(x: np.ndarray, bins: int = 9, limit: float = 3.0) -> np.ndarray:
    if deviation(x) == 0:
        return len(x) * (np.arange(bins) == bins // 2)
    scores = (x - x.mean()) / deviation(x)
    edges = np.linspace(-limit, limit, bins + 1)[1:-1] - 1e-10
    return np.bincount(np.searchsorted(edges, scores, side="right"), minlength=bins)


def trapezoid(length: int) -> np.ndarray:
    return np.array([min(1, (j + 0.5) / (length / 4), (length - j - 0.5) / (length / 4)) for j in range(length)])


def parts(x: np.ndarray, shape: Callable[[int], np.ndarray], count: int = 3) -> list[float]:
    edges = [round(k * len(x) / (count + 1)) for k in range(count + 2)]
    pieces = [x[start:stop] for start, stop in zip(edges, edges[2:], strict=False)]
    return [float(((piece * shape(len(piece))) ** 2).sum()) for piece in pieces]


def first_burst(x: np.ndarray, sfreq: float, width: float = 0.032) -> float:
    weights = np.hamming(min(max(1, round(width * sfreq)), len(x)))
    smooth = np.convolve(x**2, weights, mode="valid")
    peaks = [b for (a, b), (_, c) in pairwise(pairwise(smooth)) if a < b >= c]
    if smooth[0] == smooth.max() or not peaks:
        return float(smooth.max())
    return float(peaks[0])


def phasors(values: np.ndarray, of_difference: np.ndarray) -> np.ndarray:
    """Rows of channels: logarithms of distances to the next channels around the ring, then of ratios."""
    count = len(values)
    turn = np.exp(2j * np.pi * np.arange(count) / count)
    rows = []
    for c in range(count):
        others = [(c + k) % count for k in range(1, count)]
        logs = [[np.log(max(abs(p[c] - p[j]), 1e-30)) for j in others] for p in (values * turn, of_difference * turn)]
        rows.append([*logs[0], *np.subtract(logs[0], logs[1])])
    return np.array(rows)


def _rms(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x**2).mean(axis=-1)) if x.shape[-1] else np.zeros(len(x))


def _wl(x: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(x, axis=-1)).sum(axis=-1) if x.shape[-1] else np.zeros(len(x))


FEATURES: dict[str, Callable[[np.ndarray, float], object]] = {
    "AFB": first_burst,
    "AFB(width=0.005)": lambda x, sfreq: first_burst(x, sfreq, 0.005),
    "APEN": lambda x, _: approximate_entropy(x),
    "APEN(m=1, r=0.5)": lambda x, _: approximate_entropy(x, 1, 0.5),
    "AR": lambda x, _: burg(x),
    "AR(order=9)": lambda x, _: burg(x, 9),
    "CC": lambda x, _: cepstrum(x),
    "CC(order=2)": lambda x, _: cepstrum(x, 2),
    "FUZZYEN": lambda x, _: fuzzy_entropy(x),
    "FUZZYEN(r=1)": lambda x, _: fuzzy_entropy(x, 1.0),
    "FUZZYEN(m=3, r=0.2, n=1)": lambda x, _: fuzzy_entropy(x, 0.2, 3, 1),
    "HIST": lambda x, _: histogram(x),
    "HIST(bins=4, limit=1.5)": lambda x, _: histogram(x, 4, 1.5),
    "LS": lambda x, _: l_scale(x),
    "MHW": lambda x, _: parts(x, np.hamming),
    "MHW(parts=1)": lambda x, _: parts(x, signal.windows.hamming, 1),
    "MTW": lambda x, _: parts(x, trapezoid),
    "MTW(parts=7)": lambda x, _: parts(x, trapezoid, 7),
    "SAMPEN": lambda x, _: sample_entropy(x),
    "SAMPEN(m=3, r=0.15)": lambda x, _: sample_entropy(x, 3, 0.15),
}
ACROSS: dict[str, Callable[[np.ndarray, float], object]] = {
    "RMSPHASOR": lambda x, _: phasors(_rms(x), _rms(np.diff(x, axis=-1))),
    "WLPHASOR": lambda x, _: phasors(_wl(x), _wl(np.diff(x, axis=-1))),
}
