"""Row-major offsets of strided boxes: what strided copies and broadcasting operators share."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXES = 6
"""Most axes of a strided box; the C structures hold that many."""


def offsets(extent: tuple[int, ...], stride: tuple[int, ...], base: int = 0) -> NDArray[np.int64]:
    """Return ``base + sum_i place_i * stride_i`` of every place, the last axis fastest, int64 ``(prod(extent),)``."""
    result = np.array([base], np.int64)
    for count, step in zip(extent, stride, strict=True):
        result = (result[:, None] + step * np.arange(count, dtype=np.int64)).reshape(-1)
    return result


def reach(extent: tuple[int, ...], stride: tuple[int, ...], base: int = 0) -> tuple[int, int]:
    """Return the lowest and the highest offset of a box."""
    spans = [(count - 1) * step for count, step in zip(extent, stride, strict=True)]
    return base + sum(min(span, 0) for span in spans), base + sum(max(span, 0) for span in spans)


def packed(extent: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a row-major array."""
    return tuple(prod(extent[axis + 1 :]) for axis in range(len(extent)))


def six(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
    """Return ``values`` behind as many ``fill`` as make six axes."""
    return (fill,) * (AXES - len(values)) + values


def is_box(extent: tuple[int, ...], *strides: tuple[int, ...]) -> bool:
    """Whether extents are legal and every stride tuple has one stride per axis."""
    return len(extent) <= AXES and min(extent, default=1) >= 1 and all(len(stride) == len(extent) for stride in strides)
