"""Detection by the likelihood ratio of a change of variance: the AGLR of Staude and Wolf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive
from emg_dsp._envelopes import MovingMean
from emg_dsp._errors import EmgDspError
from emg_dsp._windows.sizes import in_samples

from .activity import Activity, cleaned, edges
from .baseline import Baseline, Rest, baseline
from .signals import checked_signal, durations

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import NanPolicy


def onset_aglr(
    x: ArrayLike,
    sfreq: float,
    *,
    threshold: float = 10.0,
    window: float = 0.05,
    rest: Rest = None,
    min_active: float = 0.0,
    min_rest: float = 0.0,
    nan: NanPolicy = "raise",
) -> Activity:
    """Detect activity by the approximated generalised likelihood ratio, and place each change where it is likeliest.

    Samples are taken as independent Gaussian noise of variance ``s0`` at rest and of an unknown, larger one in
    activity. A window of ``L`` samples with variance ``v = r * s0`` has the log likelihood ratio
    ``g = L / 2 * (r - ln(r) - 1)`` of the second over the first; while ``g`` reaches the threshold and ``r > 1``, the
    muscle is active. Each onset is then moved to the sample, at most ``2 L`` before the alarm, from which on up to the
    alarm the same ratio is largest; each offset likewise, with time reversed.

    Parameters
    ----------
    x : array (channels, time)
        Signal in any unit, without offset, white at rest (see `onset_double_threshold`).
    sfreq : float
        Sampling rate in Hz, > 0.
    threshold : float
        Of ``g``, > 0. At rest ``2 g`` is about chi-square with one degree of freedom: 10 is passed upward by 4 windows
        in a million that do not overlap.
    window : float
        ``L`` in seconds, at least two samples.
    rest, min_active, min_rest, nan
        As for `onset_hodges_bui`; ``s0`` is the mean square of ``x`` itself. A sample that is not finite makes the
        windows that hold it rest.

    Returns
    -------
    Activity
        Without a stage: where a change was is known only later.

    Raises
    ------
    EmgDspError
        If an argument is out of range, or a channel has no power at rest.

    References
    ----------
    Staude and Wolf, Med. Eng. Phys. 21(6-7), 1999, doi:10.1016/S1350-4533(99)00067-3; Staude, Flachenecker, Daumer and
    Wolf, EURASIP J. Appl. Signal Process. 2001(2), doi:10.1155/S1110865701000191, a step of variance. Whitening, which
    they do first, is left to the caller; ``r > 1``, the reach of ``2 L`` and the defaults are choices of this package.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import onset_aglr
    >>> x = np.random.default_rng(0).standard_normal((1, 3000)) * np.repeat([0.1, 1, 0.1], 1000)
    >>> activity = onset_aglr(x, 1000, rest=(0, 0.8))
    >>> bool(abs(activity.onset_times[0][0] - 1) < 0.005), bool(abs(activity.offset_times[0][0] - 2) < 0.005)
    (True, True)
    """
    rate, limit = positive(sfreq, "sfreq"), positive(threshold, "threshold", "(no unit)")
    size = in_samples(window, "window", rate)
    if size < 2:
        raise EmgDspError(f"window={window!r} s is {size} sample at sfreq={rate:g} Hz; required are at least two.")
    lengths = durations(min_active, min_rest, rate)
    signal: NDArray[np.float64] = checked_signal(x, nan).astype(np.float64)
    mean, std = baseline(signal, rate, rest)
    power = std**2 if isinstance(rest, Baseline) else std**2 + mean**2
    if not (power > 0).all():
        raise EmgDspError(f"channel {int(np.argmin(power))} has no power at rest; required is noise in every channel.")
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = signal**2 / power[:, None]
        moving = MovingMean(size)(ratio, nan="propagate").astype(np.float64, copy=False)
    moving[:, : size - 1] = 1.0
    alarm = gain(moving, size) >= limit
    state = np.zeros(alarm.shape, dtype=bool)
    for row in range(len(state)):
        for start, stop in zip(*edges(alarm[row]), strict=True):
            state[row, _onset(ratio[row], start, size) : _offset(ratio[row], start, stop, size)] = True
    return Activity(cleaned(state, *lengths), rate)


def gain(ratio: NDArray[np.float64], count: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log likelihood ratio of ``count`` samples whose variance is ``ratio`` times that of rest; 0 below."""
    above = np.where(ratio > 1, ratio, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        result: NDArray[np.float64] = np.where(np.isfinite(above), count / 2 * (above - np.log(above) - 1), 0.0)
    return result


def _onset(ratio: NDArray[np.float64], alarm: int, size: int) -> int:
    """Return the sample from which on, up to the alarm, activity is likeliest."""
    first = max(0, alarm - 2 * size + 1)
    return alarm - _likeliest(ratio[first : alarm + 1][::-1])


def _offset(ratio: NDArray[np.float64], start: int, stop: int, size: int) -> int:
    """Return the sample up to which, from within the alarm, activity is likeliest; the end of the signal is none."""
    if stop == len(ratio):
        return stop
    first = max(start, stop - 2 * size)
    return first + _likeliest(ratio[first:stop]) + 1


def _likeliest(ratio: NDArray[np.float64]) -> int:
    """Return the index up to which the samples, from the first one on, speak most for activity."""
    counts = np.arange(1, len(ratio) + 1)
    with np.errstate(invalid="ignore", over="ignore"):
        means = np.cumsum(ratio) / counts
    return int(np.argmax(gain(means, counts)))
