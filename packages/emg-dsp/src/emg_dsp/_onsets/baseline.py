"""What rest looks like: mean and standard deviation of a detector's own signal while the muscle is silent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array

_PIECE_S = 0.1
_SHARE = 0.1


@dataclass(frozen=True)
class Baseline:
    """Mean and standard deviation at rest, by value: of the signal that the detector compares (its docstring says).

    Parameters
    ----------
    mean, std : float or sequence of float
        One for each channel, or one for all; ``std > 0``.
    """

    mean: float | Sequence[float]
    std: float | Sequence[float]


Rest: TypeAlias = "tuple[float, float] | Baseline | None"
"""A span in seconds that is known to be rest; values; or None: the quietest tenth of the signal."""


def baseline(test: Array, sfreq: float, rest: Rest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation at rest of each channel of ``test`` (channels, time)."""
    if isinstance(rest, Baseline):
        return _given(rest, len(test))
    picked = _quietest(test, sfreq) if rest is None else _span(test, sfreq, rest)
    finite = np.isfinite(picked)
    count = finite.sum(axis=1)
    if (count < 2).any():
        raise EmgDspError(
            f"channel {int(np.argmin(count))} has {int(count.min())} finite samples at rest; required are at least 2. "
            "Pass another rest=(start, stop), or a Baseline."
        )
    values = np.where(finite, picked, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.sum(axis=1) / count
        std = np.sqrt((np.where(finite, picked - mean[:, None], 0.0) ** 2).sum(axis=1) / count)
    if not (np.isfinite(mean) & np.isfinite(std)).all():
        raise EmgDspError("float64 overflowed on the samples at rest; scale the signal down (e.g. from uV to V).")
    return mean, std


def _given(rest: Baseline, n_chans: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check values of the caller and repeat them for every channel."""
    pair = []
    for name in ("mean", "std"):
        try:
            values = np.asarray(getattr(rest, name), dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            values = np.full(2, np.nan)
        if values.shape not in {(), (1,), (n_chans,)} or not np.isfinite(values).all():
            raise EmgDspError(
                f"baseline {name}={getattr(rest, name)!r}; required is one finite number, or {n_chans}: one a channel."
            )
        pair.append(np.broadcast_to(values, (n_chans,)).copy())
    if not (pair[1] > 0).all():
        raise EmgDspError(f"baseline std={rest.std!r}; required is std > 0 in every channel.")
    return pair[0], pair[1]


def _span(test: Array, sfreq: float, rest: Any) -> Array:  # noqa: ANN401  anything may come from a caller
    """Return the samples of a span in seconds."""
    try:
        start, stop = (math.floor(float(edge) * sfreq + 0.5) for edge in rest)
    except (TypeError, ValueError, OverflowError):
        raise EmgDspError(f"rest={rest!r}; required is (start, stop) in seconds, a Baseline or None.") from None
    if not 0 <= start < stop <= test.shape[1]:
        raise EmgDspError(
            f"rest={rest!r} s is samples {start} to {stop}; required is a span within the {test.shape[1]} samples at "
            f"sfreq={sfreq:g} Hz."
        )
    return test[:, start:stop].astype(np.float64)


def _quietest(test: Array, sfreq: float) -> Array:
    """Return, of each channel, the tenth of its pieces of 0.1 s that has the least power.

    The first piece is left out where there are others: filters settle in it. A piece that is not finite comes last.
    """
    size = max(1, min(math.floor(_PIECE_S * sfreq + 0.5), test.shape[1]))
    n_chans, count = len(test), test.shape[1] // size
    if count == 0:
        raise EmgDspError("x has no samples; required is a signal to find rest in. Pass a Baseline.")
    pieces = test[:, : count * size].astype(np.float64).reshape(n_chans, count, size)
    pieces = pieces[:, 1:] if count > 1 else pieces
    with np.errstate(over="ignore", invalid="ignore"):
        power = (pieces**2).mean(axis=2)
    keep = math.ceil(_SHARE * pieces.shape[1])
    order = np.argsort(power, axis=1, kind="stable")[:, :keep]
    chosen: Array = np.take_along_axis(pieces, order[:, :, None], axis=1).reshape(n_chans, keep * size)
    return chosen
