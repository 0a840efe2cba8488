"""Features of windows: one registry, one walk over the samples for all the names asked for."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._arrays import Floats, NanPolicy, as_real, as_signal
from emg_dsp._checks import positive
from emg_dsp._errors import EmgDspError

from .walk import Sums, walk


@dataclass(frozen=True)
class Feature:
    """One feature of a window ``x`` of ``L`` samples.

    Parameters
    ----------
    name : str
        The field's usual abbreviation.
    formula : str
        What is computed, and what happens at exact zeros and in flat windows.
    unit : str
        ``"as recorded"`` or ``"count"``.
    source : str
        Where the definition comes from.
    needs : tuple of str
        Sums that the walk over the window must leave behind.
    finish : callable
        From those sums to the value.
    """

    name: str
    formula: str
    unit: str
    source: str
    needs: tuple[str, ...]
    finish: Callable[[Sums], NDArray[np.float64]]


_HUDGINS = "Hudgins, Parker and Scott, IEEE Trans. Biomed. Eng. 40(1), 1993, doi:10.1109/10.204774"
_PHINYOMARK = "Phinyomark, Phukpattaranont and Limsakul, Expert Syst. Appl. 39(8), 2012, doi:10.1016/j.eswa.2012.01.102"

REGISTRY: dict[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(
            "MAV", "sum |x| / L", "as recorded", _HUDGINS, ("abs_sum",), lambda sums: sums["abs_sum"] / sums.length
        ),
        Feature(
            "RMS",
            "sqrt(sum x^2 / L)",
            "as recorded",
            _PHINYOMARK,
            ("square_sum",),
            lambda sums: np.sqrt(sums["square_sum"] / sums.length),
        ),
        Feature(
            "SSC",
            "count of samples above both neighbours or below both; equal neighbours count none, a flat window gives 0",
            "count",
            _HUDGINS,
            ("turns",),
            lambda sums: sums["turns"],
        ),
        Feature(
            "WL",
            "sum |x[t] - x[t-1]| over L - 1 steps",
            "as recorded",
            _HUDGINS,
            ("step_sum",),
            lambda sums: sums["step_sum"],
        ),
        Feature(
            "ZC",
            "count of sign changes; an exact 0 has the sign of the last sample that is not 0, so 1, 0, -1 gives 1 "
            "and 1, 0, 1 gives 0; a flat window gives 0",
            "count",
            _HUDGINS,
            ("crossings",),
            lambda sums: sums["crossings"],
        ),
    )
}


def feature_names() -> list[str]:
    """Return the names that `features` knows, sorted."""
    return sorted(REGISTRY)


def features(windows: ArrayLike, names: Sequence[str], sfreq: float, *, nan: NanPolicy = "raise") -> Floats:
    """Compute several features of each window and channel in one walk over the samples.

    Parameters
    ----------
    windows : array (..., channels, time)
        As `windows` returns them (overlapping views are read in place), or any array with time last, ``time >= 1``.
        Integers are widened first. Unit as recorded.
    names : sequence of str
        Names from `feature_names`, each once, in the order wanted.
    sfreq : float
        Sampling rate in Hz, > 0.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or makes every feature of its window NaN.

    Returns
    -------
    array (..., channels, n_features)
        In the order of ``names``; float64 for float64, float32 for everything else. A window's values do not depend on
        the other windows.

    Raises
    ------
    EmgDspError
        If a name is unknown (near matches are listed) or given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import features, windows
    >>> x = np.ones((2, 100), dtype=np.float32)
    >>> features(windows(x, 40, 10), ["RMS", "ZC"], sfreq=1000).shape
    (7, 2, 2)
    """
    chosen = [_lookup(name) for name in _checked_names(names)]
    positive(sfreq, "sfreq")
    sums = walk(as_signal(windows, "windows"), {need for feature in chosen for need in feature.needs}, nan)
    columns = [feature.finish(sums) for feature in chosen]
    return np.stack(columns, axis=-1).astype(sums.result, copy=False)


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
    feature = REGISTRY[name]
    sums = walk(as_real(x), feature.needs, nan)
    return feature.finish(sums).astype(sums.result, copy=False)


def _checked_names(names: Sequence[str]) -> list[str]:
    if isinstance(names, str) or len(names) == 0:
        raise EmgDspError(f"names={names!r}; required is a list of feature names, e.g. ['RMS', 'ZC'].")
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise EmgDspError(f"names has {', '.join(repeated)} more than once; required is each name once.")
    return list(names)


def _lookup(name: str) -> Feature:
    if name not in REGISTRY:
        near = difflib.get_close_matches(str(name).upper(), REGISTRY, n=3, cutoff=0.3) or feature_names()
        raise EmgDspError(f"unknown feature {name!r}; near names are {', '.join(near)}; feature_names() lists all.")
    return REGISTRY[name]
