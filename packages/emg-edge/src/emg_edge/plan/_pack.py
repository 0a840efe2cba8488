"""Packs buffers with lifetimes into one arena: best fit first, then a bounded search for the lower bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIGNMENT = 4
SLACK = (1.0, 1.02, 1.05, 1.1, 1.15, 1.2)  # arenas to try, as multiples of the lower bound
STEPS = 4000  # placements tried for each


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A range of bytes that is live from the operator ``first`` to the operator ``last``, both included.

    ``kind`` is ``"activation"``, ``"scratch"`` (both in the arena), ``"input"`` or ``"output"`` (the caller's, offset
    0 and not in the arena).
    """

    name: str
    kind: str
    nbytes: int
    first: int
    last: int
    offset: int = 0

    @property
    def in_arena(self) -> bool:
        """Whether the arena holds it."""
        return self.kind in {"activation", "scratch"}

    @property
    def end(self) -> int:
        """First byte behind it, rounded up to the alignment."""
        return self.offset + -(-self.nbytes // ALIGNMENT) * ALIGNMENT

    def meets(self, other: Buffer) -> bool:
        """Whether both are live at some operator."""
        return self.first <= other.last and other.first <= self.last


def pack(buffers: list[Buffer], lower_bound: int) -> list[Buffer]:
    """Return the buffers with offsets such that none that are live together overlap.

    Largest first into the smallest sufficient gap (best fit); where that misses the lower bound, a depth-first search
    in order of time at growing capacities, with a bounded number of steps. Deterministic.

    Parameters
    ----------
    buffers
        Without offsets.
    lower_bound
        Largest sum of live bytes at one operator.
    """
    best = best_fit(buffers)
    for slack in SLACK:
        capacity = int(lower_bound * slack) // ALIGNMENT * ALIGNMENT
        if capacity >= extent(best):
            break
        found = search(buffers, capacity)
        if found is not None:
            return found
    return best


def extent(placed: list[Buffer]) -> int:
    """Return the bytes that a placement needs."""
    return max((b.end for b in placed), default=0)


def best_fit(buffers: list[Buffer]) -> list[Buffer]:
    """Place the largest first, each at the start of the smallest gap that holds it."""
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (-b.nbytes, b.first, b.name)):
        gaps = list(_gaps(buffer, placed, None))
        start, _ = min(gaps, key=lambda gap: (gap[1] - gap[0], gap[0]))
        placed.append(replace(buffer, offset=start))
    return placed


def search(buffers: list[Buffer], capacity: int) -> list[Buffer] | None:
    """Place in order of time at either end of a gap, going back where nothing fits; None when the steps run out."""
    capacity -= capacity % ALIGNMENT
    waiting = sorted(buffers, key=lambda b: (b.first, -b.nbytes, b.name))
    placed: list[Buffer] = []
    if not waiting:
        return placed
    trails = [_ends(waiting[0], placed, capacity)]
    for _ in range(STEPS):
        choice = next(trails[-1], None)
        if choice is None:
            trails.pop()
            if not trails:
                return None
            placed.pop()
            continue
        placed.append(choice)
        if len(placed) == len(waiting):
            return placed
        trails.append(_ends(waiting[len(placed)], placed, capacity))
    return None


def _ends(buffer: Buffer, placed: list[Buffer], capacity: int) -> Iterator[Buffer]:
    """Yield the buffer at both ends of every gap that holds it, the tightest gaps first."""
    need = buffer.end - buffer.offset
    gaps = sorted(_gaps(buffer, placed, capacity), key=lambda gap: (gap[1] - gap[0], gap[0]))
    starts = dict.fromkeys(start for low, high in gaps for start in (low, high - need))
    return (replace(buffer, offset=start) for start in starts)


def _gaps(buffer: Buffer, placed: list[Buffer], capacity: int | None) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the gaps that hold the buffer; without a capacity the last one is as long as it needs."""
    need = buffer.end - buffer.offset
    cursor = 0
    for neighbour in sorted((p for p in placed if p.meets(buffer)), key=lambda b: b.offset):
        if neighbour.offset - cursor >= need:
            yield cursor, neighbour.offset
        cursor = max(cursor, neighbour.end)
    if capacity is None:
        yield cursor, cursor + 2**62
    elif capacity - cursor >= need:
        yield cursor, capacity
