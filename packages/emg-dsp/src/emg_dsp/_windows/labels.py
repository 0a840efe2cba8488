"""Labels of windows, from a label for each sample."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._arrays import Array, as_array
from emg_dsp._checks import among, whole
from emg_dsp._errors import EmgDspError

from .plan import Pad, Plan, plan

Rule: TypeAlias = Literal["majority", "centre", "last", "pure"]
_RULES = ("majority", "centre", "last", "pure")
_DENSE = 1 << 16


def window_labels(
    labels: ArrayLike,
    length: float,
    hop: float,
    sfreq: float | None = None,
    pad: Pad | None = None,
    *,
    rule: Rule = "majority",
    mixed: int = -1,
) -> Array:
    """Give each window a label, from a label for each sample.

    Parameters
    ----------
    labels : array (..., time)
        Integers of any type, or booleans.
    length, hop, sfreq, pad
        As for `windows`, so that labels and windows agree. Padding has no label: the rules look at the samples of the
        signal that a window holds.
    rule : {"majority", "centre", "last", "pure"}
        The commonest label, and of equally common ones that which occurs last in the window; the label of sample
        ``length // 2`` of the window (or the last one of the signal, where that is padding); the label of its last
        sample; or the one label that all its samples have.
    mixed : int
        What ``"pure"`` gives to a window with several labels; must fit the type of ``labels``, so unsigned ones need
        another than -1. Compare with it for a mask.

    Returns
    -------
    array (..., n_windows)
        In the type of ``labels``.

    Raises
    ------
    EmgDspError
        If labels are not integers, sizes are not positive, the rule is unknown or ``mixed`` does not fit.

    Examples
    --------
    >>> from emg_dsp import window_labels
    >>> track = [0, 0, 0, 5, 5, 5, 5, 2]
    >>> window_labels(track, 4, 2).tolist(), window_labels(track, 4, 2, rule="pure").tolist()
    ([0, 5, 5], [-1, -1, -1])
    """
    track = as_array(labels, "labels")
    if track.ndim < 1 or track.dtype.kind not in "iub":
        raise EmgDspError(
            f"labels have shape {track.shape} and type {track.dtype}; required are integers (..., time). "
            "Encode names as integers first."
        )
    if not among(rule, _RULES):
        raise EmgDspError(f"rule={rule!r}; required is one of {', '.join(_RULES)}.")
    n_times = track.shape[-1]
    place = plan(n_times, length, hop, sfreq, pad)
    stops = np.minimum(place.starts + place.length, n_times)
    if rule == "majority":
        return _majority(track, place)
    if rule == "pure":
        return _pure(track, place.starts, stops, mixed)
    chosen = stops - 1 if rule == "last" else np.minimum(place.starts + place.length // 2, stops - 1)
    return track[..., chosen]


def _majority(track: Array, place: Plan) -> Array:
    """Count labels in each window of each row."""
    from .votes import majority

    out = np.empty((*track.shape[:-1], place.count), dtype=track.dtype)
    if out.size == 0:
        return out
    values, codes = _encoded(track)
    votes = np.empty(place.count, dtype=np.int32)
    for row in np.ndindex(track.shape[:-1]):
        majority(codes[row], place.length, place.hop, np.zeros(len(values), dtype=np.int64), votes)
        out[row] = values[votes]
    return out


def _encoded(track: Array) -> tuple[Array, NDArray[np.int32]]:
    """Return the labels that occur, sorted, and the place of each sample's label among them (C-contiguous)."""
    low, high = int(track.min()), int(track.max())
    if high - low >= _DENSE:
        values, places = np.unique(track, return_inverse=True)
        return values, np.ascontiguousarray(places.reshape(track.shape), dtype=np.int32)
    wide = np.uint64 if track.dtype.kind == "u" else np.int64
    shift = track.astype(wide) - wide(low)
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[shift] = True
    order = (np.cumsum(seen) - 1).astype(np.int32)
    values = np.array([low + int(k) for k in np.flatnonzero(seen)], dtype=track.dtype)
    return values, np.ascontiguousarray(order[shift])


def _pure(track: Array, starts: NDArray[np.int64], stops: NDArray[np.int64], mixed: int) -> Array:
    """Return the label of windows in which it never changes."""
    limits = (0, 1) if track.dtype.kind == "b" else (np.iinfo(track.dtype).min, np.iinfo(track.dtype).max)
    if not limits[0] <= whole(mixed, "mixed", min(-1, limits[0])) <= limits[1]:
        raise EmgDspError(
            f"mixed={mixed!r} does not fit labels of type {track.dtype}; required is an integer from {limits[0]} to "
            f"{limits[1]}, or wider labels."
        )
    changes = np.zeros(track.shape, dtype=np.int64)
    np.cumsum(track[..., 1:] != track[..., :-1], axis=-1, out=changes[..., 1:])
    same = changes[..., stops - 1] == changes[..., starts]
    return np.where(same, track[..., starts], track.dtype.type(mixed))
