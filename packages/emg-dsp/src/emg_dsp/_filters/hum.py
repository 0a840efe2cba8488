"""Filters against what is not muscle: mains hum, its harmonics, and offset. Closed forms, no scipy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from emg_dsp._checks import below_nyquist, positive, whole
from emg_dsp._errors import EmgDspError

from .filter import Filter

if TYPE_CHECKING:
    from typing import SupportsIndex


_MOST_NOTCHES = 1000
_ENDLESS = 1 << 30


def notch(freq: float, sfreq: float, q: float = 30.0) -> Filter:
    """Design a second-order notch, as used against mains hum.

    Parameters
    ----------
    freq : float
        Frequency that is removed, in Hz, ``0 < freq < sfreq / 2``: 50 or 60 for mains.
    sfreq : float
        Sampling rate in Hz, > 0.
    q : float
        Quality factor, > 0: ``freq / q`` is the width in Hz at -3 dB, which must be below ``sfreq / 2``.

    Returns
    -------
    Filter
        One section, that of `scipy.signal.iirnotch`.

    References
    ----------
    Orfanidis, Introduction to Signal Processing, Prentice Hall, 1996, ch. 11.
    """
    rate = positive(sfreq, "sfreq")
    centre, quality = below_nyquist(freq, "freq", rate), positive(q, "q", "(no unit)")
    return Filter((_notch(centre, centre / quality, rate),), rate, f"notch {centre:g} Hz, Q {quality:g}")


def comb(
    freq: float,
    sfreq: float,
    q: float = 30.0,
    *,
    n_harmonics: SupportsIndex | None = None,
    constant_width: bool = True,
) -> Filter:
    """Design a cascade of notches: mains hum and its harmonics.

    Parameters
    ----------
    freq : float
        Lowest frequency that is removed, in Hz, ``0 < freq < sfreq / 2``: 50 or 60 for mains.
    sfreq : float
        Sampling rate in Hz, > 0; need not be a multiple of ``freq``.
    q : float
        Quality factor of the lowest notch, > 0: its width at -3 dB is ``freq / q`` Hz.
    n_harmonics : int, optional
        Notches, the lowest included, >= 1; by default all below half of ``sfreq``.
    constant_width : bool
        True: every notch is ``freq / q`` Hz wide, as hum is as sharp a line at every harmonic. False: every notch has
        the quality ``q``, so that the k-th one is k times as wide.

    Returns
    -------
    Filter
        One section for each notch.

    Raises
    ------
    EmgDspError
        If a notch would not lie below half of ``sfreq``.

    Examples
    --------
    >>> import emg_dsp
    >>> emg_dsp.comb(60, sfreq=200)
    Filter(comb 60 Hz, 1 notch, Q 30; 1 sections at 200 Hz)
    """
    rate = positive(sfreq, "sfreq")
    base, quality = below_nyquist(freq, "freq", rate), positive(q, "q", "(no unit)")
    most = _fitting(base, rate)
    count = most if n_harmonics is None else whole(n_harmonics, "n_harmonics", 1)
    if count > most:
        raise EmgDspError(
            f"n_harmonics={count} puts a notch at {count * base:g} Hz, not below half of sfreq={rate:g} Hz; "
            f"required is n_harmonics <= {most}."
        )
    if count > _MOST_NOTCHES:
        raise EmgDspError(
            f"freq={base:g} Hz, sfreq={rate:g} Hz make {count} notches; required are at most {_MOST_NOTCHES}. "
            "Raise freq, or give n_harmonics."
        )
    centres = [k * base for k in range(1, count + 1)]
    rows = tuple(_notch(centre, (base if constant_width else centre) / quality, rate) for centre in centres)
    width = "" if constant_width else " each"
    return Filter(rows, rate, f"comb {base:g} Hz, {count} notch{'es' if count > 1 else ''}, Q {quality:g}{width}")


def dc_block(sfreq: float, cutoff: float = 1.0) -> Filter:
    """Design a one-pole filter that removes the offset: ``y[t] = g (x[t] - x[t-1]) + p y[t-1]``.

    Parameters
    ----------
    sfreq : float
        Sampling rate in Hz, > 0.
    cutoff : float
        Frequency at -3 dB in Hz, ``0 < cutoff < sfreq / 2``. A step decays with ``1 / (2 pi cutoff)`` seconds.

    Returns
    -------
    Filter
        One section; gain exactly 0 at 0 Hz and 1 at half of ``sfreq``.
    """
    rate = positive(sfreq, "sfreq")
    edge = below_nyquist(cutoff, "cutoff", rate)
    slope = math.tan(math.pi * edge / rate)
    gain = 1 / (1 + slope)
    return Filter(((gain, -gain, 0.0, 1.0, (slope - 1) * gain, 0.0),), rate, f"DC block {edge:g} Hz")


def _fitting(base: float, rate: float) -> int:
    """Count the multiples of ``base`` below half of ``rate``; beyond what anybody can mean, just very many."""
    ratio = rate / 2 / base
    return math.ceil(ratio) - 1 if ratio < _ENDLESS else _ENDLESS


def _notch(centre: float, width: float, sfreq: float) -> tuple[float, ...]:
    """One section with a zero at ``centre`` Hz, ``width`` Hz wide at -3 dB."""
    if width >= sfreq / 2:
        raise EmgDspError(
            f"a notch at {centre:g} Hz is {width:g} Hz wide, not below half of sfreq={sfreq:g} Hz; raise q."
        )
    gain = 1 / (1 + math.tan(math.pi * width / sfreq))
    cosine = math.cos(2 * math.pi * centre / sfreq)
    return (gain, -2 * gain * cosine, gain, 1.0, -2 * gain * cosine, 2 * gain - 1)
