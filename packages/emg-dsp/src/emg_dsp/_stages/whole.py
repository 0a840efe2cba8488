"""A whole signal through a stage in one step: the default of `Stage`, for stages without a faster way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, NanPolicy, as_signal, check_policy, raise_not_finite, widen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from .stage import Stage


def run_whole(stage: Stage, x: ArrayLike, nan: NanPolicy) -> Array:
    """Run ``x`` (..., channels, time) through a new memory in one step; leading axes are independent signals."""
    check_policy(nan)
    given = as_signal(x)
    if nan == "raise" and given.dtype.kind == "f" and not np.isfinite(given).all():
        raise_not_finite(given)
    wide, result = widen(given)
    lead = given.shape[:-2]
    parts = [stage.start(given.shape[-2], wide.dtype).step(signal).copy() for signal in _signals(wide, lead)]
    if not lead:
        return narrow(parts[0], result)
    if not parts:
        rest = stage.start(given.shape[-2], wide.dtype).step(np.zeros(given.shape[-2:], wide.dtype))
        return narrow(np.empty((*lead, *rest.shape), rest.dtype), result)
    return narrow(np.stack(parts).reshape(*lead, *parts[0].shape), result)


def narrow(values: Array, result: np.dtype[Any]) -> Array:
    """Round what was computed in float64 to the type of the result; complex values, flags and counts accordingly."""
    if result == np.float32 and values.dtype == np.float64:
        return values.astype(np.float32)
    if result == np.float32 and values.dtype == np.complex128:
        return values.astype(np.complex64)
    return values


def _signals(x: Array, lead: tuple[int, ...]) -> Iterator[Array]:
    """Yield every (channels, time) of ``x``."""
    for place in np.ndindex(lead):
        yield x[place]
