"""Where windows lie: how many, how far they reach over the end, and when they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, SupportsIndex, TypeAlias

import numpy as np

from emg_dsp._checks import among, whole
from emg_dsp._errors import EmgDspError

from .sizes import in_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pad: TypeAlias = Literal["zero", "edge", "reflect"]
"""What stands behind the last sample: zeros, the last sample, or the signal mirrored about its last sample."""
_MOST_TIMES = 100_000_000
_PADS = ("zero", "edge", "reflect")


@dataclass(frozen=True)
class Plan:
    """Windows of one signal, in samples."""

    length: int
    hop: int
    count: int
    padding: int

    @property
    def starts(self) -> NDArray[np.int64]:
        """First sample of each window."""
        return np.arange(self.count, dtype=np.int64) * self.hop


def plan(n_times: int, length: float, hop: float, sfreq: float | None, pad: Pad | None) -> Plan:
    """Lay windows over a signal of ``n_times`` samples."""
    if pad is not None and not among(pad, _PADS):
        raise EmgDspError(f"pad={pad!r}; required is None or one of {', '.join(_PADS)}.")
    size, step = in_samples(length, "length", sfreq), in_samples(hop, "hop", sfreq)
    if pad is None:
        return Plan(size, step, max(0, (n_times - size) // step + 1), 0)
    count = min(max(0, -(-(n_times - size) // step)) + 1, -(-n_times // step))
    reach = (count - 1) * step + size if count else 0
    return Plan(size, step, count, max(0, reach - n_times))


def window_count(
    n_times: SupportsIndex, length: float, hop: float, sfreq: float | None = None, pad: Pad | None = None
) -> int:
    """Count the windows that `windows` cuts from a signal of ``n_times`` samples.

    Parameters
    ----------
    n_times : int
        Samples of the signal, >= 0.
    length, hop, sfreq, pad
        As for `windows`.

    Returns
    -------
    int
        ``(n_times - length) // hop + 1``, at least 0, without padding; with padding as many as it takes to reach the
        last sample, and none that would hold padding alone.

    Examples
    --------
    >>> from emg_dsp import window_count
    >>> window_count(1000, 200, 300), window_count(1000, 200, 300, pad="zero")
    (3, 4)
    """
    return plan(whole(n_times, "n_times", 0), length, hop, sfreq, pad).count


def window_padding(
    n_times: SupportsIndex, length: float, hop: float, sfreq: float | None = None, pad: Pad | None = None
) -> int:
    """Count the samples that `windows` appends to a signal of ``n_times`` samples: 0 without ``pad``.

    The last of them stand at the end of the last window; no other window holds more. Arguments as for `window_count`.

    Examples
    --------
    >>> from emg_dsp import window_padding
    >>> window_padding(1000, 200, 300, pad="zero")
    100
    """
    return plan(whole(n_times, "n_times", 0), length, hop, sfreq, pad).padding


def window_times(
    n_times: SupportsIndex,
    length: float,
    hop: float,
    sfreq: float | None = None,
    pad: Pad | None = None,
    *,
    at: Literal["start", "centre", "end"] = "start",
) -> NDArray[np.float64]:
    """Return when each window is, counted from the first sample of the signal.

    Parameters
    ----------
    n_times : int
        Samples of the signal, >= 0.
    length, hop, sfreq, pad
        As for `windows`.
    at : {"start", "centre", "end"}
        Time of its first sample, of its last one (when a causal decision on it can be made), or midway between them.

    Returns
    -------
    array (n_windows,), float64
        At most 100,000,000, in seconds where ``sfreq`` is given, else in samples. Seconds are those of the rounded
        sizes: sample / sfreq.

    Examples
    --------
    >>> from emg_dsp import window_times
    >>> window_times(1000, length=0.2, hop=0.3, sfreq=1000, at="end").tolist()
    [0.199, 0.499, 0.799]
    """
    place = plan(whole(n_times, "n_times", 0), length, hop, sfreq, pad)
    shifts = {"start": 0.0, "centre": (place.length - 1) / 2, "end": float(place.length - 1)}
    if not among(at, shifts):
        raise EmgDspError(f"at={at!r}; required is one of {', '.join(shifts)}.")
    if place.count > _MOST_TIMES:
        raise EmgDspError(f"there are {place.count} windows; required are at most {_MOST_TIMES}. Raise hop={hop!r}.")
    rate = 1.0 if sfreq is None else float(sfreq)
    return (place.starts.astype(np.float64) + shifts[at]) / rate
