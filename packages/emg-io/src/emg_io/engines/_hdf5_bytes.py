"""The bytes of an HDF5 file, every read bounded by the file and by a budget, so that no structure can make us loop."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Sequence

UNDEFINED = 2**64 - 1
MAX_STRUCTURES = 200_000
MAX_METADATA_BYTES = 64 * 2**20
MAX_CHECKSUMMED_BYTES = 8 * 2**20
_WORD = 0xFFFFFFFF
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(eq=False)
class Bytes:
    """A seekable stream of ``size`` bytes; addresses count from ``base``. What is spent on structures is limited."""

    stream: BinaryIO
    size: int
    file: str
    base: int = 0
    structures: int = 0
    spent: int = 0
    checksummed: int = 0
    seen: set[int] = field(default_factory=set)

    def take(self, address: int, count: int, what: str) -> bytes:
        """Read the bytes of a structure; refuse what lies outside the file or beyond the budget."""
        self.structures += 1
        self.spent += count
        if self.structures > MAX_STRUCTURES or self.spent > MAX_METADATA_BYTES:
            rule = f"at most {MAX_STRUCTURES} structures of {MAX_METADATA_BYTES} bytes together"
            raise self.bad(address, what, rule, "more: the file is damaged or not a data set")
        return self.data(address, count, what)

    def data(self, address: int, count: int, what: str) -> bytes:
        """Read bytes that are samples; refuse what lies outside the file."""
        self.inside(address, count, what)
        self.stream.seek(self.base + address)
        data = self.stream.read(count)
        if len(data) != count:
            raise self.bad(address, what, f"{count} bytes", f"{len(data)} bytes: file was cut")
        return data

    def inside(self, address: int, count: int, what: str) -> None:
        """Refuse a range that is not wholly in the file."""
        if address == UNDEFINED:
            raise EmgIoError("not a sound HDF5 file", file=self.file, place=what, expected="an address", found="none")
        if count < 0 or address + count > self.size - self.base:
            raise self.bad(address, what, f"{count} bytes inside a file of {self.size}", "an end beyond the file")

    def once(self, address: int, what: str) -> None:
        """Refuse a structure that a tree leads to twice."""
        if address in self.seen:
            raise self.bad(address, what, "a tree", "a structure reached twice")
        self.seen.add(address)

    def cursor(self, address: int, count: int, what: str, signature: bytes = b"") -> Cursor:
        """Read a structure and return a cursor behind its signature, which must match."""
        cursor = Cursor(self, self.take(address, count, what), address, what)
        found = cursor.raw(len(signature))
        if found != signature:
            raise self.bad(address, what, signature.decode(), ascii(found))
        return cursor

    def checked(self, address: int, count: int, what: str, signature: bytes) -> Cursor:
        """Read a structure that ends in its checksum, which must hold."""
        cursor = self.cursor(address, count, what, signature)
        self.checksummed += count
        if self.checksummed > MAX_CHECKSUMMED_BYTES:
            raise self.bad(address, what, f"at most {MAX_CHECKSUMMED_BYTES} bytes of checked structures", "more")
        cursor.checksum()
        return cursor

    def bad(self, address: int, what: str, expected: str, found: str) -> EmgIoError:
        """Make the error for a place in the file."""
        place = f"byte {self.base + address}, {what}"
        return EmgIoError("not a sound HDF5 file", file=self.file, place=place, expected=expected, found=found)


class Cursor:
    """Reads little-endian fields one after another and says where a structure ends too early."""

    __slots__ = ("address", "at", "bytes", "data", "end", "what")

    def __init__(self, source: Bytes, data: bytes, address: int, what: str) -> None:
        self.bytes, self.data, self.address, self.what = source, data, address, what
        self.at, self.end = 0, len(data)

    @property
    def left(self) -> int:
        """Number of bytes not read yet."""
        return self.end - self.at

    def raw(self, count: int) -> bytes:
        """Read bytes."""
        if not 0 <= count <= self.end - self.at:
            raise self.bad(f"{count} bytes more", f"{self.end - self.at} bytes left")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        """Read an unsigned integer of ``count`` bytes."""
        return int.from_bytes(self.raw(count), "little")

    def numbers(self, widths: Sequence[int]) -> tuple[int, ...]:
        """Read several unsigned integers of the given widths, bytes."""
        form = _form(tuple(widths))
        return form.unpack(self.raw(form.size)) if form else tuple(self.number(width) for width in widths)

    def align(self, unit: int, start: int = 0) -> None:
        """Skip to the next multiple of ``unit`` behind ``start``."""
        self.raw(-(self.at - start) % unit)

    def text(self) -> str:
        """Read UTF-8 text up to a zero byte, which is skipped."""
        stop = self.data.find(b"\0", self.at, self.end)
        if stop < 0:
            raise self.bad("text that ends in a zero byte", "none")
        found = self.decode(self.raw(stop - self.at))
        self.raw(1)
        return found

    def decode(self, data: bytes) -> str:
        """Return UTF-8 text."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.bad("UTF-8 text", ascii(data[:40])) from None

    def expect(self, count: int, allowed: Sequence[int], what: str) -> int:
        """Read an integer that must be one of a few."""
        value = self.number(count)
        if value not in allowed:
            raise self.bad(f"{what} {' or '.join(map(str, allowed))}", str(value))
        return value

    def checksum(self) -> None:
        """Compare the last four bytes with the hash of those before, and leave them out."""
        self.end -= 4
        if self.end < 0 or jenkins(self.data[: self.end]) != int.from_bytes(self.data[self.end :], "little"):
            raise self.bad("bytes that agree with their checksum", "others")

    def bad(self, expected: str, found: str) -> EmgIoError:
        """Make the error for the present place."""
        return self.bytes.bad(self.address + self.at, self.what, expected, found)


@lru_cache(256)
def _form(widths: tuple[int, ...]) -> struct.Struct | None:
    """Return how `struct` reads integers of the given widths, or None where it cannot."""
    codes = [_CODES.get(width) for width in widths]
    return None if None in codes else struct.Struct("<" + "".join(filter(None, codes)))


def jenkins(data: bytes) -> int:
    """Return the hash that guards HDF5's newer structures. Source: Jenkins, "lookup3", hashlittle, 2006."""
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    body = max(0, len(data) - 1) // 12 * 12
    for at in range(0, body, 12):
        a = (a + int.from_bytes(data[at : at + 4], "little")) & _WORD
        b = (b + int.from_bytes(data[at + 4 : at + 8], "little")) & _WORD
        c = (c + int.from_bytes(data[at + 8 : at + 12], "little")) & _WORD
        a, b, c = _mix(a, b, c)
    if not data:
        return c
    tail = data[body:].ljust(12, b"\0")
    a = (a + int.from_bytes(tail[:4], "little")) & _WORD
    b = (b + int.from_bytes(tail[4:8], "little")) & _WORD
    c = (c + int.from_bytes(tail[8:], "little")) & _WORD
    return _final(a, b, c)


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Mix three words, reversibly."""
    for turn in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _WORD) ^ _turned(c, turn)
        c = (c + b) & _WORD
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    """Mix three words into one."""
    for turn in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, turn)) & _WORD
        a, b, c = b, c, a
    return b


def _turned(value: int, turn: int) -> int:
    """Rotate a word to the left."""
    return ((value << turn) | (value >> (32 - turn))) & _WORD
