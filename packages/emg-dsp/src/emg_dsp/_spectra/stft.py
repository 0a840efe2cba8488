"""Short-time Fourier transform and power spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import as_rows, widen
from emg_dsp._checks import flag, positive, whole
from emg_dsp._errors import EmgDspError
from emg_dsp._stages.whole import narrow
from emg_dsp._threads import over_rows
from emg_dsp._windows.sizes import in_samples

from .banks import hold_finite
from .framed import checked_signal
from .frames import Frames, count_frames, flattened, starts_of
from .tapers import MOST_TRANSFORM, taper

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy


def stft(
    x: ArrayLike,
    length: float,
    hop: float,
    sfreq: float | None = None,
    *,
    window: str | ArrayLike = "hann",
    n_fft: int | None = None,
    nan: NanPolicy = "raise",
    threads: int = 1,
) -> NDArray[Any]:
    """Compute the short-time Fourier transform, without centring, padding or scaling.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit.
    length, hop : int or float
        Size and step of the frames: whole samples, or seconds where ``sfreq`` is given, as for `windows`.
    sfreq : float, optional
        Sampling rate in Hz; states that ``length`` and ``hop`` are seconds.
    window : str or array (length,)
        Taper in its periodic form (``"hann"``, ``"hamming"``, ``"blackman"``, ``"boxcar"``), or the weights themselves.
    n_fft : int, optional
        Length of the transform, at least ``length`` in samples, which is the default, and at most 65,536;
        zeros follow the frame.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spoils the frames that contain it.
    threads : int
        Threads that share the frames, >= 1. Changes no value.

    Returns
    -------
    array (..., n_frames, channels, n_fft // 2 + 1)
        ``sum_t w[t] x[k hop + t] exp(-2 pi i f t / n_fft)``, in the unit of ``x``: complex128 for float64, complex64
        for everything else. Frequencies are ``numpy.fft.rfftfreq(n_fft, 1 / sfreq)``. Frames and axes are those of
        `windows`: only whole frames, the first at the first sample, phase counted from the first sample of the frame.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import stft
    >>> stft(np.zeros((8, 1000)), length=64, hop=16).shape
    (59, 8, 33)
    """
    size, step = in_samples(length, "length", sfreq), in_samples(hop, "hop", sfreq)
    transform = _transform_length(n_fft, size)
    frames = Frames(taper(window, size), transform)
    given = checked_signal(x, nan)
    wide, result = widen(given)
    lead, (n_chans, samples) = given.shape[:-2], given.shape[-2:]
    flat = flattened(wide)
    n = count_frames(samples, size, step)
    kind = np.result_type(wide.dtype, np.complex64)
    out = np.empty((int(np.prod(lead)), n, n_chans, frames.bins), dtype=kind)
    rows = np.arange(n_chans, dtype=np.int64) * samples

    def job(first: int, stop: int) -> None:
        starts = starts_of(rows + first * step, stop - first, step)
        for signal, target in enumerate(out):
            table = target[first:stop].reshape(-1, frames.bins)
            for a, b, values in frames.transforms(flat, starts + signal * n_chans * samples, wide.dtype):
                table[a:b] = values

    over_rows(n if n_chans else 0, threads, job)
    return narrow(out.reshape(*lead, n, n_chans, frames.bins), result)


def power_spectrum(
    x: ArrayLike,
    sfreq: float,
    length: float = 0.25,
    hop: float | None = None,
    *,
    window: str | ArrayLike = "hann",
    detrend: bool = True,
    nan: NanPolicy = "raise",
    threads: int = 1,
) -> tuple[NDArray[np.float64], Floats]:
    """Estimate the one-sided power spectral density by averaging over frames.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit, at least one frame long.
    sfreq : float
        Sampling rate in Hz, > 0.
    length, hop : float
        Size and step of the frames in seconds, rounded to samples; ``hop`` is half a frame where it is None.
    window : str or array
        Taper, as for `stft`.
    detrend : bool
        Take the mean out of each frame.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or makes the density of its channel NaN where a frame contains it.
        Power that overflows the type of the result raises, or is NaN.
    threads : int
        Threads that share the channels, >= 1. Changes no value.

    Returns
    -------
    freqs : array (bins,), float64
        Hz, from 0 to half of ``sfreq``.
    density : array (..., channels, bins)
        >= 0, squared unit of ``x`` per Hz: its sum times the distance of the bins is the mean power. Equal to
        `scipy.signal.welch` with the same frames. Computed in float64; float64 for float64, float32 for the rest.

    References
    ----------
    Welch, IEEE Trans. Audio Electroacoust. 15(2), 1967, doi:10.1109/TAU.1967.1161901.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import power_spectrum
    >>> tone = np.sin(2 * np.pi * 100 * np.arange(2000) / 1000)
    >>> freqs, density = power_spectrum(tone[None, :], sfreq=1000, length=0.1)
    >>> float(freqs[density[0].argmax()]), round(float(density.sum() * 10), 3)
    (100.0, 0.5)
    """
    rate = positive(sfreq, "sfreq")
    size = in_samples(length, "length", rate)
    step = max(1, size - size // 2) if hop is None else in_samples(hop, "hop", rate)
    given = checked_signal(x, nan)
    if given.shape[-1] < size:
        raise EmgDspError(
            f"x has {given.shape[-1]} samples; required are the {size} of one frame. Lower length={length:g} s."
        )
    weights = taper(window, size)
    frames = Frames(weights / np.sqrt(rate * np.sum(weights**2)), size, flag(detrend, "detrend"))
    wide, result = widen(given)
    rows = np.ascontiguousarray(as_rows(wide))
    out = np.empty((len(rows), frames.bins), dtype=np.float64)
    starts = np.arange(count_frames(given.shape[-1], size, step), dtype=np.int64) * step

    def job(first: int, stop: int) -> None:
        for row in range(first, stop):
            out[row] = _mean_power(frames, rows[row], starts)

    over_rows(len(rows), threads, job, multiple=1)
    with np.errstate(over="ignore"):
        out[:, 1 : (size + 1) // 2] *= 2
        density: Floats = out.reshape(*given.shape[:-1], frames.bins).astype(result, copy=False)
    hold_finite(density, nan)
    return np.asarray(np.arange(frames.bins) * (rate / size), dtype=np.float64), density


def _mean_power(frames: Frames, row: Floats, starts: NDArray[np.int64]) -> Array:
    """Average the power (bins,) over the frames of one row, some at a time."""
    total = np.zeros(frames.bins)
    some = 256
    for first in range(0, len(starts), some):
        part = np.empty((len(starts[first : first + some]), frames.bins))
        frames.powers(row, starts[first : first + some], part)
        with np.errstate(over="ignore"):
            total += part.sum(axis=0)
    return total / len(starts)


def _transform_length(n_fft: int | None, length: int) -> int:
    """Return the length of the transform, or raise where a frame does not fit."""
    given, name = (length, "length") if n_fft is None else (n_fft, "n_fft")
    n = whole(given, name, 1, " samples", most=MOST_TRANSFORM)
    if n < length:
        raise EmgDspError(f"n_fft={n} is shorter than a frame of {length} samples; required is n_fft >= {length}.")
    return n
