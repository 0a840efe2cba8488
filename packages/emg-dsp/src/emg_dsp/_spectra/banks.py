"""Filter banks: triangular weights that gather the bins of a spectrum into bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_dsp._arrays import as_real, check_policy, widen
from emg_dsp._checks import among, number, positive, whole
from emg_dsp._errors import EmgDspError

from .tapers import MOST_TRANSFORM

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy

_MOST_BANDS = 1024
_SCALES: dict[str, tuple[Any, Any]] = {
    "mel": (lambda f: 2595 * np.log10(1 + f / 700), lambda m: 700 * (10 ** (m / 2595) - 1)),
    "linear": (lambda f: f, lambda m: m),
    "log": (np.log, np.exp),
}
"""From Hz to the scale, and back."""


def filter_bank(
    n_bands: int,
    low: float,
    high: float,
    sfreq: float,
    n_fft: int = 64,
    *,
    scale: Literal["mel", "linear", "log"] = "mel",
) -> NDArray[np.float64]:
    """Return triangular weights that overlap by half and are equally wide on a scale of frequency.

    Parameters
    ----------
    n_bands : int
        Bands, 1 to 1,024.
    low, high : float
        Where the first band begins and the last one ends, in Hz: ``0 <= low < high <= sfreq / 2``; ``low > 0`` for
        ``"log"``.
    sfreq : float
        Sampling rate in Hz, > 0.
    n_fft : int
        Length of the transform whose bins are weighted, 2 to 65,536.
    scale : {"mel", "linear", "log"}
        Mel is ``2595 log10(1 + f / 700)``. It was made for hearing: from 0 to 1 kHz it is nearly linear, so for EMG it
        differs little from ``"linear"``.

    Returns
    -------
    array (n_bands, n_fft // 2 + 1), float64
        0 to 1; each band rises from the centre of the one before to 1 at its own centre, and falls to 0 at the next.

    Raises
    ------
    EmgDspError
        If a band is so narrow that no bin has a weight in it.

    References
    ----------
    Davis and Mermelstein, IEEE Trans. ASSP 28(4), 1980, doi:10.1109/TASSP.1980.1163420; the mel formula is that of
    O'Shaughnessy, Speech Communication, 1987, p. 150.

    Examples
    --------
    >>> from emg_dsp import filter_bank
    >>> filter_bank(8, 20, 450, sfreq=1000, n_fft=256).shape
    (8, 129)
    """
    count, rate, length = (
        whole(n_bands, "n_bands", 1, most=_MOST_BANDS),
        positive(sfreq, "sfreq"),
        whole(n_fft, "n_fft", 2, most=MOST_TRANSFORM),
    )
    low, high = number(low, "low", "a frequency in Hz"), number(high, "high", "a frequency in Hz")
    if not among(scale, _SCALES):
        raise EmgDspError(f"scale={scale!r}; required is one of {', '.join(_SCALES)}.")
    least = "0 <" if scale == "log" else "0 <="
    if not 0 <= low < high <= rate / 2 or (scale == "log" and low == 0):
        raise EmgDspError(
            f"low={low:g}, high={high:g} Hz; required is {least} low < high <= {rate / 2:g} Hz (half of sfreq)."
        )
    forward, back = _SCALES[scale]
    edges = back(np.linspace(forward(low), forward(high), count + 2))
    freqs = np.fft.rfftfreq(length, 1 / rate)
    rising = (freqs - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - freqs) / np.diff(edges)[1:, None]
    bank: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(~bank.any(axis=1))
    if len(empty):
        first = int(empty[0])
        raise EmgDspError(
            f"band {first} ({edges[first]:.4g} to {edges[first + 2]:.4g} Hz) holds no bin: bins are "
            f"{rate / length:g} Hz apart. Lower n_bands={count} or raise n_fft={length}."
        )
    return bank


def band_power(spectrum: ArrayLike, bank: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
    """Gather the bins of power spectra into bands.

    Parameters
    ----------
    spectrum : array (..., bins)
        Powers or densities, real, bins on the last axis: ``numpy.abs(stft(...)) ** 2`` or what `power_spectrum` gives.
    bank : array (n_bands, bins)
        Weights, e.g. from `filter_bank`.
    nan : {"raise", "propagate"}
        A NaN or infinite power raises, or makes the bands NaN that give it weight. So does a sum that
        overflows the type of the result.

    Returns
    -------
    array (..., n_bands)
        Weighted sums, computed in float64: float64 for float64, float32 for everything else. A spectrum's bands depend
        on no other spectrum.
    """
    check_policy(nan)
    given, weights = as_real(spectrum, "spectrum"), as_real(bank, "bank").astype(np.float64)
    if weights.ndim != 2 or weights.shape[1] != given.shape[-1] or not np.isfinite(weights).all():
        raise EmgDspError(
            f"bank has shape {weights.shape}; required are finite weights (n_bands, {given.shape[-1]}), one for each "
            "bin of the spectrum."
        )
    if nan == "raise" and not np.isfinite(given).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(given))[0])
        raise EmgDspError(
            f"spectrum has {given[place]} at {list(place)}; required are finite powers. Repair them first, or pass "
            "nan='propagate'."
        )
    wide, result = widen(given)
    out = np.empty((*given.shape[:-1], len(weights)), dtype=result)
    with np.errstate(invalid="ignore", over="ignore"):
        for band, row in enumerate(weights):
            out[..., band] = _weighted(wide, row)
    hold_finite(out, nan)
    return out


def hold_finite(power: Array, nan: NanPolicy) -> None:
    """Raise where power from finite samples overflowed, or make it NaN, in place."""
    bad = ~np.isfinite(power)
    if not bad.any():
        return
    if nan == "raise":
        raise EmgDspError(
            f"power overflows {power.dtype}; required are smaller values: scale the signal down (e.g. from uV to V)."
        )
    power[bad] = np.nan


def _weighted(values: Array, weights: NDArray[np.float64]) -> Array:
    """Add up, in order, the bins that have a weight."""
    total = np.zeros(values.shape[:-1])
    for index in np.flatnonzero(weights):
        total += values[..., index] * weights[index]
    return total
