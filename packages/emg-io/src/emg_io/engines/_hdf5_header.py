"""HDF5 superblock and object headers: where the root is, and the messages that describe an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._hdf5_bytes import UNDEFINED, Bytes, Cursor

if TYPE_CHECKING:
    from typing import BinaryIO

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SPACE, LINK_INFO, TYPE, FILL, LINK, EXTERNAL, LAYOUT = 1, 2, 3, 5, 6, 7, 8
FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 11, 12, 16, 17, 21
_KNOWN = {*range(10), *range(10, 24)}
_MAX_BLOCKS = 500
_MAX_MESSAGES = 70_000
_MAX_HEADER_BYTES = 16 * 2**20
_NAMES = {TYPE: "datatype", SPACE: "dataspace", LAYOUT: "data layout", FILTERS: "filters", ATTRIBUTE: "attribute"}


class Message(NamedTuple):
    """One message of an object header: its type, its body and where that stands."""

    code: int
    body: bytes
    address: int

    def cursor(self, source: Bytes) -> Cursor:
        """Return a cursor over the body."""
        what = _NAMES.get(self.code, f"message {self.code}")
        return Cursor(source, self.body, self.address, what)


def open_root(stream: BinaryIO, size: int, file: str) -> tuple[Bytes, int]:
    """Find the superblock and return the file's bytes with the address of the root group's header."""
    source = Bytes(stream, size, file)
    base = 0
    while base + 8 <= size and source.data(base, 8, "signature") != SIGNATURE:
        base = base * 2 or 512
    if base + 8 > size:
        raise source.bad(0, "signature", "HDF5 at byte 0, 512, 1024, 2048, ...", "none")
    source.base = base
    version = source.data(8, 1, "superblock version")[0]
    if version > 3:
        raise source.bad(8, "superblock version", "0 to 3", str(version))
    return source, _old_root(source, version) if version < 2 else _new_root(source)


def messages(source: Bytes, address: int) -> list[Message]:
    """Read all messages of an object header, whichever of the two versions."""
    if source.take(address, 4, "object header") == b"OHDR":
        return _new_messages(source, address)
    return _old_messages(source, address)


def _old_root(source: Bytes, version: int) -> int:
    """Read a superblock of version 0 or 1."""
    cursor = source.cursor(0, 96 + 4 * version, "superblock", SIGNATURE)
    cursor.raw(5)
    cursor.expect(1, (8,), "size of offsets")
    cursor.expect(1, (8,), "size of lengths")
    cursor.raw(9 + 4 * version)
    base, _, end, _, _, root = cursor.numbers((8,) * 6)
    return _root(cursor, base, end, root)


def _new_root(source: Bytes) -> int:
    """Read a superblock of version 2 or 3."""
    cursor = source.checked(0, 48, "superblock", SIGNATURE)
    cursor.raw(1)
    cursor.expect(1, (8,), "size of offsets")
    cursor.expect(1, (8,), "size of lengths")
    cursor.raw(1)
    base, _, end, root = cursor.numbers((8,) * 4)
    return _root(cursor, base, end, root)


def _root(cursor: Cursor, base: int, end: int, root: int) -> int:
    """Check that the file is as long as the superblock says."""
    source = cursor.bytes
    if base not in {0, source.base}:
        raise cursor.bad(f"base address {source.base}", str(base))
    source.base = base
    if end > source.size:
        raise cursor.bad(f"an end of file at {source.size} or before", f"{end}: file was cut")
    return root


def _old_messages(source: Bytes, address: int) -> list[Message]:
    """Read an object header of version 1 and its continuations."""
    cursor = source.cursor(address, 16, "object header", b"\1")
    cursor.raw(7)
    found: list[Message] = []
    blocks = [(address + 16, cursor.number(4))]
    for start, count in blocks:
        block = _block(source, blocks, start, count).cursor(start, count, "object header")
        while block.left >= 8:
            code, size, flags = block.numbers((2, 2, 1))
            block.raw(3)
            _add(found, blocks, block, code, size, flags)
    return found


def _new_messages(source: Bytes, address: int) -> list[Message]:
    """Read an object header of version 2 and its continuations, all with checksums."""
    start = Cursor(source, source.take(address, min(64, source.size - source.base - address), "header"), address, "")
    start.raw(4)
    start.expect(1, (2,), "object header version")
    flags = start.number(1)
    start.raw((16 if flags & 32 else 0) + (4 if flags & 16 else 0))
    count = start.number(1 << (flags & 3))
    skip = 4 if flags & 4 == 0 else 6
    found: list[Message] = []
    first = start.at
    blocks = [(address, count + first + 4)]
    for at, size in blocks:
        signature = b"OHDR" if at == address else b"OCHK"
        block = _block(source, blocks, at, size).checked(at, size, "object header", signature)
        block.raw(first - 4 if at == address else 0)
        while block.left >= skip:
            code, length, marks = block.numbers((1, 2, 1))
            block.raw(skip - 4)
            _add(found, blocks, block, code, length, marks)
    return found


def _block(source: Bytes, blocks: list[tuple[int, int]], start: int, count: int) -> Bytes:
    """Bound the blocks of one header in number and size."""
    if len(blocks) > _MAX_BLOCKS or sum(size for _, size in blocks) > _MAX_HEADER_BYTES:
        raise source.bad(start, "object header", f"at most {_MAX_BLOCKS} blocks, {_MAX_HEADER_BYTES} bytes", str(count))
    if len({at for at, _ in blocks}) != len(blocks):
        raise source.bad(start, "object header", "a chain of blocks", "a block reached twice")
    return source


def _add(found: list[Message], blocks: list[tuple[int, int]], block: Cursor, code: int, size: int, flags: int) -> None:
    """Take one message in; a continuation adds a block instead."""
    if flags & 2 and code != 0:
        raise block.bad("messages in the header itself", f"a shared message of type {code}, which is not supported")
    if flags & 0x80 and code not in _KNOWN:
        raise block.bad("messages of type 0 to 23", str(code))
    if len(found) >= _MAX_MESSAGES:
        raise block.bad(f"at most {_MAX_MESSAGES} messages", "more")
    start = block.address + block.at
    body = block.raw(size)
    if code == CONTINUATION:
        at, count = Cursor(block.bytes, body, start, "continuation").numbers((8, 8))
        if at == UNDEFINED:
            raise block.bad("the address of a continuation", "none")
        blocks.append((at, count))
    elif code:
        found.append(Message(code, body, start))
