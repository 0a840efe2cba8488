"""HDF5's built-in filters undone: deflate, shuffle, Fletcher-32 and LZF, none of which may grow beyond its chunk."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._hdf5_bytes import Cursor

DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
_NAMES = {
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    305: "lzo",
    307: "bzip2",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32015: "zstd",
    32026: "blosc2",
}
_MAX_FILTERS = 8


class Filter(NamedTuple):
    """One filter of a pipeline, by number, and its parameters."""

    code: int
    values: tuple[int, ...]


def parse_filters(cursor: Cursor) -> tuple[Filter, ...]:
    """Read a filter message; filters that are not built in are refused by name."""
    version = cursor.expect(1, (1, 2), "filter version")
    count = cursor.number(1)
    cursor.raw(6 if version == 1 else 0)
    found: list[Filter] = []
    for _ in range(count):
        code = cursor.number(2)
        length = cursor.number(2) if version == 1 or code >= 256 else 0
        _, n_values = cursor.numbers((2, 2))
        cursor.raw(length + (-length % 8 if version == 1 else 0))
        values = cursor.numbers((4,) * n_values)
        cursor.raw(4 if version == 1 and n_values % 2 else 0)
        found.append(Filter(code, values))
    codes = [item.code for item in found]
    for code in codes:
        if code not in {DEFLATE, SHUFFLE, FLETCHER32, LZF}:
            name = f"{_NAMES.get(code, 'filter')} ({code})"
            raise cursor.bad("gzip, shuffle, fletcher32 or lzf; rewrite the file with h5repack", name)
    if len(set(codes)) != len(codes) or len(codes) > _MAX_FILTERS:
        raise cursor.bad("each filter once", str(codes))
    return tuple(found)


def undo(data: bytes, filters: tuple[Filter, ...], mask: int, size: int) -> bytes:
    """Return a chunk as it was before the filters, ``size`` bytes; raise `ValueError` where it is not sound."""
    for place in reversed(range(len(filters))):
        if mask >> place & 1:
            continue
        item = filters[place]
        room = size + (4 if any(other.code == FLETCHER32 for other in filters[:place]) else 0)
        if item.code == DEFLATE:
            data = _inflate(data, room)
        elif item.code == LZF:
            data = unlzf(data, room)
        elif item.code == FLETCHER32:
            data = _verified(data)
        elif item.values and item.values[0] > 1:
            data = _unshuffle(data, item.values[0])
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes instead of {size}")
    return data


def _inflate(data: bytes, size: int) -> bytes:
    """Undo deflate, no further than the chunk's size; the checksum must hold."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"damaged deflate stream: {error}") from None
    if not stream.eof:
        raise ValueError("deflate stream that does not end with its chunk")
    return found


def _unshuffle(data: bytes, width: int) -> bytes:
    """Put the bytes of each element together again; a rest shorter than an element stays."""
    whole = len(data) // width * width
    planes = np.frombuffer(data, np.uint8, whole).reshape(width, -1)
    return planes.T.tobytes() + data[whole:]


def _verified(data: bytes) -> bytes:
    """Take off a Fletcher-32 checksum, which must hold; some writers stored its bytes in pairs swapped."""
    body, stored = data[:-4], data[-4:]
    found = fletcher32(body).to_bytes(4, "little")
    if len(stored) < 4 or stored not in {found, bytes([found[1], found[0], found[3], found[2]])}:
        raise ValueError("bytes that disagree with their Fletcher-32 checksum")
    return body


def fletcher32(data: bytes) -> int:
    """Return HDF5's Fletcher-32 of some bytes, taken in big-endian pairs."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    first = second = 0
    for start in range(0, len(words), 2**16):
        block = words[start : start + 2**16]
        weights = np.arange(len(block), 0, -1, dtype=np.uint64)
        second = (second + first * len(block) + int(np.dot(block, weights))) % 65535
        first = (first + int(block.sum())) % 65535
    if words.any():
        first, second = first or 65535, second or 65535
    return second << 16 | first


def unlzf(data: bytes, size: int) -> bytes:
    """Undo LZF, no further than ``size`` bytes."""
    out, at = bytearray(), 0
    while at < len(data):
        head = data[at]
        at += 1
        if head < 32:
            out += data[at : at + head + 1]
            at += head + 1
        else:
            count, back = head >> 5, (head & 31) << 8
            tail = data[at : at + (2 if count == 7 else 1)]
            at += len(tail)
            if not tail or (count == 7 and len(tail) < 2):
                raise ValueError("LZF stream that ends early")
            count += 2 + (tail[0] if count == 7 else 0)
            start = len(out) - back - tail[-1] - 1
            if start < 0:
                raise ValueError("LZF stream that points before its start")
            piece = out[start : start + count]
            out += (piece * (count // len(piece) + 1))[:count]
        if len(out) > size:
            raise ValueError(f"LZF stream longer than {size} bytes")
    return bytes(out)
