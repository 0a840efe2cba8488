"""Raw, filtered and envelope of every channel, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import Array, as_signal
from emg_dsp._checks import number, positive
from emg_dsp._errors import EmgDspError

from .canvas import axes_for, check_drawable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

_MOST_POINTS = 8_000
_LOOKS: dict[str, dict[str, Any]] = {
    "raw": {"color": "0.75", "linewidth": 0.5},
    "filtered": {"color": "tab:blue", "linewidth": 0.6},
    "envelope": {"color": "tab:red", "linewidth": 1.2},
}


def plot_signal(
    raw: ArrayLike,
    filtered: ArrayLike | None = None,
    envelope: ArrayLike | None = None,
    *,
    sfreq: float,
    names: Sequence[str] | None = None,
    unit: str = "as recorded",
    start: float = 0.0,
    spacing: float | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Axes:
    """Draw a signal, what a filter made of it and its envelope, channel 0 on top.

    Parameters
    ----------
    raw : array (channels, time)
        Drawn about the median of each channel, so that an offset moves no channel onto another. Samples that are not
        finite are left out: a line has a gap there.
    filtered, envelope : array (channels, time), optional
        Of the shape of ``raw``; drawn over it as they are.
    sfreq : float
        Sampling rate in Hz, > 0.
    names : sequence of str, optional
        One for each channel; default 0, 1, 2, …
    unit : str
        Of the samples, for the label of the axis.
    start : float
        Time of the first sample in s.
    spacing : float, optional
        Distance between channels in ``unit``, > 0; default twice the 99.5th percentile of ``|raw|`` about its median.
    ax, figure : optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its figure is ``.figure``. Signals of more than 8,000 samples are drawn as the smallest and largest sample of
        equal stretches, so that no burst is lost.

    Raises
    ------
    EmgDspError
        If shapes or names do not fit, a sample is above 1e100 in magnitude, or matplotlib is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> x = np.random.default_rng(0).standard_normal((4, 2000))
    >>> ax = emg_dsp.plot_signal(x, emg_dsp.highpass(20, 1000)(x), sfreq=1000, unit="mV")
    >>> ax.figure.savefig("signal.png")  # doctest: +SKIP
    """
    traces = _checked(raw, filtered, envelope)
    rate, begin = positive(sfreq, "sfreq"), number(start, "start", "a time in s")
    labels = _channel_names(names, len(traces["raw"]))
    traces["raw"] = traces["raw"] - _medians(traces["raw"])
    step = _default_spacing(traces["raw"]) if spacing is None else positive(spacing, "spacing", unit)
    places = -step * np.arange(len(labels))
    ax = axes_for(ax, figure, (9.0, 1.5 + 0.45 * min(len(labels), 40)))
    for name, trace in traces.items():
        positions, values = thin(trace, _MOST_POINTS)
        lines = ax.plot(begin + positions / rate, (values + places[:, None]).T, **_LOOKS[name])
        lines[0].set_label(name)
    ax.set_yticks(places, labels)
    ax.set_xlabel("time (s)")
    ax.set_ylabel(f"channel, {step:.3g} apart ({unit})")
    ax.margins(x=0)
    ax.legend(loc="upper right", ncols=len(traces))
    return ax


def thin(x: Array, most: int) -> tuple[Array, Array]:
    """Return positions (n,) and values (channels, n) to draw: all samples, or both extremes of equal stretches.

    At most about ``most`` points; samples that are not finite do not hide the others of their stretch.
    """
    samples = x.shape[-1]
    if samples <= most:
        return np.arange(samples), x
    width = -(-samples // (most // 2))
    starts = np.arange(0, samples, width)
    extremes = [np.fmin.reduceat(x, starts, axis=-1), np.fmax.reduceat(x, starts, axis=-1)]
    return np.repeat(starts, 2), np.stack(extremes, axis=-1).reshape(len(x), -1)


def _checked(raw: ArrayLike, filtered: ArrayLike | None, envelope: ArrayLike | None) -> dict[str, Array]:
    """Return the traces that were given as float64, with infinite samples as gaps."""
    traces: dict[str, Array] = {}
    for name, given in (("raw", raw), ("filtered", filtered), ("envelope", envelope)):
        if given is None and name != "raw":
            continue
        x = as_signal(np.asarray(given) if given is None else given, name)
        if x.ndim != 2 or x.size == 0:
            raise EmgDspError(f"{name} has shape {x.shape}; required is (channels, time), at least one of each.")
        if traces and x.shape != traces["raw"].shape:
            raise EmgDspError(f"{name} has shape {x.shape}, raw {traces['raw'].shape}; required are equal shapes.")
        wide = x.astype(np.float64)
        check_drawable(wide, name)
        wide[~np.isfinite(wide)] = np.nan
        traces[name] = wide
    return traces


def _channel_names(names: Sequence[str] | None, count: int) -> list[str]:
    labels = [str(n) for n in range(count)] if names is None else [str(name) for name in names]
    if len(labels) != count:
        raise EmgDspError(f"names has {len(labels)} entries, the signal {count} channels; required is one for each.")
    return labels


def _medians(x: Array) -> Array:
    """Return the median (channels, 1) of the finite samples, 0 where there is none."""
    return np.array([[np.median(row[np.isfinite(row)])] if np.isfinite(row).any() else [0.0] for row in x])


def _default_spacing(x: Array) -> float:
    finite = np.abs(x[np.isfinite(x)])
    reach = float(np.percentile(finite, 99.5)) if finite.size else 0.0
    return 2.0 * reach if reach > 0 else 1.0
