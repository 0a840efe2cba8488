"""Sorts the samples of a window in about linear time. Imported at first use only, because this module imports numba."""

from typing import Any

from numba import njit

_CROWDED = 8
_SHRINK = 2.25
_NARROWEST = 1e-290
"""Spans below it go into one bucket: their inverse may overflow."""


@njit(nogil=True, error_model="numpy")
def sort_with_order(x: Any, values: Any, order: Any, places: Any) -> None:  # noqa: ANN401
    """Sort finite samples: ``values`` rise, ``values[i] == x[order[i]]``.

    Samples are dealt into ``2 L`` buckets of equal width, which leaves them almost sorted; insertion does the rest.
    Where outliers crowd most samples into few buckets, gaps shrink as in Shell's sort, so that time does not become
    quadratic. ``places`` (2 L + 1,) is scratch.
    """
    n = x.shape[0]
    crowd = _deal(x, values, order, places)
    gap = 1 if crowd <= _CROWDED * n else max(1, int(n / _SHRINK))
    while gap > 0:
        for i in range(gap, n):
            value, place = values[i], order[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j], order[j] = values[j - gap], order[j - gap]
                j -= gap
            values[j], order[j] = value, place
        gap = 0 if gap == 1 else max(1, int(gap / _SHRINK))


@njit(nogil=True, error_model="numpy")
def _deal(x: Any, values: Any, order: Any, places: Any) -> int:  # noqa: ANN401
    """Write the samples bucket by bucket; return the sum of squares of the buckets' sizes."""
    n = x.shape[0]
    buckets = places.shape[0] - 1
    lowest = highest = x[0]
    for t in range(1, n):
        lowest = min(lowest, x[t])
        highest = max(highest, x[t])
    span = highest - lowest
    scale = (buckets - 1) / span if span > _NARROWEST else 0.0
    places[:] = 0
    for t in range(n):
        places[int((x[t] - lowest) * scale) + 1] += 1
    crowd = 0
    for b in range(1, buckets + 1):
        crowd += places[b] * places[b]
        places[b] += places[b - 1]
    for t in range(n):
        bucket = int((x[t] - lowest) * scale)
        values[places[bucket]], order[places[bucket]] = x[t], t
        places[bucket] += 1
    return crowd
