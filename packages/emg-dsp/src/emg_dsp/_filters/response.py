"""What a cascade of sections does to a sine: gain and phase, and how long it holds it back. No scipy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._errors import EmgDspError


def checked_freqs(freqs: ArrayLike, sfreq: float) -> NDArray[np.float64]:
    """Return frequencies as float64, or raise unless all lie in ``0 ... sfreq / 2`` Hz."""
    try:
        values = np.asarray(freqs, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise EmgDspError("freqs are not real numbers; required are frequencies in Hz.") from None
    wrong = ~((values >= 0) & (values <= sfreq / 2))
    if wrong.any():
        raise EmgDspError(
            f"freqs holds {values[wrong].flat[0]:g} Hz; required is 0 <= freqs <= {sfreq / 2:g} Hz, half of sfreq."
        )
    return values


def response(sos: NDArray[np.float64], freqs: NDArray[np.float64], sfreq: float) -> NDArray[np.complex128]:
    """Gain and phase at each frequency: the product over the sections of ``B / A`` on the unit circle."""
    delay = np.exp(-2j * np.pi * freqs / sfreq)
    powers = np.stack([np.ones_like(delay), delay, delay * delay])
    result = np.ones(freqs.shape, dtype=np.complex128)
    for row in sos:
        result *= np.tensordot(row[:3], powers, 1) / np.tensordot(row[3:], powers, 1)
    return result


def group_delay(sos: NDArray[np.float64], freqs: NDArray[np.float64], sfreq: float) -> NDArray[np.float64]:
    """Group delay in samples at each frequency: that of every numerator less that of every denominator."""
    total = np.zeros(freqs.shape)
    for row in sos:
        total += _delay(row[:3], freqs, sfreq) - _delay(row[3:], freqs, sfreq)
    return total


def _delay(taps: NDArray[np.float64], freqs: NDArray[np.float64], sfreq: float) -> NDArray[np.float64]:
    """Group delay of one polynomial; a symmetric one has linear phase, also where it is 0 on the unit circle."""
    short = np.trim_zeros(taps, "b")
    slack = 1e-12 * np.abs(taps).max()
    if min(np.abs(short - short[::-1]).max(initial=0), np.abs(short + short[::-1]).max(initial=0)) <= slack:
        return np.full(freqs.shape, max(len(short) - 1, 0) / 2)
    delay = np.exp(-2j * np.pi * freqs / sfreq)
    value = taps[0] + delay * (taps[1] + delay * taps[2])
    slope = delay * (taps[1] + 2 * delay * taps[2])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: NDArray[np.float64] = (slope / value).real
    return ratio
