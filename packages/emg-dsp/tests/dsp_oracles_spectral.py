"""Slow, obvious float64 references: power spectra by the defining sum, wavelets by direct convolution."""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np

EDGES = [20, 92, 163, 235, 305, 378, 450]


def spectrum(
    x: np.ndarray, sfreq: float, *, taper: bool = False, centre: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and powers (bins,), computed once for each window whatever is asked of it."""
    powers = _powers(x.astype(np.float64).tobytes(), taper, centre)
    return np.arange(len(powers)) * sfreq / _size(len(x)), powers


def _size(length: int) -> int:
    return 2 ** math.ceil(math.log2(length))


@lru_cache(maxsize=1000)
def _powers(samples: bytes, taper: bool, centre: bool) -> np.ndarray:
    """One sum over all samples for each frequency; less than rounding can leave counts as 0."""
    x = np.frombuffer(samples)
    length, size = len(x), _size(len(x))
    weights = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length) if taper and length > 1 else np.ones(length)
    weights = weights / np.sqrt((weights**2).mean())
    values = weights * (x - x.mean() if centre else x)
    turns = (np.outer(np.arange(max(1, size // 2)), np.arange(length)) % size) / size
    powers = np.abs(np.exp(-2j * np.pi * turns) @ values / length) ** 2
    powers[powers < (length * 2.0**-52) ** 2 * (x**2).mean()] = 0
    powers.flags.writeable = False
    return powers


def divided(part: float, whole: float) -> float:
    return part / whole if whole > 0 else np.nan


def centroid(f: np.ndarray, p: np.ndarray) -> float:
    return divided((f * p).sum(), p.sum())


def deviation(f: np.ndarray, p: np.ndarray, order: float) -> float:
    return divided((np.abs(f - centroid(f, p)) ** order * p).sum(), p.sum()) ** (1 / order)


def reached(f: np.ndarray, p: np.ndarray, part: float) -> float:
    return f[np.argmax(np.cumsum(p) > part * p.sum())] if p.sum() > 0 else np.nan


def median_between(f: np.ndarray, p: np.ndarray) -> float:
    """The cumulative power as a line from edge to edge of the bins, read where it is half."""
    if p.sum() == 0:
        return np.nan
    step = f[1] - f[0] if len(f) > 1 else 0.0
    edges = np.concatenate([f - step / 2, [f[-1] + step / 2]])
    return max(0.0, float(np.interp(p.sum() / 2, np.concatenate([[0], np.cumsum(p)]), edges)))


def frequency_ratio(f: np.ndarray, p: np.ndarray) -> float:
    return divided(p[(f >= 30) & (f < 250)].sum(), p[(f >= 250) & (f < 500)].sum())


def peak_share(f: np.ndarray, p: np.ndarray) -> float:
    inside = (f >= 10) & (f <= 500)
    f, p = f[inside], p[inside]
    return divided(p[np.abs(f - f[p.argmax()]) <= 20].sum(), p.sum()) if len(f) else np.nan


def bands(f: np.ndarray, p: np.ndarray, sfreq: float) -> list[float]:
    rows = [np.sqrt(p[(f > low) & (f < high)]) for low, high in pairwise(EDGES) if high < sfreq / 2]
    return [row.mean() ** (2 / 3) if len(row) else np.nan for row in rows]


def flatness(p: np.ndarray) -> float:
    if (p == 0).any():
        return 0.0 if p.sum() > 0 else np.nan
    return np.exp(np.log(p).mean()) / p.mean()


def flux(x: np.ndarray, sfreq: float) -> float:
    half = len(x) // 2
    if half == 0:
        return np.nan
    first, second = (spectrum(part, sfreq)[1] for part in (x[:half], x[-half:]))
    return ((second / second.sum() - first / first.sum()) ** 2).sum() if first.sum() * second.sum() > 0 else np.nan


def decrease(p: np.ndarray) -> float:
    return divided(sum((p[k] - p[0]) / k for k in range(1, len(p))), p[1:].sum())


def entropy(p: np.ndarray) -> float:
    share = p[p > 0] / p.sum()
    return -(share * np.log2(share)).sum() if p.sum() > 0 else np.nan


def slopes(f: np.ndarray, p: np.ndarray, split: float = 60) -> list[float]:
    if p.sum() == 0:
        return [np.nan, np.nan]
    sides = [f >= split, f < split]
    return [np.polyfit(f[side], p[side] / p.sum(), 1)[0] if side.sum() > 1 else np.nan for side in sides]


def twitch(f: np.ndarray, p: np.ndarray, join: Callable[[np.ndarray], float]) -> float:
    fast, slow = p[f >= 60], p[f < 60]
    return divided(join(fast), join(slow)) if len(fast) else np.nan


def noise_ratio(f: np.ndarray, p: np.ndarray, sfreq: float) -> float:
    high = p[f >= 0.4 * sfreq]
    return divided(p.sum(), high.mean() * len(p)) if len(high) else np.nan


def drop(f: np.ndarray, p: np.ndarray, low: float = 35, high: float = 500) -> float:
    inside = p[(f >= low) & (f < high)]
    if len(inside) < 13:
        return np.nan
    means = np.convolve(inside, np.ones(13) / 13, "valid")
    return divided(means.max(), means.min())


def deformation(f: np.ndarray, p: np.ndarray) -> float:
    m0, m1, m2 = ((f**k * p).sum() for k in range(3))
    return math.sqrt(m2 / m0) / (m1 / m0) if m1 > 0 else np.nan


def wavelet_bands(x: np.ndarray, sfreq: float, level: int = 0) -> list[np.ndarray]:
    """Coefficients from the approximation to the finest details, by convolution of the mirrored signal."""
    from emg_dsp._features.wavelets import SYM8

    low = np.array(SYM8)
    high = np.array([(-1) ** (j + 1) * SYM8[15 - j] for j in range(16)])
    details = []
    for _ in range(level or max(1, math.floor(math.log2(sfreq / 2) - 1))):
        mirrored = np.pad(x, 15, mode="symmetric")
        details.append(np.convolve(mirrored, high, "valid")[1::2])
        x = np.convolve(mirrored, low, "valid")[1::2]
    return [x, *reversed(details)]


def shannon(energies: np.ndarray) -> float:
    share = energies[energies > 0] / energies.sum()
    return -(share * np.log(share)).sum()


def wavelet_entropies(x: np.ndarray, sfreq: float) -> list[float]:
    """What rounding leaves in a band counts as silence."""
    bands = [c**2 for c in wavelet_bands(x, sfreq)]
    least = 1e-20 * max(band.sum() for band in bands)
    return [shannon(band) if band.sum() > least else 0.0 for band in bands]


def _of_power(value: Callable[..., object], **settings: bool) -> Callable[[np.ndarray, float], object]:
    return lambda x, sfreq: value(*spectrum(x, sfreq, **settings))


def _of_wavelets(value: Callable[[np.ndarray], float], level: int = 0) -> Callable[[np.ndarray, float], object]:
    return lambda x, sfreq: [value(c**2) for c in wavelet_bands(x, sfreq, level)]


FEATURES: dict[str, Callable[[np.ndarray, float], object]] = {
    "MNF": _of_power(centroid),
    "MNF(centre=1)": _of_power(centroid, centre=True),
    "MNF(taper=1)": _of_power(centroid, taper=True),
    "MNF(taper=1, centre=1)": _of_power(centroid, taper=True, centre=True),
    "MDF": _of_power(lambda f, p: reached(f, p, 0.5)),
    "MDF(interpolate=1)": _of_power(median_between),
    "PKF": _of_power(lambda f, p: f[p.argmax()] if p.sum() > 0 else np.nan),
    "MNP": _of_power(lambda _, p: p.mean()),
    "TTP": _of_power(lambda _, p: p.sum()),
    "TTP(taper=1)": _of_power(lambda _, p: p.sum(), taper=True),
    "SM": _of_power(lambda f, p: (f**2 * p).sum()),
    "SM(order=4)": _of_power(lambda f, p: (f**4 * p).sum()),
    "SM1": _of_power(lambda f, p: (f * p).sum()),
    "SM2": _of_power(lambda f, p: (f**2 * p).sum()),
    "SM3": _of_power(lambda f, p: (f**3 * p).sum()),
    "VCF": _of_power(lambda f, p: deviation(f, p, 2) ** 2),
    "FR": _of_power(frequency_ratio),
    "PSR": _of_power(peak_share),
    "DFTR": lambda x, sfreq: bands(*spectrum(x, sfreq), sfreq),
    "SS": _of_power(lambda f, p: deviation(f, p, 2)),
    "SBW": _of_power(lambda f, p: deviation(f, p, 2)),
    "SBW(order=1)": _of_power(lambda f, p: deviation(f, p, 1)),
    "SFLT": _of_power(lambda _, p: flatness(p)),
    "SFLX": flux,
    "SDEC": _of_power(lambda _, p: decrease(p)),
    "SE": _of_power(lambda _, p: entropy(p)),
    "SR": _of_power(lambda f, p: reached(f, p, 0.85)),
    "SR(part=0.95)": _of_power(lambda f, p: reached(f, p, 0.95)),
    "TWR": _of_power(lambda f, p: twitch(f, p, np.sum)),
    "TWI": _of_power(lambda f, p: twitch(f, p, np.max)),
    "TWS": _of_power(slopes),
    "SNR": lambda x, sfreq: noise_ratio(*spectrum(x, sfreq), sfreq),
    "DPR": _of_power(drop),
    "OHM": _of_power(deformation),
    "WENG": _of_wavelets(lambda e: np.log(e.sum() + 1e-10)),
    "WENG(level=3)": _of_wavelets(lambda e: np.log(e.sum() + 1e-10), 3),
    "WV": _of_wavelets(lambda e: np.log(e.var() + 1e-10)),
    "WWL": _of_wavelets(lambda e: np.log(np.abs(np.diff(e)).sum() + 1e-10)),
    "WENT": wavelet_entropies,
}
