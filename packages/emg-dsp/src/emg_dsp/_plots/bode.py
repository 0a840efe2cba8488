"""Bode plot: gain, phase and delay of filters over frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import below_nyquist, positive, whole
from emg_dsp._errors import EmgDspError
from emg_dsp._filters import Filter
from emg_dsp._stages import Chain

from .canvas import figure_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from emg_dsp._stages import Stage

_FLOOR = 1e-12
_MOST = 1_000_000
_LABELS = ("gain (dB)", "phase (degrees)", "group delay (ms)")


def plot_bode(
    filter_: Stage,
    *,
    low: float | None = None,
    high: float | None = None,
    n_freqs: int = 2048,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw gain, phase and group delay of a filter or a chain of filters, applied causally.

    A chain of several filters gets one bold line, and a thin one for each filter.

    Parameters
    ----------
    filter_ : Filter or Chain
        Every stage of a chain must be a `Filter`.
    low, high : float, optional
        First and last frequency in Hz, ``0 < low < high < sfreq / 2``; default a thousandth of half the rate, and just
        below it.
    n_freqs : int
        Frequencies, 2 to 1,000,000, spaced evenly on a logarithmic axis.
    figure : optional
        Where to draw; default a new figure.

    Returns
    -------
    Figure or SubFigure
        With three axes over a common frequency axis in Hz: gain in dB (at least -240), unwrapped phase in degrees,
        group delay in ms.

    Raises
    ------
    EmgDspError
        If a stage is not a filter, frequencies do not fit, or matplotlib is missing.

    Examples
    --------
    >>> import emg_dsp
    >>> figure = emg_dsp.plot_bode(emg_dsp.bandpass(20, 450, sfreq=2000) | emg_dsp.notch(50, sfreq=2000))
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['gain (dB)', 'phase (degrees)', 'group delay (ms)']
    """
    parts = _filters_of(filter_)
    freqs = _frequencies(parts[0].sfreq, low, high, n_freqs)
    curves = [_curves(part, freqs) for part in parts]
    total = _curves(Filter(tuple(row for part in parts for row in part.sections), parts[0].sfreq), freqs)
    figure = figure_for(figure, (7.0, 7.0))
    axes: Any = figure.subplots(3, 1, sharex=True)
    for quantity, (ax, label) in enumerate(zip(axes, _LABELS, strict=True)):
        if len(parts) > 1:
            for part, curve in zip(parts, curves, strict=True):
                ax.plot(freqs, curve[quantity], linewidth=0.8, label=part.label)
        ax.plot(freqs, total[quantity], color="black", linewidth=1.5, label="all" if len(parts) > 1 else parts[0].label)
        ax.set_ylabel(label)
        ax.grid(visible=True, which="both", linewidth=0.3)
    axes[0].legend()
    axes[2].set_xscale("log")
    axes[2].set_xlabel("frequency (Hz)")
    return figure


def _curves(part: Filter, freqs: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return gain in dB, phase in degrees and group delay in ms."""
    response = part.response(freqs)
    gain = 20.0 * np.log10(np.maximum(np.abs(response), _FLOOR))
    phase = np.degrees(np.unwrap(np.angle(response)))
    return gain, phase, part.group_delay(freqs) * 1e3


def _filters_of(stage: Stage) -> list[Filter]:
    stages = stage.stages if isinstance(stage, Chain) else (stage,)
    filters = []
    for part in stages:
        if not isinstance(part, Filter):
            raise EmgDspError(
                f"filter_ holds {part!r}; required is a Filter, or a chain of filters alone: other stages have no "
                "frequency response."
            )
        filters.append(part)
    return filters


def _frequencies(sfreq: float, low: float | None, high: float | None, count: int) -> NDArray[np.float64]:
    first = below_nyquist(sfreq / 2000.0 if low is None else low, "low", sfreq)
    last = below_nyquist(sfreq / 2 * 0.9999 if high is None else high, "high", sfreq)
    if first >= last:
        raise EmgDspError(f"low={first:g} Hz, high={last:g} Hz; required is low < high.")
    return np.geomspace(positive(first, "low"), last, whole(count, "n_freqs", 2, most=_MOST))
