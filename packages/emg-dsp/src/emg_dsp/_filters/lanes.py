"""Moves rows of samples into lanes that advance together, and back. Imported at first use: it imports numba.

A recurrence waits for itself: one channel alone leaves the arithmetic units idle. So ``LANES`` channels advance
together through a small tile (time, lanes) of float64, and each vector instruction serves several of them. Memory has
time last, so a tile is a transpose of what is read, made square by square. Rows too few for lanes go one by one; then
the sections of one row advance together. Every row meets the same operations in the same order on both ways, so its
bits do not depend on which one it takes.

Kernels of other files do not notice edits to this one: see `vectors`.
"""

from typing import Any

from numba import njit

from .squares import gather, scatter
from .vectors import DEPTH, LANES, cascade, pipeline

TILE = 64


@njit(nogil=True, error_model="numpy")
def fill(tile: Any, row: int, x: Any, r0: int, t0: int, lanes: int, count: int) -> None:  # noqa: ANN401
    """Transpose ``count`` samples from ``t0`` of ``lanes`` rows from ``r0`` of ``x`` to ``tile``, from ``row`` on.

    Whole squares go as vectors, the last samples of a signal one by one. What other lanes hold means nothing.
    """
    whole = count // LANES * LANES
    for u in range(0, whole, LANES):
        gather(x, r0, t0 + u, lanes, tile, (row + u) * LANES)
    for t in range(whole, count):
        for k in range(lanes):
            tile[(row + t) * LANES + k] = x[r0 + k, t0 + t]


@njit(nogil=True, error_model="numpy")
def drain(tile: Any, row: int, out: Any, r0: int, t0: int, lanes: int, count: int, spare: Any) -> None:  # noqa: ANN401
    """Transpose ``count`` rows of ``tile`` from ``row`` on back into ``out``: `fill` the other way round.

    ``spare`` (LANES,) is overwritten.
    """
    whole = count // LANES * LANES
    for u in range(0, whole, LANES):
        scatter(tile, (row + u) * LANES, out, r0, t0 + u, lanes, spare)
    for t in range(whole, count):
        for k in range(lanes):
            out[r0 + k, t0 + t] = tile[(row + t) * LANES + k]


@njit(nogil=True, error_model="numpy")
def advance(tile: Any, first: int, step: int, count: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter ``count`` rows of ``tile`` in place, from row ``first`` on, forward (``step`` 1) or backward (-1).

    Direct form II transposed, in float64 and in a fixed order (no fast-math, no fused multiply-add), so that a sample's
    value depends on neither the chunking nor on the neighbouring lanes. ``z`` (sections, 2, lanes) is advanced.
    """
    for t in range(count):
        cascade(tile, (first + step * t) * LANES, sos, z)


@njit(nogil=True, error_model="numpy")
def advance_alone(line: Any, first: int, step: int, count: int, sos: Any, z: Any, table: Any) -> None:  # noqa: ANN401
    """Filter ``count`` samples of one row in place, as `advance` does; ``z`` is (sections, 2).

    Up to ``DEPTH`` sections go together, each a sample behind the one before; ``table`` (7, DEPTH) is overwritten.
    """
    if count == 0:
        return
    for s0 in range(0, sos.shape[0], DEPTH):
        deep = min(DEPTH, sos.shape[0] - s0)
        table[:] = 0.0
        for i in range(deep):
            s = s0 + deep - 1 - i
            table[0, i], table[1, i], table[2, i] = sos[s, 0], sos[s, 1], sos[s, 2]
            table[3, i], table[4, i] = sos[s, 4], sos[s, 5]
            table[5, i], table[6, i] = z[s, 0], z[s, 1]
        pipeline(line, first, step, count, deep, table)
        for i in range(deep):
            z[s0 + deep - 1 - i, 0], z[s0 + deep - 1 - i, 1] = table[5, i], table[6, i]
