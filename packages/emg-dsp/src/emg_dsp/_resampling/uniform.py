"""`to_uniform`: from samples that carry their own times to a constant rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from emg_dsp._arrays import Floats, NanPolicy, as_array, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import number, one_of, positive
from emg_dsp._errors import EmgDspError

from .resample import resample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Method: TypeAlias = Literal["linear", "cubic"]
"""What lies between two samples."""
Gaps: TypeAlias = Literal["raise", "nan"]
"""What to do where samples are missing."""

_USUAL_GAP = 10
_SLACK = 1e-9
_MOST_GROWTH = 1 << 16


def to_uniform(
    x: ArrayLike,
    timestamps: ArrayLike,
    sfreq: float,
    *,
    method: Method = "linear",
    max_gap: float | None = None,
    gaps: Gaps = "raise",
    nan: NanPolicy = "raise",
) -> Floats:
    """Bring a signal whose samples carry their own times to a constant rate.

    Between samples the signal is interpolated. Where ``sfreq`` is below the usual rate of the time stamps (one over
    their median step), it is interpolated to a whole multiple of ``sfreq`` that is not, and low-pass filtered and
    thinned by `resample` (edges held), so that nothing is aliased. Jitter still costs accuracy at high frequencies: a
    line between samples at rate ``r`` takes ``sinc(f / r) ** 2`` off a sine of ``f`` Hz, 0.9 dB at ``r / 4``.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit, at least two samples; never altered.
    timestamps : array (time,)
        Seconds, strictly increasing.
    sfreq : float
        Rate wanted in Hz, > 0.
    method : {"linear", "cubic"}
        A line between neighbours; or the cubic spline with continuous second derivative through all samples
        (`scipy.interpolate.CubicSpline`, not-a-knot), which takes less off high frequencies, and overshoots.
    max_gap : float, optional
        Longest step between time stamps in seconds that is bridged; by default ten median steps, ``inf`` for any.
    gaps : {"raise", "nan"}
        A longer step raises and is named, or gives NaN strictly inside it.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spreads to what is computed from it.

    Returns
    -------
    array (..., channels, n)
        Sample ``k`` lies at ``timestamps[0] + k / sfreq``; the last one not after the last time stamp. float64 for
        float64, float32 for everything else; computed in float64.

    Raises
    ------
    EmgDspError
        If time stamps are not as many as samples, not finite, or not increasing (the place is named), or a gap is too
        long.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import to_uniform
    >>> to_uniform(np.array([[0.0, 1.0, 4.0]]), [0.0, 0.1, 0.4], sfreq=10)
    array([[0., 1., 2., 3., 4.]])
    """
    check_policy(nan)
    one_of(method, "method", ("linear", "cubic"))
    one_of(gaps, "gaps", ("raise", "nan"))
    rate = positive(sfreq, "sfreq")
    given = as_signal(x)
    times = _checked_times(timestamps, given.shape[-1])
    if nan == "raise" and not np.isfinite(given).all():
        raise_not_finite(given)
    wide, result = widen(given)
    steps = np.diff(times)
    usual = float(np.median(steps))
    longest = _longest(max_gap, usual)
    if gaps == "raise" and steps.max() > longest:
        place = int(np.argmax(steps > longest))
        raise EmgDspError(
            f"timestamps leave a gap of {steps[place]:g} s between samples {place} and {place + 1}; required is at "
            f"most max_gap={longest:g} s. Pass a larger max_gap, or gaps='nan'."
        )
    _check_length(times, rate)
    factor = max(1, math.ceil(1 / (usual * rate) - _SLACK))
    grid = _grid(times, rate * factor)
    rows = _interpolate(as_rows(wide).astype(np.float64), times, grid, method)
    if factor > 1:
        rows = np.asarray(resample(rows, rate * factor, rate, edge="hold", nan="propagate"), dtype=np.float64)
        grid = _grid(times, rate)
        rows = rows[:, : len(grid)]
    if gaps == "nan":
        rows[:, _inside_gap(grid, times, steps, longest)] = np.nan
    return rows.reshape(*given.shape[:-1], len(grid)).astype(result, copy=False)


def _check_length(times: NDArray[np.float64], rate: float) -> None:
    """Raise where the result would be many times longer than any recording of these samples is."""
    results = (times[-1] - times[0]) * rate
    if results > _MOST_GROWTH * len(times):
        raise EmgDspError(
            f"sfreq={rate:g} Hz makes {results:.3g} samples of {len(times)}; required are at most {_MOST_GROWTH} "
            "for each sample given. Lower sfreq, or check that timestamps are seconds."
        )


def _longest(max_gap: float | None, usual: float) -> float:
    """Return the longest step that is bridged, in seconds."""
    if max_gap is None:
        return _USUAL_GAP * usual
    endless = number(max_gap, "max_gap", "a number in s") == math.inf
    return math.inf if endless else positive(max_gap, "max_gap", "s")


def _checked_times(timestamps: ArrayLike, samples: int) -> NDArray[np.float64]:
    """Return the time stamps as float64, or raise and name the first that is wrong."""
    given = as_array(timestamps, "timestamps")
    if given.dtype.kind not in "iuf" or given.shape != (samples,) or samples < 2:
        raise EmgDspError(
            f"timestamps have shape {given.shape} and dtype {given.dtype}, x has {samples} samples; "
            "required is one number in seconds for each sample, and two samples at least."
        )
    times = given.astype(np.float64)
    if not np.isfinite(times).all():
        place = int(np.argmin(np.isfinite(times)))
        raise EmgDspError(f"timestamps have {times[place]} at sample {place}; required are finite seconds.")
    late = np.diff(times) <= 0
    if late.any():
        place = int(np.argmax(late))
        raise EmgDspError(
            f"timestamps do not increase: {times[place]!r} s at sample {place}, {times[place + 1]!r} s at the next; "
            "required is each later than the one before. Sort them, or drop repeated samples."
        )
    return times


def _grid(times: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Return the times of the results; a last one that rounding puts just after the last time stamp counts as on it."""
    count = math.floor((times[-1] - times[0]) * rate + _SLACK) + 1
    grid: NDArray[np.float64] = np.minimum(times[0] + np.arange(count) / rate, times[-1])
    return grid


def _interpolate(
    rows: NDArray[np.float64], times: NDArray[np.float64], grid: NDArray[np.float64], method: str
) -> NDArray[np.float64]:
    """Interpolate every row at the times of the grid."""
    if method == "linear":
        out = np.empty((len(rows), len(grid)))
        for row, line in zip(out, rows, strict=True):
            row[:] = np.interp(grid, times, line)
        return out
    from scipy.interpolate import CubicSpline

    values: NDArray[np.float64] = np.full((len(rows), len(grid)), np.nan)
    sound = np.isfinite(rows).all(axis=1)
    if sound.any():
        values[sound] = CubicSpline(times - times[0], rows[sound], axis=1)(grid - times[0])
    return values


def _inside_gap(
    grid: NDArray[np.float64], times: NDArray[np.float64], steps: NDArray[np.float64], longest: float
) -> NDArray[np.bool_]:
    """Tell which times of the grid lie strictly between two time stamps that are too far apart."""
    before = np.clip(np.searchsorted(times, grid, side="right") - 1, 0, len(steps) - 1)
    near = _SLACK * steps[before]
    inside = (grid > times[before] + near) & (grid < times[before + 1] - near)
    spoiled: NDArray[np.bool_] = inside & (steps[before] > longest)
    return spoiled
