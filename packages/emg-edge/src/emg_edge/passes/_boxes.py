"""Maps from output to input elements as strided boxes, or as gathered rows where no box fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_edge.kernels._strided import AXES

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """Elements ``base + sum place_i stride_i`` of the source stand at ``out_base + sum place_i out_stride_i``."""

    extent: tuple[int, ...]
    stride: tuple[int, ...]
    base: int
    out_stride: tuple[int, ...]
    out_base: int


@dataclass(frozen=True)
class Rows:
    """Row r of repetition o holds ``source[o * step + index[r] * inner + i]``; zeros where ``index[r]`` is -1."""

    outer: int
    step: int
    index: NDArray[np.int64]
    inner: int


def as_box(index: NDArray[np.int64]) -> Box | None:
    """Write a map (-1: a zero) as one strided box, or None where it is none of up to six axes.

    Places and elements are read together as digits, innermost first: the longest run of one pair of strides is the
    last axis, and so on. A map that is affine in each axis is always found.
    """
    rest = np.stack([np.flatnonzero(index >= 0), index[index >= 0]])
    if rest.shape[1] == 0:
        return None
    axes: list[tuple[int, int, int]] = []  # (extent, step in the output, step in the input), innermost first
    while rest.shape[1] > 1:
        steps = rest[:, 1] - rest[:, 0]
        breaks = np.flatnonzero((np.diff(rest) != steps[:, None]).any(0))
        extent = int(breaks[0]) + 1 if len(breaks) else rest.shape[1]
        if rest.shape[1] % extent or len(axes) == AXES:
            return None
        table = rest.reshape(2, -1, extent)
        if not np.array_equal(table, table[:, :, :1] + steps[:, None, None] * np.arange(extent)):
            return None
        axes.append((extent, int(steps[0]), int(steps[1])))
        rest = table[:, :, 0]
    extents, out_strides, strides = zip(*axes[::-1], strict=True) if axes else ((1,), (1,), (1,))
    return Box(extents, strides, int(rest[1, 0]), out_strides, int(rest[0, 0]))


def as_rows(index: NDArray[np.int64]) -> Rows:
    """Write any map (-1: a zero) as gathered rows, as long and as often repeated as they can be."""
    inner = _row_length(index)
    rows = index.reshape(-1, inner)[:, 0]
    rows = np.where(rows < 0, -1, rows // inner)
    for outer in range(len(rows), 1, -1):
        if len(rows) % outer == 0 and (found := _repeated(rows, outer)) is not None:
            return Rows(outer, found[1] * inner, found[0], inner)
    return Rows(1, 0, rows, inner)


def _row_length(index: NDArray[np.int64]) -> int:
    """Return the longest row such that all rows are whole: contiguous and aligned in the source, or zeros."""
    size = len(index)
    step = np.diff(index)
    breaks = np.flatnonzero(~((step == 1) & (index[:-1] >= 0) | (index[1:] < 0) & (index[:-1] < 0))) + 1
    starts = index[np.concatenate([[0], breaks])] if size else index
    return int(np.gcd.reduce(np.concatenate([[size], breaks, starts[starts >= 0]])))


def _repeated(rows: NDArray[np.int64], outer: int) -> tuple[NDArray[np.int64], int] | None:
    """Return (rows of one repetition, rows between repetitions) or None where ``outer`` repetitions do not fit."""
    table = rows.reshape(outer, -1)
    first, holes = table[0], table[0] < 0
    if not np.array_equal(table < 0, np.broadcast_to(holes, table.shape)) or holes.all():
        return None
    step = int((table[1] - first)[~holes][0])
    moved = np.where(holes, -1, first + step * np.arange(outer)[:, None])
    return (first, step) if step >= 0 and np.array_equal(table, moved) else None
