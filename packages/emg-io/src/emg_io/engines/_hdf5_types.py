"""HDF5 datatypes and dataspaces: what an element is, as a numpy dtype over its bytes on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._hdf5_bytes import Cursor

MAX_RANK = 32
MAX_FIELDS = 1000
MAX_ITEM_BYTES = 2**20
_MAX_NESTING = 8
_IEEE = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}


@dataclass(frozen=True)
class Type:
    """What an element is.

    Attributes
    ----------
    kind
        ``"number"``, ``"text"`` (fixed length), ``"enum"``, ``"bits"``, ``"opaque"``, ``"reference"`` (address of an
        object), ``"compound"``, ``"array"``, ``"vlen"``, ``"vlen text"`` or ``"unsupported"``.
    dtype
        Its bytes on disk.
    base
        Element of an array or of a sequence of variable length.
    fields
        Names and types of a compound's members.
    """

    kind: str
    dtype: np.dtype[np.generic]
    base: Type | None = None
    fields: tuple[tuple[str, Type], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether an element holds nothing but numbers and text of fixed length."""
        if self.kind == "compound":
            return all(member.plain for _, member in self.fields)
        if self.kind == "array":
            return self.base is not None and self.base.plain
        return self.kind in {"number", "text", "enum", "bits", "opaque"}


def parse_type(cursor: Cursor, depth: int = 0) -> Type:
    """Read a datatype message; types that EMG data have no use for are listed as ``"unsupported"``."""
    if depth > _MAX_NESTING:
        raise cursor.bad(f"at most {_MAX_NESTING} types in one another", "more")
    head = cursor.number(1)
    version, code = head >> 4, head & 15
    bits, size = cursor.number(3), cursor.number(4)
    if not 1 <= version <= 5 or not 1 <= size <= MAX_ITEM_BYTES:
        expected = f"a datatype of version 1 to 5 and 1 to {MAX_ITEM_BYTES} bytes"
        raise cursor.bad(expected, f"version {version}, {size} bytes")
    if code == 6:
        return _compound(cursor, version, bits & 0xFFFF, size, depth)
    if code == 8:
        return _enum(cursor, version, bits & 0xFFFF, size, depth)
    if code == 9:
        return _vlen(cursor, bits, size, depth)
    if code == 10:
        return _array(cursor, version, size, depth)
    return _simple(cursor, code, bits, size)


class Space(NamedTuple):
    """A shape, ``()`` for a scalar, None for one that holds nothing; and what it may grow to (all ones: no limit)."""

    shape: tuple[int, ...] | None
    limits: tuple[int, ...]


def parse_space(cursor: Cursor) -> Space:
    """Read a dataspace message."""
    version = cursor.expect(1, (1, 2), "dataspace version")
    rank, flags, kind = cursor.numbers((1, 1, 1))
    if version == 1:
        cursor.raw(4)
        kind = 1
    if rank > MAX_RANK or kind > 2 or (kind != 1 and rank):
        raise cursor.bad(f"at most {MAX_RANK} axes", f"{rank} axes of kind {kind}")
    if kind == 2:
        return Space(None, ())
    shape = cursor.numbers((8,) * rank)
    most = cursor.numbers((8,) * rank) if flags & 1 else shape
    if math.prod(shape) >= 2**62 or any(now > limit for now, limit in zip(shape, most, strict=True)):
        raise cursor.bad("a possible shape within its limits", f"{shape} of {most}")
    return Space(shape, most)


def _simple(cursor: Cursor, code: int, bits: int, size: int) -> Type:
    """Read a type without parts."""
    if code in {0, 1, 4}:
        return _number(cursor, code, bits, size)
    if code == 3:
        return Type("text", np.dtype(f"S{size}"))
    if code == 5:
        cursor.raw(bits & 0xFF)
        return Type("opaque", np.dtype((np.void, size)))
    if code == 7 and bits & 15 == 0 and size == 8:
        return Type("reference", np.dtype("<u8"))
    if code not in {2, 7, 11}:
        raise cursor.bad("a datatype class of 0 to 11", str(code))
    return Type("unsupported", np.dtype((np.void, size)))


def _number(cursor: Cursor, code: int, bits: int, size: int) -> Type:
    """Read an integer, a set of bits or a floating-point number; unusual ones are listed but not read."""
    order = ">" if bits & 1 else "<"
    opaque = Type("unsupported", np.dtype((np.void, size)))
    if code == 1:
        found = cursor.numbers((2, 2, 1, 1, 1, 1, 4))
        usual = found == _IEEE.get(size) and bits >> 4 & 7 == 2 and bits >> 8 & 0xFF == 8 * size - 1
        kind = "f"
    else:
        usual = cursor.numbers((2, 2)) == (0, 8 * size) and size in {1, 2, 4, 8}
        kind = "i" if bits & 8 and code == 0 else "u"
    if not usual:
        return opaque
    return Type("bits" if code == 4 else "number", np.dtype(f"{order}{kind}{size}"))


def _compound(cursor: Cursor, version: int, count: int, size: int, depth: int) -> Type:
    """Read the members of a compound, which must lie in it and apart from one another."""
    if not 1 <= count <= MAX_FIELDS:
        raise cursor.bad(f"1 to {MAX_FIELDS} members", str(count))
    width = (size.bit_length() + 7) // 8 if version >= 3 else 4
    fields, offsets = dict[str, Type](), []
    for _ in range(count):
        start = cursor.at
        name = cursor.text()
        if version < 3:
            cursor.align(8, start)
        offsets.append(cursor.number(width))
        lengths = _old_lengths(cursor) if version == 1 else ()
        member = parse_type(cursor, depth + 1)
        if name in fields or not name:
            raise cursor.bad("members with different names", ascii(name))
        fields[name] = _arrayed(cursor, member, lengths) if lengths else member
    spans = sorted((at, at + fields[name].dtype.itemsize) for at, name in zip(offsets, fields, strict=True))
    stops = [0, *(stop for _, stop in spans)]
    if stops[-1] > size or any(at < stop for (at, _), stop in zip(spans, stops, strict=False)):
        raise cursor.bad(f"members apart from one another in {size} bytes", str(spans[:8]))
    formats = [member.dtype for member in fields.values()]
    layout: Any = {"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": size}
    return Type("compound", np.dtype(layout), fields=tuple(fields.items()))


def _old_lengths(cursor: Cursor) -> tuple[int, ...]:
    """Read the axes that a member of the oldest version may have."""
    rank = cursor.number(1)
    cursor.raw(11)
    lengths = cursor.numbers((4,) * 4)
    if rank > 4:
        raise cursor.bad("at most 4 axes", str(rank))
    return lengths[:rank]


def _enum(cursor: Cursor, version: int, count: int, size: int, depth: int) -> Type:
    """Read an enumeration: its numbers, the names left out."""
    base = parse_type(cursor, depth + 1)
    if base.kind != "number" or base.dtype.kind not in "iu" or base.dtype.itemsize != size:
        raise cursor.bad(f"an enumeration of {size}-byte integers", f"{base.kind} of {base.dtype.itemsize} bytes")
    for _ in range(count):
        start = cursor.at
        cursor.text()
        if version < 3:
            cursor.align(8, start)
    cursor.raw(count * size)
    return Type("enum", base.dtype)


def _vlen(cursor: Cursor, bits: int, size: int, depth: int) -> Type:
    """Read a sequence or text of variable length: count, address and index on disk."""
    base = parse_type(cursor, depth + 1)
    if size != 16 or bits & 15 > 1:
        raise cursor.bad("16 bytes for a sequence or text of variable length", f"{size} bytes")
    stored = np.dtype([("count", "<u4"), ("address", "<u8"), ("index", "<u4")])
    return Type("vlen text" if bits & 15 else "vlen", stored, base)


def _array(cursor: Cursor, version: int, size: int, depth: int) -> Type:
    """Read an element that is an array."""
    rank = cursor.number(1)
    cursor.raw(3 if version < 3 else 0)
    if not 1 <= rank <= MAX_RANK:
        raise cursor.bad(f"1 to {MAX_RANK} axes", str(rank))
    lengths = cursor.numbers((4,) * rank)
    cursor.raw(4 * rank if version < 3 else 0)
    made = _arrayed(cursor, parse_type(cursor, depth + 1), lengths)
    if made.dtype.itemsize != size:
        raise cursor.bad(f"an array of {size} bytes", f"{made.dtype.itemsize} bytes")
    return made


def _arrayed(cursor: Cursor, base: Type, lengths: tuple[int, ...]) -> Type:
    """Return the type of an array of a type."""
    if not 0 < math.prod(lengths) * base.dtype.itemsize <= MAX_ITEM_BYTES:
        raise cursor.bad(f"an array of at most {MAX_ITEM_BYTES} bytes", str(lengths))
    return Type("array", np.dtype((base.dtype, lengths)), base)
