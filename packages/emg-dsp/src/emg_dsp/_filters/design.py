"""Filter design: frequencies in Hz to second-order sections. scipy is imported here, at the first design."""

from typing import Any, SupportsIndex

from emg_dsp._checks import below_nyquist, positive, whole
from emg_dsp._errors import EmgDspError

from .filter import Filter


def bandpass(low: float, high: float, sfreq: float, order: int = 4) -> Filter:
    """Design a Butterworth band-pass.

    Parameters
    ----------
    low, high : float
        Edges at -3 dB in Hz, ``0 < low < high < sfreq / 2``. 20 and 450 Hz are usual for surface EMG.
    sfreq : float
        Sampling rate in Hz, > 0.
    order : int
        Order of the low-pass prototype, >= 1; the band-pass has ``order`` sections and falls by ``6 * order`` dB per
        octave on each side.

    Returns
    -------
    Filter

    Raises
    ------
    EmgDspError
        If an edge is not below half of ``sfreq``, the edges are out of order, or the order is not a whole number.
    """
    rate = positive(sfreq, "sfreq")
    first, last = below_nyquist(low, "low", rate), below_nyquist(high, "high", rate)
    if first >= last:
        raise EmgDspError(f"low={first:g} Hz, high={last:g} Hz; required is low < high.")
    return _butterworth([first, last], "bandpass", rate, order, f"bandpass {first:g}-{last:g} Hz")


def highpass(cutoff: float, sfreq: float, order: int = 4) -> Filter:
    """Design a Butterworth high-pass: -3 dB at ``cutoff`` Hz, ``0 < cutoff < sfreq / 2``; ``order >= 1``."""
    rate = positive(sfreq, "sfreq")
    edge = below_nyquist(cutoff, "cutoff", rate)
    return _butterworth(edge, "highpass", rate, order, f"highpass {edge:g} Hz")


def lowpass(cutoff: float, sfreq: float, order: int = 4) -> Filter:
    """Design a Butterworth low-pass: -3 dB at ``cutoff`` Hz, ``0 < cutoff < sfreq / 2``; ``order >= 1``."""
    rate = positive(sfreq, "sfreq")
    edge = below_nyquist(cutoff, "cutoff", rate)
    return _butterworth(edge, "lowpass", rate, order, f"lowpass {edge:g} Hz")


def notch(freq: float, sfreq: float, q: float = 30.0) -> Filter:
    """Design a second-order notch, as used against mains hum.

    Parameters
    ----------
    freq : float
        Frequency that is removed, in Hz, ``0 < freq < sfreq / 2``: 50 or 60 for mains.
    sfreq : float
        Sampling rate in Hz, > 0.
    q : float
        Quality factor, > 0: ``freq / q`` is the width in Hz at -3 dB.

    Returns
    -------
    Filter
        One section, `scipy.signal.iirnotch`.
    """
    from scipy.signal import iirnotch

    rate = positive(sfreq, "sfreq")
    centre = below_nyquist(freq, "freq", rate)
    quality = positive(q, "q", "(no unit)")
    b, a = iirnotch(centre, quality, fs=rate)
    return Filter(((*b, *a),), rate, f"notch {centre:g} Hz, Q {quality:g}")


def _butterworth(edges: float | list[float], kind: str, sfreq: float, order: SupportsIndex, label: str) -> Filter:
    """Design one Butterworth filter as sections."""
    from scipy.signal import butter

    n = whole(order, "order", 1)
    sos: Any = butter(n, edges, btype=kind, fs=sfreq, output="sos")
    return Filter(sos, sfreq, f"{label}, order {n}")
