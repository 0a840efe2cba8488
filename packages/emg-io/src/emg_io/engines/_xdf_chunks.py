"""Chunks of an XDF file, one after another; where the file is damaged, the next Boundary chunk is the way back.

Source: XDF 1.0 specification, sccn/xdf.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Generator

MAGIC = b"XDF:"
FILE_HEADER, STREAM_HEADER, SAMPLES, CLOCK_OFFSET, BOUNDARY, STREAM_FOOTER = range(1, 7)
BOUNDARY_MARK = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
MAX_CHUNKS = 4_000_000
MAX_INFLATED = 512 * 2**20
MAX_LOSSES = 10_000
_FIRST_SEARCH, _LARGEST_SEARCH = 2**12, 2**22
_WASTE = 8
_INFLATE_STEP = 2**20


class Chunk(NamedTuple):
    """One chunk: its tag, the bytes of the file that hold its content, and the content."""

    tag: int
    start: int
    content: bytes


class Loss(NamedTuple):
    """Bytes ``start`` to ``stop`` of the file that could not be read."""

    start: int
    stop: int
    reason: str


def inflate(data: bytes, file: str) -> tuple[bytes, bool]:
    """Undo the gzip of an ``.xdfz``; return the bytes, and whether the compressed stream was cut."""
    out, left, whole = bytearray(), data, True
    while left:
        stream = zlib.decompressobj(31)
        try:
            while not stream.eof and left:
                out += stream.decompress(left, _INFLATE_STEP)
                left = stream.unconsumed_tail
                if len(out) > MAX_INFLATED:
                    raise EmgIoError("inflates beyond the limit", file=file, expected=f"<= {MAX_INFLATED} bytes")
        except zlib.error as error:
            raise EmgIoError("not a sound gzip stream", file=file, place="content", found=str(error)) from None
        whole, left = stream.eof, stream.unused_data
    return bytes(out), not whole


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a length: one byte that says 1, 4 or 8, then so many bytes; return it and the place after, or (-1, at)."""
    width = data[at] if at < len(data) else 0
    if width not in {1, 4, 8} or at + 1 + width > len(data):
        return -1, at
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


def walk(stream: BinaryIO, size: int, file: str, losses: list[Loss]) -> Generator[Chunk, str | None, None]:
    """Yield the chunks of a file of ``size`` bytes.

    Parameters
    ----------
    stream
        Seekable. A consumer that finds a chunk's content damaged sends the reason back; the walk goes on after the next
        boundary.
    size
        Bytes.
    file
        For error messages.
    losses
        Filled with what could not be read.
    """
    stream.seek(0)
    if stream.read(4) != MAGIC:
        raise EmgIoError("not an XDF file", file=file, place="byte 0", expected=repr(MAGIC))
    at, count, wasted = len(MAGIC), 0, 0
    while at < size:
        chunk, after, reason = _chunk(stream, at, size)
        if chunk is not None:
            count += 1
            reason = (yield chunk) or ""
        if reason:
            wasted += after - at
            after = _next_boundary(stream, at + 1, size)
            losses.append(Loss(at, after, reason))
        if count > MAX_CHUNKS or len(losses) > MAX_LOSSES or wasted > _WASTE * size:
            raise EmgIoError(
                "too many chunks or too much damage",
                file=file,
                place=f"byte {at}",
                expected=f"<= {MAX_CHUNKS} chunks, <= {MAX_LOSSES} damaged places",
                found=f"{count} chunks, {len(losses)} damaged places",
            )
        at = after


def _chunk(stream: BinaryIO, at: int, size: int) -> tuple[Chunk | None, int, str]:
    """Read the chunk at a byte; return it and the byte after it, or what is wrong."""
    stream.seek(at)
    head = stream.read(11)
    length, body = read_varint(head, 0)
    if length < 2:
        return None, at, "no chunk length"
    if at + body + length > size:
        return None, at, "chunk reaches beyond the end of the file"
    data = head[body : body + length]
    if len(data) < length:
        data += stream.read(length - len(data))
    if len(data) < length:
        return None, at, "file was cut while it was read"
    return Chunk(int.from_bytes(data[:2], "little"), at + body + 2, data[2:]), at + body + length, ""


def _next_boundary(stream: BinaryIO, at: int, size: int) -> int:
    """Return the byte after the next boundary mark, or the end of the file."""
    step = _FIRST_SEARCH
    while at < size:
        stream.seek(at)
        found = stream.read(step + len(BOUNDARY_MARK) - 1).find(BOUNDARY_MARK)
        if found >= 0:
            return at + found + len(BOUNDARY_MARK)
        at, step = at + step, min(2 * step, _LARGEST_SEARCH)
    return size
