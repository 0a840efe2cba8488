"""HDF5's fixed and extensible arrays: the entries of newer chunk indexes, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ._hdf5_bytes import UNDEFINED, Bytes, Cursor

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fixed_array(source: Bytes, address: int) -> NDArray[np.uint8]:
    """Return the entries (n, bytes) of a fixed array."""
    cursor = source.checked(address, 28, "fixed array", b"FAHD")
    cursor.expect(1, (0,), "array version")
    client, width, page_bits, count, block = cursor.numbers((1, 1, 1, 8, 8))
    if client > 1 or not 8 <= width <= 20 or page_bits > 24 or count * width > source.size:
        raise cursor.bad("an array that fits the file", f"{count} entries of {width} bytes")
    if block == UNDEFINED:
        return _absent(count, width)
    page = 1 << page_bits
    if count <= page:
        data = source.checked(block, 18 + count * width, "fixed array block", b"FADB")
        data.raw(10)
        return np.frombuffer(data.raw(count * width), np.uint8).reshape(count, width)
    n_pages = -(-count // page)
    head = source.checked(block, 18 + -(-n_pages // 8), "fixed array block", b"FADB")
    head.raw(10)
    written = np.unpackbits(np.frombuffer(head.raw(-(-n_pages // 8)), np.uint8))
    pages, at = [], block + 18 + -(-n_pages // 8)
    for number in range(n_pages):
        n_here = min(page, count - number * page)
        pages.append(_page(source, at, n_here, width) if written[number] else _absent(n_here, width))
        at += n_here * width + 4
    return np.concatenate(pages)


def extensible_array(source: Bytes, address: int, count: int) -> NDArray[np.uint8]:
    """Return the first ``count`` entries (n, bytes) of an extensible array."""
    cursor = source.checked(address, 72, "extensible array", b"EAHD")
    cursor.expect(1, (0,), "array version")
    client, width, bits, n_index, smallest, pointers, page_bits = cursor.numbers((1,) * 7)
    cursor.raw(48)
    block = cursor.number(8)
    powers = all(value and not value & (value - 1) for value in (smallest, pointers))
    if client > 1 or not 8 <= width <= 20 or bits > 64 or page_bits > 24 or not powers:
        raise cursor.bad("an array of known entries", f"{width} bytes, {smallest}, {pointers}")
    if count * width > source.size:
        raise cursor.bad("an array that fits the file", f"{count} entries of {width} bytes")
    if block == UNDEFINED:
        return _absent(count, width)
    array = _Extensible(source, width, -(-bits // 8), smallest, 1 << page_bits, count)
    array.index_block(block, n_index, pointers, 1 + bits - (smallest.bit_length() - 1))
    return np.concatenate([*array.parts, _absent(max(0, array.left), width)])[:count]


@dataclass(eq=False)
class _Extensible:
    """The entries of an extensible array, collected block by block."""

    source: Bytes
    width: int
    offset_bytes: int
    smallest: int
    page: int
    left: int
    parts: list[NDArray[np.uint8]] = field(default_factory=list)

    def index_block(self, address: int, n_index: int, pointers: int, n_levels: int) -> None:
        """Read the first block: some entries, then addresses of data blocks, then of secondary blocks."""
        first_level = 2 * (pointers.bit_length() - 1)
        n_blocks, n_secondary = 2 * (pointers - 1), max(0, n_levels - first_level)
        count = 18 + n_index * self.width + 8 * (n_blocks + n_secondary)
        cursor = self.source.checked(address, count, "extensible array index", b"EAIB")
        cursor.raw(10)
        self._add(np.frombuffer(cursor.raw(n_index * self.width), np.uint8).reshape(n_index, self.width))
        for level in range(first_level):
            for _ in range(1 << level // 2):
                self._data_block(cursor.number(8), level, None)
        for level in range(first_level, first_level + n_secondary):
            if self.left <= 0:
                return
            self._secondary(cursor.number(8), level)

    def _entries(self, level: int) -> int:
        """Return the entries of a data block of a level."""
        return self.smallest << (level + 1) // 2

    def _secondary(self, address: int, level: int) -> None:
        """Read a secondary block: addresses of data blocks, and which of their pages were written."""
        n_blocks, n_entries = 1 << level // 2, self._entries(level)
        if address == UNDEFINED:
            self._add(_absent(min(self.left, n_blocks * n_entries), self.width))
            return
        n_pages = n_entries // self.page if n_entries > self.page else 0
        n_bitmap = -(-n_pages // 8)
        count = 18 + self.offset_bytes + n_blocks * (n_bitmap + 8)
        cursor = self.source.checked(address, count, "extensible array blocks", b"EASB")
        cursor.raw(10 + self.offset_bytes)
        written = np.unpackbits(np.frombuffer(cursor.raw(n_blocks * n_bitmap), np.uint8))
        for number in range(n_blocks):
            self._data_block(cursor.number(8), level, written[number * n_pages : (number + 1) * n_pages])

    def _data_block(self, address: int, level: int, written: NDArray[np.uint8] | None) -> None:
        """Read a data block, whole or by pages."""
        n_entries = self._entries(level)
        if self.left <= 0:
            return
        if address == UNDEFINED:
            self._add(_absent(min(self.left, n_entries), self.width))
            return
        head = 18 + self.offset_bytes
        if n_entries <= self.page:
            data = self.source.checked(address, head + n_entries * self.width, "extensible array data", b"EADB")
            data.raw(10 + self.offset_bytes)
            self._add(np.frombuffer(data.raw(n_entries * self.width), np.uint8).reshape(n_entries, self.width))
            return
        self.source.checked(address, head, "extensible array data", b"EADB")
        for number in range(n_entries // self.page):
            at = address + head + number * (self.page * self.width + 4)
            present = written is None or bool(written[number])
            if self.left > 0:
                self._add(_page(self.source, at, self.page, self.width) if present else _absent(self.page, self.width))

    def _add(self, entries: NDArray[np.uint8]) -> None:
        """Take entries in."""
        self.parts.append(entries)
        self.left -= len(entries)


def _page(source: Bytes, address: int, count: int, width: int) -> NDArray[np.uint8]:
    """Read one page of entries, which ends in its checksum."""
    cursor: Cursor = source.checked(address, count * width + 4, "array page", b"")
    return np.frombuffer(cursor.raw(count * width), np.uint8).reshape(count, width)


def _absent(count: int, width: int) -> NDArray[np.uint8]:
    """Return entries of chunks that were never written."""
    return np.full((count, width), 255, np.uint8)
