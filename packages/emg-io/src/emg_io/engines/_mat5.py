"""MAT v5 files read with nothing trusted: every tag is checked against the file before a byte is inflated.

Own reader because the field's common one can crash the process on one changed byte. It reads what EMG data sets need,
numeric arrays, plain or zlib-compressed; other classes are listed but not read.
Source: MathWorks, "MAT-File Format", level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_VARIABLES = 1000
MAX_BYTES = 512 * 2**20
MAX_DIMS = 8

MI_INT8, MI_INT32, MI_UINT32, MI_MATRIX, MI_COMPRESSED = 1, 5, 6, 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
_COMPLEX = 0x0800
_HEADER_BYTES = 512
_PEEK_BYTES = 1024
_INFLATE_RATIO = 1040  # deflate cannot do better than 1032


@dataclass(frozen=True)
class Variable:
    """One variable of a file: what it is and where it lies.

    Attributes
    ----------
    name, shape
        As written; the shape has two axes or more.
    kind
        Class: a numpy dtype code without byte order, or a word such as ``"cell"`` for what is not read.
    stored
        Dtype code of the numbers on disk, "" where not read.
    start, n_bytes
        Place and size of the element's body in the file, bytes.
    compressed
        Whether the body is a zlib stream.
    data_at, inflated
        Offset of the numbers in the inflated element, and its full size, bytes.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    stored: str
    start: int
    n_bytes: int
    compressed: bool
    data_at: int
    inflated: int


@dataclass(frozen=True)
class MatFile:
    """An open MAT file, its variables listed; no numbers are read yet."""

    stream: BinaryIO
    file: str
    order: str
    variables: dict[str, Variable]

    @classmethod
    def scan(cls, stream: BinaryIO, size: int, file: str) -> MatFile:
        """List the variables of a seekable stream of ``size`` bytes; raise `EmgIoError` where the tags do not fit."""
        order = _byte_order(stream.read(128), file)
        variables: dict[str, Variable] = {}
        at = 128
        while at < size:
            variable = _element(stream, at, size, order, file)
            if variable.name in variables or len(variables) >= MAX_VARIABLES:
                raise _bad(file, at, "variable list", f"at most {MAX_VARIABLES}, each once", ascii(variable.name))
            variables[variable.name] = variable
            at = variable.start + variable.n_bytes
        return cls(stream, file, order, variables)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a numeric variable; raise `EmgIoError` if it is missing or of another class."""
        return self._numeric(name).shape

    def read(self, name: str) -> NDArray[np.generic]:
        """Read a numeric variable: Fortran order, dtype as stored (small doubles may be integers), read-only."""
        variable = self._numeric(name)
        self.stream.seek(variable.start)
        body = self.stream.read(variable.n_bytes)
        if len(body) != variable.n_bytes:
            raise _bad(self.file, variable.start, name, f"{variable.n_bytes} bytes", f"{len(body)} bytes: file was cut")
        element = _inflate(body, variable, self.file) if variable.compressed else body
        count = math.prod(variable.shape)
        stored = np.frombuffer(element, np.dtype(self.order + variable.stored), count, variable.data_at)
        values = stored.reshape(variable.shape, order="F").astype(stored.dtype.newbyteorder("="), order="F", copy=False)
        values.flags.writeable = False
        return values

    def _numeric(self, name: str) -> Variable:
        """Return a variable that can be read."""
        if name not in self.variables:
            raise EmgIoError(
                "variable is missing",
                file=self.file,
                place=name,
                expected=name,
                found=", ".join(self.variables) or "none",
            )
        variable = self.variables[name]
        if not variable.stored:
            raise EmgIoError(
                "variable is not numeric",
                file=self.file,
                place=name,
                expected="a real numeric array",
                found=variable.kind,
            )
        return variable


def _byte_order(head: bytes, file: str) -> str:
    """Check the file header and return the byte order as numpy writes it."""
    if len(head) < 128:
        raise _bad(file, 0, "file header", "128 bytes", f"{len(head)} bytes")
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None or struct.unpack(order + "H", head[124:126])[0] != 0x0100:
        hint = "MAT v7.3 (HDF5)" if b"MATLAB 7.3" in head[:20] or b"HDF" in head[:8] else ascii(head[124:128])
        raise _bad(file, 124, "file header", "MAT v5: version 0x0100 and IM or MI", hint)
    return order


def _element(stream: BinaryIO, at: int, size: int, order: str, file: str) -> Variable:
    """Read the tag and the array header of the element at an offset."""
    stream.seek(at)
    tag = stream.read(8)
    if len(tag) < 8:
        raise _bad(file, at, "element tag", "8 bytes", f"{len(tag)} bytes")
    kind, n_bytes = struct.unpack(order + "II", tag)
    if kind not in {MI_MATRIX, MI_COMPRESSED}:
        raise _bad(file, at, "element type", "14 (matrix) or 15 (compressed)", str(kind))
    if n_bytes > size - at - 8:
        raise _bad(file, at + 4, "element size", f"at most {size - at - 8} bytes, the rest of the file", str(n_bytes))
    if kind == MI_MATRIX:
        head = tag + stream.read(min(n_bytes, _HEADER_BYTES))
    else:
        head = _peek(stream.read(min(n_bytes, _PEEK_BYTES)), at, file)
    header = _Header(head, order, file, at).parse()
    limit = min(MAX_BYTES, n_bytes * _INFLATE_RATIO if kind == MI_COMPRESSED else n_bytes + 8)
    if header.inflated > limit:
        raise _bad(file, at, f"declared size of {header.name}", f"at most {limit} bytes", str(header.inflated))
    plain = kind == MI_MATRIX
    if plain and header.inflated != n_bytes + 8:
        raise _bad(file, at, "matrix size", str(n_bytes), str(header.inflated - 8))
    shift = 8 if plain else 0
    return Variable(
        header.name, header.shape, header.kind, header.stored, at + 8, n_bytes, not plain, header.data_at - shift,
        header.inflated - shift,
    )  # fmt: skip


@dataclass
class _Header:
    """The array header at the front of a matrix element, read field by field."""

    head: bytes
    order: str
    file: str
    base: int
    name: str = ""
    shape: tuple[int, ...] = ()
    kind: str = ""
    stored: str = ""
    data_at: int = 0
    inflated: int = 0

    def parse(self) -> _Header:
        """Read flags, dimensions, name and the tag of the numbers, and check that they agree."""
        kind, n_bytes = self._unpack("II", 0, "matrix tag")
        if kind != MI_MATRIX:
            raise self._bad("matrix tag", "14 (matrix)", str(kind))
        self.inflated = n_bytes + 8
        at = self._flags(8)
        at = self._dimensions(at)
        at = self._name(at)
        if self.kind in CLASSES.values():
            self._numbers(at)
        return self

    def _flags(self, at: int) -> int:
        """Read the class of the array."""
        kind, n_bytes, flags, _ = self._unpack("IIII", at, "array flags")
        if (kind, n_bytes) != (MI_UINT32, 8):
            raise self._bad("array flags", "type 6, 8 bytes", f"type {kind}, {n_bytes} bytes")
        code = flags & 0xFF
        if code not in CLASSES and code not in _OTHER_CLASSES:
            raise self._bad("array class", "1..17", str(code))
        self.kind = "complex" if flags & _COMPLEX else CLASSES.get(code) or _OTHER_CLASSES[code]
        return at + 16

    def _dimensions(self, at: int) -> int:
        """Read the shape."""
        if self.kind == "opaque":
            return at
        kind, n_bytes, data_at, after = self._tag(at, "dimensions")
        if kind != MI_INT32 or n_bytes % 4 or not 2 <= n_bytes // 4 <= MAX_DIMS:
            raise self._bad("dimensions", f"type 5, 2 to {MAX_DIMS} axes", f"type {kind}, {n_bytes} bytes")
        self.shape = self._unpack(f"{n_bytes // 4}i", data_at, "dimensions")
        if min(self.shape) < 0:
            raise self._bad("dimensions", "no negative length", str(self.shape))
        return after

    def _name(self, at: int) -> int:
        """Read the name."""
        kind, n_bytes, data_at, after = self._tag(at, "name")
        text = self.head[data_at : data_at + n_bytes]
        if kind != MI_INT8 or n_bytes > 128 or len(text) != n_bytes or not text.decode("latin-1").isidentifier():
            raise self._bad("name", "type 1, an identifier of at most 128 characters", f"type {kind}, {text[:40]!a}")
        self.name = text.decode("latin-1")
        return after

    def _numbers(self, at: int) -> None:
        """Read the tag of the numbers; their count, width and place must fit shape and element."""
        kind, n_bytes, self.data_at, after = self._tag(at, f"numbers of {self.name}")
        if kind not in STORED:
            raise self._bad(f"numbers of {self.name}", f"a type of {sorted(STORED)}", str(kind))
        self.stored = STORED[kind]
        want = math.prod(self.shape) * int(self.stored[1])
        if n_bytes != want:
            raise self._bad(f"numbers of {self.name}", f"{want} bytes for shape {self.shape}", f"{n_bytes} bytes")
        if not self.data_at + n_bytes <= self.inflated or after < self.inflated:
            raise self._bad(f"numbers of {self.name}", f"an element of {after} bytes", f"{self.inflated} bytes")

    def _tag(self, at: int, what: str) -> tuple[int, int, int, int]:
        """Read a tag, long or packed; return type, size, where its data starts and where the next tag stands."""
        first, second = self._unpack("II", at, what)
        if first >> 16 > 4:
            raise self._bad(what, "a tag; a packed one holds at most 4 bytes", f"{first:#010x}")
        if first >> 16:
            return first & 0xFFFF, first >> 16, at + 4, at + 8
        return first, second, at + 8, at + 8 + (second + 7) // 8 * 8

    def _unpack(self, form: str, at: int, what: str) -> tuple[int, ...]:
        """Read integers, or say that the header ends early."""
        try:
            return struct.unpack_from(self.order + form, self.head, at)
        except struct.error:
            raise self._bad(what, "a whole header", f"end after {len(self.head)} bytes") from None

    def _bad(self, what: str, expected: str, found: str) -> EmgIoError:
        return _bad(self.file, self.base, what, expected, found)


def _peek(body: bytes, at: int, file: str) -> bytes:
    """Inflate the front of a compressed element."""
    try:
        return zlib.decompressobj().decompress(body, _HEADER_BYTES)
    except zlib.error as error:
        raise _bad(file, at + 8, "compressed element", "a zlib stream", str(error)) from None


def _inflate(body: bytes, variable: Variable, file: str) -> bytes:
    """Inflate a whole element, no further than it declares; its checksum must hold."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, variable.inflated + 1)
    except zlib.error as error:
        raise _bad(file, variable.start, f"compressed {variable.name}", "a zlib stream", str(error)) from None
    if len(data) != variable.inflated or not stream.eof or stream.unused_data:
        state = "checksum reached" if stream.eof else "no end of stream"
        raise _bad(
            file,
            variable.start,
            f"compressed {variable.name}",
            f"{variable.inflated} bytes",
            f"{len(data)} bytes, {state}",
        )
    return data


def _bad(file: str, at: int, what: str, expected: str, found: str) -> EmgIoError:
    """Make the error for a place in the file."""
    return EmgIoError("not a sound MAT v5 file", file=file, place=f"byte {at}, {what}", expected=expected, found=found)
