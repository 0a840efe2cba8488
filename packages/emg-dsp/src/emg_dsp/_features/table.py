"""The public functions: features of windows, the names of their columns, and what each feature is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_dsp._arrays import as_real, as_signal
from emg_dsp._checks import whole

from .engine import compute
from .registry import primary
from .select import lookup, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Floats, NanPolicy


def features(
    windows: ArrayLike, names: Sequence[str], sfreq: float, *, nan: NanPolicy = "raise", threads: int = 1
) -> Floats:
    """Compute several features of each window and channel; sums are made in one walk for all of them.

    Parameters
    ----------
    windows : array (..., channels, time)
        As `windows` returns them (overlapping views are read in place), or any array with time last, ``time >= 1``.
        Integers are widened first. Unit as recorded.
    names : sequence of str
        Names from `feature_names`, with options where wanted, as in ``"AR(order=9)"``, or names of groups from
        `feature_groups`. Each feature once, in the order wanted; one feature with two settings is two features.
    sfreq : float
        Sampling rate in Hz, > 0.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or makes every feature of its window NaN. The same holds for
        windows with a root mean square above 1e60, whose powers overflow.
    threads : int
        Threads that share the windows, >= 1. Changes no value.

    Returns
    -------
    array (..., channels, n_columns)
        In the order of `feature_columns`; float64 for float64, float32 for everything else. A window's values do not
        depend on the other windows. Where a formula has no value (see `describe_feature`), NaN; never an infinity.

    Raises
    ------
    EmgDspError
        If a name is unknown (near matches are listed) or given twice, or an option is unknown or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import features, windows
    >>> x = np.ones((2, 100), dtype=np.float32)
    >>> features(windows(x, 40, 10), ["HTD", "RMS"], sfreq=1000).shape
    (7, 2, 5)
    """
    choices = select(names, sfreq)
    return compute(as_signal(windows, "windows"), choices, float(sfreq), nan, threads)


def feature_columns(names: Sequence[str], sfreq: float, n_chans: int = 1) -> list[str]:
    """Name the last axis of what `features` returns.

    Parameters
    ----------
    names : sequence of str
        As for `features`.
    sfreq : float
        Sampling rate in Hz, > 0: the number of spectral bands and of wavelet levels depends on it.
    n_chans : int
        Channels, >= 1: features that compare channels have columns for each of them.

    Returns
    -------
    list of str
        The name as given, followed by an index in brackets where a feature has several columns.

    Examples
    --------
    >>> from emg_dsp import feature_columns
    >>> feature_columns(["HTD", "RMS"], sfreq=1000)
    ['MAV', 'ZC', 'SSC', 'WL', 'RMS']
    """
    channels = whole(n_chans, "n_chans", 1)
    return [column for choice in select(names, sfreq) for column in choice.columns(channels, float(sfreq))]


def describe_feature(name: str) -> dict[str, Any]:
    """Say what a feature is.

    Parameters
    ----------
    name : str
        From `feature_names`, without options.

    Returns
    -------
    dict
        ``name``, ``same_as`` (the first name of the feature), ``formula`` (of a window ``x`` of ``L`` samples, with the
        rules for zeros, flat and short windows), ``unit``, ``source`` and ``options`` with their defaults.

    Examples
    --------
    >>> from emg_dsp import describe_feature
    >>> describe_feature("RMS")["formula"]
    'sqrt(sum x^2 / L)'
    """
    feature = lookup(name)
    return {
        "name": str(name),
        "same_as": primary(name),
        "formula": feature.formula,
        "unit": feature.unit,
        "source": feature.source,
        "options": dict(feature.options),
    }


def rms(x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
    """Compute the root mean square over the last axis.

    Parameters
    ----------
    x : array (..., time)
        ``time >= 1``, any unit; integers are widened first.
    nan : {"raise", "propagate"}
        What to do with samples that are not finite.

    Returns
    -------
    array (...)
        >= 0, unit of ``x``; float64 for float64, float32 for everything else.
    """
    return _single("RMS", x, nan)


def mav(x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
    """Compute the mean absolute value over the last axis; arguments and result as for `rms`."""
    return _single("MAV", x, nan)


def _single(name: str, x: ArrayLike, nan: NanPolicy) -> Floats:
    values: Floats = compute(as_real(x), select([name], 1.0), 1.0, nan)[..., 0]
    return values
