"""HDF5 groups and attributes by name. Only hard links are followed: soft and external ones are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._hdf5_bytes import UNDEFINED, Bytes, Cursor
from ._hdf5_header import ATTRIBUTE, ATTRIBUTE_INFO, LINK, LINK_INFO, SYMBOLS, Message
from ._hdf5_heaps import FractalHeap, local_heap, records
from ._hdf5_types import Type, parse_space, parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINKS = 100_000
_MAX_LEVELS = 8
_KINDS = {1: "soft", 64: "external"}
_SYMBOL = np.dtype([("name", "<u8"), ("header", "<u8"), ("cache", "<u4"), ("rest", "V20")])


class Attribute(NamedTuple):
    """One attribute: its type, its shape (None: it holds nothing) and its bytes."""

    type: Type
    shape: tuple[int, ...] | None
    data: bytes


def links(source: Bytes, found: list[Message]) -> dict[str, int]:
    """Return the addresses of a group's members by name, in the order of the file."""
    members: dict[str, int] = {}
    for name, address in _all_links(source, found):
        if name in members or len(members) >= MAX_LINKS or not name or "/" in name:
            raise source.bad(address, "group", f"at most {MAX_LINKS} members, each with a name of its own", ascii(name))
        members[name] = address
    return members


def attributes(source: Bytes, found: list[Message]) -> dict[str, Attribute]:
    """Return an object's attributes by name."""
    named: dict[str, Attribute] = {}
    for cursor in _all_attributes(source, found):
        name, attribute = _attribute(cursor)
        if name in named:
            raise cursor.bad("attributes with different names", ascii(name))
        named[name] = attribute
    return named


def _all_links(source: Bytes, found: list[Message]) -> Iterator[tuple[str, int]]:
    """Yield names and addresses from wherever a group keeps them."""
    for message in found:
        if message.code == LINK:
            yield _link(message.cursor(source))
        elif message.code == SYMBOLS:
            tree, heap = message.cursor(source).numbers((8, 8))
            yield from _symbols(source, tree, local_heap(source, heap))
        elif message.code == LINK_INFO:
            cursor = message.cursor(source)
            _, flags = cursor.numbers((1, 1))
            cursor.raw(8 if flags & 1 else 0)
            yield from (_link(entry) for entry in _dense(source, cursor, 5, slice(4, None)))


def _all_attributes(source: Bytes, found: list[Message]) -> Iterator[Cursor]:
    """Yield attribute messages from wherever an object keeps them."""
    for message in found:
        if message.code == ATTRIBUTE:
            yield message.cursor(source)
        elif message.code == ATTRIBUTE_INFO:
            cursor = message.cursor(source)
            _, flags = cursor.numbers((1, 1))
            cursor.raw(2 if flags & 1 else 0)
            yield from _dense(source, cursor, 8, slice(0, 8))


def _dense(source: Bytes, cursor: Cursor, kind: int, where: slice) -> Iterator[Cursor]:
    """Yield the objects of a fractal heap that a B-tree lists."""
    heap, tree = cursor.numbers((8, 8))
    if heap == UNDEFINED:
        return
    held = FractalHeap(source, heap)
    for record in records(source, tree, (kind,))[1]:
        yield held.object(record[where].tobytes())


def _symbols(source: Bytes, address: int, names: bytes, level: int = _MAX_LEVELS) -> Iterator[tuple[str, int]]:
    """Yield the entries of a group's B-tree of version 1."""
    source.once(address, "group tree")
    cursor = source.cursor(address, 24, "group tree", b"TREE")
    cursor.expect(1, (0,), "tree of type")
    here, count = cursor.numbers((1, 2))
    if here >= level:
        raise cursor.bad(f"a level below {level}", str(here))
    cursor = source.cursor(address + 24, 16 * count + 8, "group tree")
    for _ in range(count):
        _, child = cursor.numbers((8, 8))
        yield from _symbols(source, child, names, here) if here else _leaf(source, child, names)


def _leaf(source: Bytes, address: int, names: bytes) -> Iterator[tuple[str, int]]:
    """Yield the entries of a leaf of a group."""
    source.once(address, "group leaf")
    cursor = source.cursor(address, 8, "group leaf", b"SNOD")
    cursor.expect(1, (1,), "leaf version")
    cursor.raw(1)
    count = cursor.number(2)
    table = np.frombuffer(source.take(address + 8, 40 * count, "group leaf"), _SYMBOL)
    heap = Cursor(source, names, address, "name of a group member")
    for name, header, cache, _ in table.tolist():
        if cache > 1 or header == UNDEFINED:
            raise cursor.bad("hard links", "a soft link, which is not followed")
        heap.at = min(name, heap.end)
        yield heap.text(), header


def _link(cursor: Cursor) -> tuple[str, int]:
    """Read a link message."""
    cursor.expect(1, (1,), "link version")
    flags = cursor.number(1)
    kind = cursor.number(1) if flags & 8 else 0
    cursor.raw((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = cursor.decode(cursor.raw(cursor.number(1 << (flags & 3))))
    if kind:
        raise cursor.bad("hard links", f"{_KINDS.get(kind, 'unknown')} link {name!a}, which is not followed")
    return name, cursor.number(8)


def _attribute(cursor: Cursor) -> tuple[str, Attribute]:
    """Read an attribute message."""
    version = cursor.expect(1, (1, 2, 3), "attribute version")
    flags = cursor.number(1)
    if version > 1 and flags:
        raise cursor.bad("an attribute with a type of its own", "a shared type, which is not supported")
    sizes = cursor.numbers((2, 2, 2))
    cursor.raw(1 if version == 3 else 0)
    unit = 8 if version == 1 else 1
    parts = []
    for size in sizes:
        start = cursor.at
        parts.append(Cursor(cursor.bytes, cursor.raw(size), cursor.address + start, "attribute"))
        cursor.align(unit, start)
    name, type_, shape = parts[0].text(), parse_type(parts[1]), parse_space(parts[2]).shape
    return name, Attribute(type_, shape, cursor.raw(cursor.left))
