"""Tapers: the weights that a frame is multiplied with before it is transformed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_COSINES: dict[str, tuple[float, ...]] = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
}
"""Weights of cosines with alternating sign; Harris, Proc. IEEE 66(1), 1978, doi:10.1109/PROC.1978.10837."""


MOST_TRANSFORM = 1 << 16
"""Longest transform of frames; `power_spectrum` takes any that fits into the signal."""


def taper(window: str | ArrayLike, length: int, *, symmetric: bool = False) -> NDArray[np.float64]:
    """Return the weights (length,) of a taper given by name or as numbers.

    A name gives the periodic form, one period of its cosines over ``length`` samples, which is the one for spectra;
    ``symmetric`` gives the one whose first and last weight are equal.
    """
    if isinstance(window, str):
        if window not in _COSINES:
            raise EmgDspError(
                f"window={window!r}; required is one of {', '.join(sorted(_COSINES))}, or {length} weights."
            )
        period = max(1, length - 1) if symmetric else length
        phase = 2 * np.pi * np.arange(length) / period
        terms = [(-1) ** n * weight * np.cos(n * phase) for n, weight in enumerate(_COSINES[window])]
        return np.ones(1) if length == 1 else np.sum(terms, axis=0)
    try:
        weights = np.array(window, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise EmgDspError(f"window is not a row of numbers; required is a name or {length} weights.") from None
    if weights.shape != (length,) or not np.isfinite(weights).all() or not weights.any():
        raise EmgDspError(
            f"window has shape {weights.shape}; required are {length} finite weights, not all 0, or a name."
        )
    return weights
