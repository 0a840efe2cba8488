"""Detectors that compare a smoothed signal with a level above rest: Hodges and Bui, Teager-Kaiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from emg_dsp._checks import one_of, positive
from emg_dsp._envelopes import MovingMAV, MovingMean, Rectify, TeagerKaiser
from emg_dsp._filters import lowpass
from emg_dsp._stages import Chain
from emg_dsp._windows.sizes import in_samples

from .baseline import Rest, baseline
from .signals import checked_signal, detected, durations
from .thresholds import Threshold

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from emg_dsp._arrays import NanPolicy
    from emg_dsp._stages import Stage

    from .activity import Activity

Side: TypeAlias = Literal["start", "end"]


def onset_hodges_bui(
    x: ArrayLike,
    sfreq: float,
    *,
    h: float = 3.0,
    window: float = 0.05,
    cutoff: float | None = 50.0,
    rest: Rest = None,
    at: Side = "start",
    min_active: float = 0.0,
    min_rest: float = 0.0,
    nan: NanPolicy = "raise",
) -> Activity:
    """Detect activity where the mean of a window exceeds the mean at rest by ``h`` standard deviations.

    The signal is rectified and smoothed by a causal low-pass; mean and standard deviation at rest are those of this
    smoothed signal, and a window counts as active where its mean is above ``mean + h * std``.

    Parameters
    ----------
    x : array (channels, time)
        Signal in any unit, without offset (band-pass it first).
    sfreq : float
        Sampling rate in Hz, > 0.
    h : float
        Standard deviations above rest, > 0; 1 to 3 in the paper.
    window : float
        Length of the window in seconds; 0.02 to 0.1 in the paper.
    cutoff : float, optional
        Edge of the low-pass in Hz (Butterworth, order 2); None leaves it out. 10, 50 or 500 in the
        paper.
    rest : (start, stop), Baseline or None
        A span in seconds known to be rest, values of the smoothed signal, or None: the quietest tenth of its pieces of
        0.1 s, channel by channel. The quietest pieces read low, so give a span where one is known.
    at : {"start", "end"}
        Sample of the window that it speaks for: the first, as published (early by up to a window after a strong
        onset), or the last, as a live signal must.
    min_active, min_rest : float
        In seconds, >= 0: first intervals less than ``min_rest`` apart are joined, then those shorter than
        ``min_active`` are dropped.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or what it spoils (the rest of its channel) counts as rest.

    Returns
    -------
    Activity
        Its stage decides with the last sample of each window. The first window is rest.

    Raises
    ------
    EmgDspError
        If an argument is out of range, or no rest is found.

    References
    ----------
    Hodges and Bui, Electroencephalogr. Clin. Neurophysiol. 101(6), 1996, doi:10.1016/S0921-884X(96)95190-5. They
    compare 1, 2 and 3 standard deviations, windows of 20, 50 and 100 ms, and low-passes of 10, 50 and 500 Hz; type and
    order of the low-pass, offsets and ``rest=None`` are choices of this package.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import onset_hodges_bui
    >>> x = np.random.default_rng(0).standard_normal((1, 3000)) * np.repeat([0.1, 1, 0.1], 1000)
    >>> activity = onset_hodges_bui(x, 1000, rest=(0, 0.8), min_active=0.1, min_rest=0.05)
    >>> bool(abs(activity.onset_times[0][0] - 1) < 0.05)
    True
    """
    rate, factor = positive(sfreq, "sfreq"), positive(h, "h", "standard deviations")
    size = in_samples(window, "window", rate)
    smooth: list[Stage] = [Rectify(), *([] if cutoff is None else [lowpass(cutoff, rate, order=2)])]
    signal = checked_signal(x, nan)
    test = Chain(smooth)(signal, nan="propagate")
    mean, std = baseline(test, rate, rest)
    level = Threshold(tuple(mean + factor * std), settle=size - 1)
    track = Chain([MovingMean(size), level])(test, nan="propagate")
    stage = Chain([*smooth, MovingMean(size), level])
    return detected(track, stage, rate, _ahead(at, size), durations(min_active, min_rest, rate))


def onset_tkeo(
    x: ArrayLike,
    sfreq: float,
    *,
    h: float = 8.0,
    window: float = 0.02,
    rest: Rest = None,
    at: Side = "end",
    min_active: float = 0.025,
    min_rest: float = 0.0,
    nan: NanPolicy = "raise",
) -> Activity:
    """Detect activity where the Teager-Kaiser energy exceeds its mean at rest by ``h`` standard deviations.

    The energy (`TeagerKaiser`) is rectified and averaged over a short causal window; mean and standard deviation at
    rest are those of this average.

    Parameters
    ----------
    x : array (channels, time)
        Signal in any unit, band-passed.
    sfreq : float
        Sampling rate in Hz, > 0.
    h : float
        Standard deviations above rest, > 0.
    window : float
        Length of the average in seconds; one sample leaves the energy as it is.
    rest, at, min_active, min_rest, nan
        As for `onset_hodges_bui`; values of a `Baseline` are of the averaged energy, in the unit of ``x`` squared. A
        sample that is not finite spoils the windows that hold it and no other.

    Returns
    -------
    Activity
        Its stage decides with the last sample of each window, one sample late. The first window is rest.

    References
    ----------
    Li, Zhou and Aruin, Ann. Biomed. Eng. 35(9), 2007, doi:10.1007/s10439-007-9320-z; Solnik and others, Eur. J. Appl.
    Physiol. 110(3), 2010, doi:10.1007/s00421-010-1521-8. They compare each sample and ask for a run above the level;
    the average in its place, ``h`` and the lengths are choices of this package.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import onset_tkeo
    >>> x = np.random.default_rng(0).standard_normal((1, 3000)) * np.repeat([0.1, 1, 0.1], 1000)
    >>> bool(abs(onset_tkeo(x, 1000, rest=(0, 0.8)).onset_times[0][0] - 1) < 0.02)
    True
    """
    rate, factor = positive(sfreq, "sfreq"), positive(h, "h", "standard deviations")
    size = in_samples(window, "window", rate)
    energy: list[Stage] = [TeagerKaiser(), MovingMAV(size)]
    signal = checked_signal(x, nan)
    test = Chain(energy)(signal, nan="propagate")
    mean, std = baseline(test, rate, rest)
    level = Threshold(tuple(mean + factor * std), settle=size + 1)
    stage = Chain([*energy, level])
    return detected(
        level(test, nan="propagate"), stage, rate, _ahead(at, size) + 1, durations(min_active, min_rest, rate)
    )


def _ahead(at: str, size: int) -> int:
    """Return how many samples later than the sample it speaks for a window is complete."""
    one_of(at, "at", ("start", "end"))
    return size - 1 if at == "start" else 0
