"""HDF5 chunk indexes, old and new: the cell, address and stored size of every chunk of a dataset."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._hdf5_arrays import extensible_array, fixed_array
from ._hdf5_bytes import UNDEFINED, Bytes, Cursor
from ._hdf5_heaps import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

_OLD_TREE, _SINGLE, _IMPLICIT, _FIXED, _EXTENSIBLE, _NEW_TREE = range(6)
_MAX_LEVELS = 8


class Index(NamedTuple):
    """Chunks as listed: (n, axes) cells of the grid of chunks; addresses, stored bytes and filter masks, each (n,)."""

    cells: Longs
    addresses: Longs
    sizes: Longs
    masks: Longs


class Plan(NamedTuple):
    """What a layout says of its chunks.

    Attributes
    ----------
    shape, limits
        Shape of the dataset, and what it may grow to.
    chunk
        Shape of a chunk.
    width
        Bytes of an element.
    filtered
        Whether filters apply.
    """

    shape: tuple[int, ...]
    limits: tuple[int, ...]
    chunk: tuple[int, ...]
    width: int
    filtered: bool

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each axis."""
        return self._cells(self.shape)

    @property
    def bytes(self) -> int:
        """Size of a chunk before filters, bytes."""
        return math.prod(self.chunk) * self.width

    @property
    def largest(self) -> tuple[int, ...]:
        """Chunks along each axis of a dataset grown to its limits; 0 where there is no limit."""
        return self._cells(tuple(0 if limit == UNDEFINED else limit for limit in self.limits))

    def _cells(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of chunks that lengths take."""
        return tuple(-(-total // part) for total, part in zip(lengths, self.chunk, strict=True))


def old_index(source: Bytes, address: int, plan: Plan) -> Index:
    """Read a B-tree of version 1, the index that most files have."""
    rank = len(plan.shape)
    row = np.dtype([("size", "<u4"), ("mask", "<u4"), ("place", "<i8", (rank + 1,)), ("child", "<i8")])
    nodes = list(_leaves(source, address, row, _MAX_LEVELS)) if address != UNDEFINED else []
    table = np.concatenate(nodes) if nodes else np.zeros(0, row)
    places = table["place"][:, :rank]
    chunk = np.array(plan.chunk, np.int64)
    if (places % chunk).any() or table["place"][:, rank].any():
        raise source.bad(address, "chunk tree", f"places that are multiples of {plan.chunk}", "others")
    return Index(places // chunk, table["child"], table["size"].astype(np.int64), table["mask"].astype(np.int64))


def new_index(cursor: Cursor, kind: int, flags: int, plan: Plan) -> Index:
    """Read one of the indexes of version 4 layouts, the cursor standing behind its type."""
    if kind == _SINGLE:
        size, mask = cursor.numbers((8, 4)) if flags & 2 else (plan.bytes, 0)
        rows = np.array([[cursor.number(8), size, mask]], object)
        return _linear(cursor, rows, plan, plan.grid)
    if kind == _IMPLICIT:
        first = cursor.number(8)
        if plan.filtered or first == UNDEFINED or math.prod(plan.largest) > cursor.bytes.size:
            raise cursor.bad("written chunks without filters that fit the file", f"{plan.largest} of them")
        rows = np.array([[first + k * plan.bytes, plan.bytes, 0] for k in range(math.prod(plan.largest))], object)
        return _linear(cursor, rows, plan, plan.largest)
    if kind == _FIXED:
        cursor.raw(1)
        return _linear(cursor, _entries(cursor, fixed_array(cursor.bytes, cursor.number(8)), plan), plan, plan.largest)
    if kind == _EXTENSIBLE:
        cursor.raw(5)
        return _extensible(cursor, plan)
    if kind == _NEW_TREE:
        cursor.raw(6)
        return _new_tree(cursor, plan)
    raise cursor.bad(f"a chunk index of type 1 to {_NEW_TREE}", str(kind))


def _leaves(source: Bytes, address: int, row: np.dtype[np.void], level: int) -> Iterator[NDArray[np.void]]:
    """Yield the tables of the leaves of a chunk tree."""
    source.once(address, "chunk tree")
    cursor = source.cursor(address, 24, "chunk tree", b"TREE")
    cursor.expect(1, (1,), "tree of type")
    here, count = cursor.numbers((1, 2))
    if here >= level:
        raise cursor.bad(f"a level below {level}", str(here))
    table = np.frombuffer(source.take(address + 24, row.itemsize * count, "chunk tree"), row)
    if not here:
        yield table
        return
    for child in table["child"].tolist():
        yield from _leaves(source, child & UNDEFINED, row, here)


def _entries(cursor: Cursor, elements: NDArray[np.uint8], plan: Plan) -> NDArray[np.object_]:
    """Split elements (n, bytes) of an array index into address, stored size and filter mask."""
    width = elements.shape[1] - 12 if plan.filtered else 0
    if elements.shape[1] < 8 or not 0 <= width <= 8 or (not plan.filtered and elements.shape[1] != 8):
        raise cursor.bad("entries of 8 bytes, or 13 to 20 with filters", f"{elements.shape[1]} bytes")
    addresses = _whole(elements[:, :8])
    if not plan.filtered:
        return np.stack([addresses, np.full(len(addresses), plan.bytes, object), 0 * addresses], axis=1)
    return np.stack([addresses, _whole(elements[:, 8:-4]), _whole(elements[:, -4:])], axis=1)


def _whole(data: NDArray[np.uint8]) -> NDArray[np.object_]:
    """Return little-endian integers of any width as Python's."""
    wide = np.zeros((len(data), 8), np.uint8)
    wide[:, : data.shape[1]] = data
    return wide.view("<u8")[:, 0].astype(object)


def _linear(cursor: Cursor, rows: NDArray[np.object_], plan: Plan, grid: tuple[int, ...]) -> Index:
    """Return an index of chunks that are listed in the order of a grid."""
    if len(rows) > math.prod(grid) or not 0 < math.prod(grid) < 2**62:
        raise cursor.bad(f"a grid that holds {len(rows)} chunks", str(grid))
    cells = np.stack(np.unravel_index(np.arange(len(rows)), grid), axis=1)
    return _present(cursor, cells, rows, plan)


def _present(cursor: Cursor, cells: Longs, rows: NDArray[np.object_], plan: Plan) -> Index:
    """Leave out what was never written or lies outside the present shape."""
    kept = (rows[:, 0] != UNDEFINED) & np.all(cells < np.array(plan.grid), axis=1)
    if (rows[kept] >= 2**62).any():
        raise cursor.bad("chunks inside the file", "one that is not")
    table = rows[kept].astype(np.int64).reshape(-1, 3)
    return Index(cells[kept].astype(np.int64), table[:, 0], table[:, 1], table[:, 2])


def _extensible(cursor: Cursor, plan: Plan) -> Index:
    """Read an extensible array: the axis without a limit runs slowest."""
    free = [axis for axis, limit in enumerate(plan.limits) if limit == UNDEFINED]
    if len(free) != 1:
        raise cursor.bad("one axis without a limit", f"{len(free)}")
    axes = [free[0], *(axis for axis in range(len(plan.shape)) if axis != free[0])]
    others = math.prod(plan.largest[axis] for axis in axes[1:])
    if not 0 < others * plan.grid[free[0]] <= cursor.bytes.size:
        raise cursor.bad("chunks that fit the file", f"{others} x {plan.grid[free[0]]}")
    elements = extensible_array(cursor.bytes, cursor.number(8), plan.grid[free[0]] * others)
    rows = _entries(cursor, elements, plan)
    grid = (plan.grid[free[0]], *(plan.largest[axis] for axis in axes[1:]))
    turned = np.stack(np.unravel_index(np.arange(len(rows)), grid), axis=1)
    cells = np.empty_like(turned)
    cells[:, axes] = turned
    return _present(cursor, cells, rows, plan)


def _new_tree(cursor: Cursor, plan: Plan) -> Index:
    """Read a B-tree of version 2."""
    _, found = records(cursor.bytes, cursor.number(8), (11,) if plan.filtered else (10,))
    rank = len(plan.shape)
    if found.shape[1] < 8 * rank + 8:
        raise cursor.bad(f"records of {rank} axes", f"{found.shape[1]} bytes")
    split = found.shape[1] - 8 * rank
    cells = np.stack([_whole(found[:, split + 8 * axis : split + 8 * axis + 8]) for axis in range(rank)], axis=1)
    return _present(cursor, np.minimum(cells, 2**62).astype(np.int64), _entries(cursor, found[:, :split], plan), plan)
