"""Runs a biquad cascade over arrays: the bridge between checked arguments and the kernels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._arrays import Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._errors import EmgDspError


def run_causal(
    sos: NDArray[np.float64], x: ArrayLike, state: NDArray[np.float64], nan: NanPolicy, first_sample: int = 0
) -> Floats:
    """Filter ``x`` (..., channels, time) from ``state`` (sections, rows, 2), which is advanced in place.

    A sample that is not finite never leaves the recurrence, so one look at the final state finds it without a pass
    over the signal.
    """
    from .biquad import causal

    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    rows = as_rows(wide)
    out = np.empty(rows.shape, dtype=rows.dtype)
    causal(rows, sos, state, out)
    if nan == "raise" and not np.isfinite(state).all():
        raise_not_finite(given, first_sample)
    return out.reshape(given.shape).astype(result, copy=False)


def run_zero_phase(sos: NDArray[np.float64], x: ArrayLike, nan: NanPolicy) -> Floats:
    """Filter ``x`` (..., channels, time) forward and backward with scipy's default edge rule."""
    from .biquad import zero_phase

    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    rows = as_rows(wide)
    edge = edge_length(sos)
    if rows.shape[1] <= edge:
        raise EmgDspError(
            f"x has {rows.shape[1]} samples; zero-phase filtering with {len(sos)} sections extends each "
            f"end by {edge} samples and requires more than {edge}. Pass a longer signal, or filter causally."
        )
    out = np.empty(rows.shape, dtype=rows.dtype)
    zero_phase(rows, sos, steady_state(sos), edge, out)
    if nan == "raise" and not np.isfinite(out[:, 0]).all():
        raise_not_finite(given)
    return out.reshape(given.shape).astype(result, copy=False)


def edge_length(sos: NDArray[np.float64]) -> int:
    """Return the samples of odd extension at each end: scipy's default ``padlen`` of ``sosfiltfilt``."""
    taps = 2 * len(sos) + 1
    trailing = min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    return 3 * (taps - trailing)


def steady_state(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """State (sections, 2) of the cascade under an endless input of 1: `scipy.signal.sosfilt_zi` in closed form."""
    gains = sos[:, :3].sum(axis=1) / sos[:, 3:].sum(axis=1)
    level = np.concatenate([[1.0], np.cumprod(gains)[:-1]])
    first = gains - sos[:, 0]
    second = sos[:, 2] - sos[:, 5] * gains
    return np.ascontiguousarray(np.stack([first, second], axis=1) * level[:, None])
