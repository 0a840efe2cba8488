"""Windows scaled by their own range or deviation, in integers: one division and one rounding an element."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.program._tensor import DTYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._frontend import FrontEnd


def scale_window(front: FrontEnd, v: NDArray[np.int64]) -> NDArray[Any]:
    """Scale a window by its own numbers: the definition of ``minmax`` and ``zscore``, to the bit.

    A group is a channel, or all of them where ``over`` is ``"window"``; its ``eps`` is that of its first channel.

    - ``minmax``: ``d = v - min``, ``r = max - min + eps``, ``m = gain // r`` (0 where r is 0).
    - ``zscore``: ``mean`` of the group's n values, halves up; ``d = v - mean``; the deviation D in 1/256 steps from the
      squares of ``|d| >> p``, where p keeps their sum below 2**62: ``root = isqrt((sum << j) // (n - ddof))`` with the
      largest even j that keeps ``sum << j`` below 2**62, ``D = root * 2**(8 + p - j/2) + eps``, at least 256: a
      group whose deviation is below one step counts as of one step. ``m = gain // D``.
    - ``q = saturate(((d * m + base + half) >> shift) + zero)``.

    Parameters
    ----------
    front
        A front end of that kind.
    v
        (channels, time), the last node of the filter.

    Returns
    -------
    ndarray
        (channels, time) in the network's input type.
    """
    groups = v if front.over == "channel" else v.reshape(1, -1)
    find = _minmax if front.kind == "minmax" else _zscore
    out = np.empty(groups.shape, np.int64)
    for index, group in enumerate(groups):
        centre, factor = find(front, group, front.eps[index])
        product = (group - centre) * np.int64(factor) + np.int64(front.base)
        out[index] = ((product + (1 << (front.shift - 1))) >> front.shift) + front.zero
    _, low, high = DTYPES[front.out]
    clipped: NDArray[Any] = np.clip(out, low, high).astype(front.out).reshape(v.shape)
    return clipped


def _minmax(front: FrontEnd, group: NDArray[np.int64], eps: int) -> tuple[int, int]:
    """Return what is subtracted and the factor behind it."""
    low = int(group.min())
    reach = int(group.max()) - low + eps
    return low, front.gain // reach if reach else 0


def _zscore(front: FrontEnd, group: NDArray[np.int64], eps: int) -> tuple[int, int]:
    """Return what is subtracted and the factor behind it."""
    n = group.size
    mean = (int(group.sum()) + n // 2) // n
    far = np.abs(group - mean)
    p = max(0, int(far.max()).bit_length() - (62 - n.bit_length()) // 2)
    total = int(((far >> p) ** 2).sum())
    j = (62 - total.bit_length()) // 2 * 2 if total else 0
    root = isqrt((total << j) // (n - front.ddof))
    up = 8 + p - j // 2
    deviation = (root << up if up >= 0 else root >> -up) + eps
    return mean, front.gain // max(deviation, 256)
