"""The header of a MAT v5 array: class, shape, name, and where its numbers or parts lie; each field checked."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emg_io._errors import EmgIoError

    from ._mat5_window import Site

MAX_DIMS = 8
HEAD_BYTES = 512

MI_INT8, MI_INT32, MI_UINT32, MI_MATRIX, MI_COMPRESSED = 1, 5, 6, 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_UNIT_BYTES = {"latin-1": 1, "utf-8": 1, "utf-16": 2, "utf-32": 4}
_NUMERIC = frozenset(CLASSES.values())
_COMPLEX = 0x0800


@dataclass(frozen=True)
class Element:
    """One array of a file: what it is and where it lies; offsets count from the outermost element's tag.

    Attributes
    ----------
    name, shape
        As written; the name is "" inside cells and structs, the shape has two axes or more.
    kind
        Class: a numpy dtype code without byte order, or ``"cell"``, ``"struct"``, ``"object"``, ``"char"``; other words
        for what is not read.
    stored
        Dtype code of the numbers on disk, or the encoding of a text; "" for other classes.
    begin, end
        Offsets of the array's tag and of the first byte after it.
    body, n_body
        Offset and length of numbers or text; for other classes, of what follows the header.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    stored: str
    begin: int
    end: int
    body: int
    n_body: int

    @property
    def numeric(self) -> bool:
        """Whether this is a real numeric array."""
        return self.kind in _NUMERIC

    @property
    def count(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


def padded(n_bytes: int) -> int:
    """Round up to eight."""
    return (n_bytes + 7) // 8 * 8


@dataclass
class Tags:
    """Tags and integers read from the bytes of an element, starting at an offset of it."""

    head: bytes
    start: int
    order: str
    site: Site
    path: str = ""

    def integers(self, form: str, at: int, what: str) -> tuple[int, ...]:
        """Read integers, or say that the bytes end early."""
        try:
            return struct.unpack_from(self.order + form, self.head, at - self.start)
        except struct.error:
            found = f"end after {len(self.head)} bytes"
            raise self.bad(at, what, "a whole header", found) from None

    def tag(self, at: int, what: str) -> tuple[int, int, int, int]:
        """Read a tag, long or packed; return type, size, where its data starts and where the next tag stands."""
        first, second = self.integers("II", at, what)
        if first >> 16 > 4:
            raise self.bad(at, what, "a tag; a packed one holds at most 4 bytes", f"{first:#010x}")
        if first >> 16:
            return first & 0xFFFF, first >> 16, at + 4, at + 8
        return first, second, at + 8, at + 8 + padded(second)

    def text(self, at: int, n_bytes: int) -> bytes:
        """Return some bytes; fewer where they end."""
        return self.head[at - self.start : at - self.start + n_bytes]

    def bad(self, at: int, what: str, expected: str, found: str) -> EmgIoError:
        """Make the error for an offset."""
        return self.site.error(at, f"{what} of {self.path}" if self.path else what, expected, found)


def parse(tags: Tags, limit: int | None = None) -> Element:
    """Read the header of the array whose tag the bytes start with.

    Parameters
    ----------
    tags
        Bytes of the array, `HEAD_BYTES` of them if it is that long.
    limit
        Where the array must have ended, an offset; None for the outermost element, which must have a name
        (but for the nameless bytes that MATLAB appends for its own objects).

    Returns
    -------
    Element

    Raises
    ------
    EmgIoError
        Where the fields contradict one another or the limit.
    """
    begin = tags.start
    kind, n_bytes = tags.integers("II", begin, "matrix tag")
    if kind != MI_MATRIX:
        raise tags.bad(begin, "matrix tag", "14 (matrix)", str(kind))
    end = begin + 8 + n_bytes
    if limit is not None and end > limit:
        raise tags.bad(begin + 4, "matrix size", f"at most {limit - begin - 8} bytes", str(n_bytes))
    if not n_bytes and limit is not None:
        return Element("", (0, 0), "f8", "f8", begin, end, end, 0)
    class_name = _class(tags, begin + 8)
    shape, at = ((), begin + 24) if class_name == "opaque" else _shape(tags, begin + 24)
    name, at = _name(tags, at, named=limit is None and class_name != "u1")
    tags.path = tags.path or name
    element = Element(name, shape, class_name, "", begin, end, at, end - at)
    if element.numeric or class_name == "char":
        return _numbers(tags, element)
    if at > end:
        raise tags.bad(at, "header", f"an end at or before byte {end}", f"byte {at}")
    return element


def _class(tags: Tags, at: int) -> str:
    """Read the class of the array."""
    kind, n_bytes, flags, _ = tags.integers("IIII", at, "array flags")
    if (kind, n_bytes) != (MI_UINT32, 8):
        raise tags.bad(at, "array flags", "type 6, 8 bytes", f"type {kind}, {n_bytes} bytes")
    code = flags & 0xFF
    if code not in CLASSES and code not in OTHER_CLASSES:
        raise tags.bad(at + 8, "array class", "1..17", str(code))
    return "complex" if flags & _COMPLEX else CLASSES.get(code) or OTHER_CLASSES[code]


def _shape(tags: Tags, at: int) -> tuple[tuple[int, ...], int]:
    """Read the shape; return it and where the next tag stands."""
    kind, n_bytes, data_at, after = tags.tag(at, "dimensions")
    if kind != MI_INT32 or n_bytes % 4 or not 2 <= n_bytes // 4 <= MAX_DIMS:
        raise tags.bad(at, "dimensions", f"type 5, 2 to {MAX_DIMS} axes", f"type {kind}, {n_bytes} bytes")
    shape = tags.integers(f"{n_bytes // 4}i", data_at, "dimensions")
    if min(shape) < 0:
        raise tags.bad(data_at, "dimensions", "no negative length", str(shape))
    return shape, after


def _name(tags: Tags, at: int, *, named: bool) -> tuple[str, int]:
    """Read the name; return it and where the next tag stands."""
    kind, n_bytes, data_at, after = tags.tag(at, "name")
    text = tags.text(data_at, min(n_bytes, 129))
    name = text.decode("latin-1")
    if kind != MI_INT8 or n_bytes > 128 or len(text) != n_bytes or not (name.isidentifier() or not (named or name)):
        raise tags.bad(
            at, "name", "type 1, an identifier of at most 128 characters", f"type {kind}, {n_bytes} bytes {text[:40]!a}"
        )
    return name, after


def _numbers(tags: Tags, element: Element) -> Element:
    """Read the tag of numbers or text; count, width and place must fit shape and element."""
    kind, n_bytes, data_at, after = tags.tag(element.body, "numbers")
    types = STORED if element.numeric else TEXT
    if kind not in types:
        raise tags.bad(element.body, "numbers", f"a type of {sorted(types)}", str(kind))
    stored = str(types[kind])
    want = element.count * (int(stored[1]) if element.numeric else _UNIT_BYTES[stored])
    if n_bytes != want and (element.numeric or not want < n_bytes <= 4 * element.count):
        raise tags.bad(element.body, "numbers", f"{want} bytes for shape {element.shape}", f"{n_bytes} bytes")
    if not data_at + n_bytes <= element.end <= after:
        raise tags.bad(
            element.body,
            "numbers",
            f"an element of {after - element.begin} bytes",
            f"{element.end - element.begin} bytes",
        )
    return Element(element.name, element.shape, element.kind, stored, element.begin, element.end, data_at, n_bytes)
