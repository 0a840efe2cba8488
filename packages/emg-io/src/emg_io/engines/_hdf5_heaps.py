"""HDF5 heaps: where names, texts of variable length, and the links and attributes of crowded objects lie."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ._hdf5_bytes import UNDEFINED, Bytes, Cursor

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_HEAP_BYTES = 16 * 2**20
_MAX_NESTED = 8


def local_heap(source: Bytes, address: int) -> bytes:
    """Return the data segment of a local heap: names, each ending in a zero byte."""
    cursor = source.cursor(address, 32, "local heap", b"HEAP")
    cursor.expect(1, (0,), "heap version")
    cursor.raw(3)
    count, _, segment = cursor.numbers((8, 8, 8))
    if count > _MAX_HEAP_BYTES:
        raise cursor.bad(f"at most {_MAX_HEAP_BYTES} bytes of names", str(count))
    return source.take(segment, count, "local heap")


@dataclass(eq=False)
class GlobalHeap:
    """Texts and sequences of variable length, their collections read once each."""

    source: Bytes
    held: dict[int, dict[int, bytes]] = field(default_factory=dict)

    def object(self, address: int, index: int) -> bytes:
        """Return one object of a collection."""
        if address not in self.held:
            self.held[address] = self._collection(address)
        found = self.held[address].get(index)
        if found is None:
            raise self.source.bad(address, "global heap", f"object {index}", "none")
        return found

    def _collection(self, address: int) -> dict[int, bytes]:
        """Read a collection."""
        cursor = self.source.cursor(address, 16, "global heap", b"GCOL")
        cursor.expect(1, (1,), "heap version")
        cursor.raw(3)
        count = cursor.number(8)
        cursor = self.source.cursor(address, count, "global heap", b"GCOL")
        cursor.raw(12)
        objects: dict[int, bytes] = {}
        while cursor.left >= 16:
            index, _, _, size = cursor.numbers((2, 2, 4, 8))
            if index == 0:
                break
            if index in objects:
                raise cursor.bad("objects with different numbers", str(index))
            objects[index] = cursor.raw(size)
            cursor.align(8)
        return objects


@dataclass(eq=False)
class FractalHeap:
    """Objects of a crowded group or object: a doubling table of blocks. Compressed heaps are refused."""

    source: Bytes
    address: int
    blocks: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        cursor = self.source.checked(self.address, 146, "fractal heap", b"FRHP")
        cursor.expect(1, (0,), "heap version")
        self.id_bytes = cursor.number(2)
        cursor.expect(2, (0,), "length of heap filters")
        flags, most = cursor.numbers((1, 4))
        cursor.raw(96)
        self.width, self.first, self.largest, bits = cursor.numbers((2, 8, 8, 2))
        _, root, rows = cursor.numbers((2, 8, 2))
        sizes = (self.width, self.first, self.largest)
        if bits > 64 or any(size < 1 or size & (size - 1) for size in sizes) or self.largest < self.first:
            raise cursor.bad("a table of powers of two", f"{sizes}, {bits} bits")
        if self.largest > _MAX_HEAP_BYTES or rows > 64:
            raise cursor.bad(f"blocks of at most {_MAX_HEAP_BYTES} bytes", f"{self.largest} bytes, {rows} rows")
        self.offset_bytes, self.guarded = (bits + 7) // 8, bool(flags & 2)
        self.length_bytes = min((self.largest.bit_length() + 6) // 8, (most.bit_length() + 7) // 8)
        if root == UNDEFINED:
            return
        if rows == 0:
            self.blocks.append((0, self.first, root))
        else:
            self._indirect(root, rows, 0, 0)

    def object(self, name: bytes) -> Cursor:
        """Return the object that an identifier stands for."""
        cursor = Cursor(self.source, name, self.address, "heap identifier")
        kind = cursor.number(1)
        if kind >> 4 == 2:
            return Cursor(self.source, cursor.raw((kind & 15) + 1), self.address, "heap object")
        if kind >> 4:
            raise cursor.bad("an object inside the heap", "one stored apart, which is not supported")
        at, count = cursor.numbers((self.offset_bytes, self.length_bytes))
        nearest = bisect_right(self.blocks, (at, UNDEFINED, UNDEFINED)) - 1
        if nearest >= 0:
            start, size, address = self.blocks[nearest]
            if at + count <= start + size:
                place = address + at - start
                return Cursor(self.source, self.source.take(place, count, "heap object"), place, "heap object")
        raise cursor.bad("an object in a block of the heap", f"offset {at}, {count} bytes")

    def _size(self, row: int) -> int:
        """Return the size of the blocks in a row of the table."""
        return self.first << max(0, row - 1)

    def _indirect(self, address: int, rows: int, start: int, depth: int) -> None:
        """Note the direct blocks that an indirect block leads to."""
        self.source.once(address, "indirect block")
        n_direct = self.largest.bit_length() - self.first.bit_length() + 2
        count = 17 + self.offset_bytes + 8 * rows * self.width
        cursor = self.source.checked(address, count, "indirect block", b"FHIB")
        if depth > _MAX_NESTED:
            raise cursor.bad(f"at most {_MAX_NESTED} levels", "more")
        cursor.raw(9 + self.offset_bytes)
        for row in range(rows):
            for _ in range(self.width):
                child = cursor.number(8)
                if child != UNDEFINED and row < n_direct:
                    self.blocks.append((start, self._size(row), child))
                elif child != UNDEFINED:
                    below = self._size(row).bit_length() - (self.first * self.width).bit_length() + 1
                    self._indirect(child, max(0, below), start, depth + 1)
                start += self._size(row)


def records(source: Bytes, address: int, kinds: tuple[int, ...]) -> tuple[int, NDArray[np.uint8]]:
    """Return type and records (n, bytes) of a B-tree of version 2, in order."""
    cursor = source.checked(address, 38, "B-tree header", b"BTHD")
    cursor.expect(1, (0,), "B-tree version")
    kind = cursor.expect(1, kinds, "B-tree of type")
    node, size, depth = cursor.numbers((4, 2, 2))
    cursor.raw(2)
    root, count, total = cursor.numbers((8, 2, 8))
    if size < 1 or not 64 <= node <= 2**20 or depth > _MAX_NESTED or total * size > source.size:
        raise cursor.bad("a B-tree that fits the file", f"{total} records of {size} bytes, {depth} levels")
    tree = _Tree(source, kind, node, size)
    if root != UNDEFINED and total:
        tree.walk(root, count, depth)
    found = b"".join(tree.found)
    if len(found) != total * size:
        raise cursor.bad(f"{total} records", str(len(found) // size))
    return kind, np.frombuffer(found, np.uint8).reshape(-1, size)


@dataclass(eq=False)
class _Tree:
    """A walk over the nodes of a B-tree of version 2."""

    source: Bytes
    kind: int
    node: int
    size: int
    found: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        most = (self.node - 10) // self.size
        self.widths = [(max(1, most.bit_length()) + 7) // 8]
        self.totals = [0]
        for _ in range(_MAX_NESTED):
            pointer = 8 + self.widths[0] + self.totals[-1]
            here = max(0, self.node - 10 - pointer) // (self.size + pointer)
            most = (here + 1) * most + here
            self.totals.append((max(1, most.bit_length()) + 7) // 8)

    def walk(self, address: int, count: int, depth: int) -> None:
        """Collect the records of a node and of those below it."""
        self.source.once(address, "B-tree node")
        pointer = 8 + self.widths[0] + (self.totals[depth - 1] if depth > 1 else 0)
        used = count * self.size + (pointer * (count + 1) if depth else 0)
        cursor = self.source.checked(address, 10 + used, "B-tree node", b"BTIN" if depth else b"BTLF")
        cursor.expect(1, (0,), "B-tree version")
        cursor.expect(1, (self.kind,), "B-tree of type")
        rows = [cursor.raw(self.size) for _ in range(count)]
        if not depth:
            self.found += rows
            return
        for index in range(count + 1):
            child, below = cursor.numbers((8, self.widths[0]))
            cursor.raw(pointer - 8 - self.widths[0])
            self.walk(child, below, depth - 1)
            self.found += rows[index : index + 1]
