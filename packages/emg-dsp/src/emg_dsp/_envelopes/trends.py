"""Offsets and straight trends, removed from a whole signal."""

import numpy as np
from numpy.typing import ArrayLike

from emg_dsp._arrays import Array, Floats, NanPolicy, as_signal, check_policy, raise_not_finite, widen


def centre(x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
    """Subtract the mean of each channel over all time.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or makes its whole channel NaN.

    Returns
    -------
    array (..., channels, time)
        A new array: float64 for float64, float32 for everything else; the mean is taken in float64. Not causal: on-line
        use a high-pass.
    """
    return _without(x, 0, nan)


def detrend(x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
    """Subtract the straight line of least squares from each channel, over all time.

    Arguments and result as for `centre`; a signal of one sample becomes 0.
    """
    return _without(x, 1, nan)


def _without(x: ArrayLike, degree: int, nan: NanPolicy) -> Floats:
    """Subtract the projection on constants, or on constants and a ramp."""
    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    n_times = given.shape[-1]
    if n_times == 0:
        return np.empty(given.shape, dtype=result)
    with np.errstate(invalid="ignore", over="ignore"):
        values = wide.astype(np.float64, order="C")
        values -= values.mean(axis=-1, keepdims=True)
        if degree and n_times > 1:
            ramp: Array = np.linspace(-1.0, 1.0, n_times)
            slope = (values @ ramp) / (ramp @ ramp)
            values -= slope[..., None] * ramp
    if nan == "raise" and not np.isfinite(values).all():
        raise_not_finite(given)
    return values.astype(result, copy=False)
