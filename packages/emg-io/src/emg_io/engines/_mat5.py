"""MAT v5 files read with nothing trusted: every tag is checked against the file before a byte is inflated.

Own reader because the field's common one can crash the process on one changed byte. It reads what EMG data sets need,
real numeric arrays, texts, cells and structs, plain or zlib-compressed; other classes are listed but not read.
Source: MathWorks, "MAT-File Format", level 5.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from emg_io._errors import EmgIoError

from ._mat5_header import HEAD_BYTES, MI_COMPRESSED, MI_MATRIX, Element, Tags, parse
from ._mat5_node import Node5
from ._mat5_window import Inflating, Plain, Site, Window

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    from numpy.typing import NDArray

MAX_VARIABLES = 1000
MAX_BYTES = 512 * 2**20
_PEEK_BYTES = 1024
_WORKSPACE = "__function_workspace__"  # nameless bytes behind files that hold function handles, strings or tables
_INFLATE_RATIO = 1040  # deflate cannot do better than 1032


@dataclass(frozen=True)
class Variable:
    """One variable of a file: what it is and where it lies.

    Attributes
    ----------
    element
        Header.
    start, n_bytes
        Place and size of the body in the file, bytes.
    compressed
        Whether the body is a zlib stream.
    """

    element: Element
    start: int
    n_bytes: int
    compressed: bool

    @property
    def kind(self) -> str:
        """Class: a numpy dtype code without byte order, or a word such as ``"cell"``."""
        return self.element.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.element.shape


@dataclass(frozen=True)
class MatFile:
    """An open MAT file, its variables listed; no numbers are read yet."""

    stream: BinaryIO
    file: str
    order: str
    variables: dict[str, Variable]
    key: Hashable = None

    @classmethod
    def scan(cls, stream: BinaryIO, size: int, file: str, key: Hashable = None) -> MatFile:
        """List the variables of a seekable stream of ``size`` bytes; raise `EmgIoError` where the tags do not fit.

        ``key`` tells files apart whose places inside compressed variables are to be remembered; None remembers nothing.
        """
        order = _byte_order(stream.read(128), file)
        variables: dict[str, Variable] = {}
        at = 128
        while at < size:
            variable = _element(stream, at, size, order, file)
            name = variable.element.name or _WORKSPACE
            if name in variables or len(variables) >= MAX_VARIABLES:
                raise Site(file, at).error(0, "variable list", f"at most {MAX_VARIABLES}, each once", ascii(name))
            variables[name] = variable
            at = variable.start + variable.n_bytes
        return cls(stream, file, order, variables, key)

    def node(self, name: str) -> Node5:
        """Return a variable of any class; raise `EmgIoError` if it is missing."""
        if name not in self.variables:
            found = ", ".join(self.variables) or "none"
            raise EmgIoError("variable is missing", file=self.file, place=name, expected=name, found=found)
        variable = self.variables[name]
        return Node5(self._window(variable), self.order, variable.element, name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a numeric variable; raise `EmgIoError` if it is missing or of another class."""
        node = self.node(name)
        if not node.element.numeric:
            raise EmgIoError(
                "variable is not numeric",
                file=self.file,
                place=name,
                expected="a real numeric array",
                found=node.kind,
            )
        return node.shape

    def read(self, name: str) -> NDArray[np.generic]:
        """Read a numeric variable: Fortran order, dtype as stored (small doubles may be integers), read-only."""
        return self.node(name).read()

    def verify(self, name: str) -> None:
        """Inflate a variable to its end, keeping nothing: its size and checksum must hold."""
        self.node(name).window.finish()

    def _window(self, variable: Variable) -> Window:
        """Return the bytes of a variable."""
        site = Site(self.file, variable.start - 8, variable.compressed)
        if not variable.compressed:
            return Plain(self.stream, variable.n_bytes + 8, site)
        key = None if self.key is None else (self.key, variable)
        return Inflating(self.stream, variable.n_bytes, variable.element.end, site, key)


def _byte_order(head: bytes, file: str) -> str:
    """Check the file header and return the byte order as numpy writes it."""
    if len(head) < 128:
        raise Site(file, 0).error(0, "file header", "128 bytes", f"{len(head)} bytes")
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None or struct.unpack(order + "H", head[124:126])[0] != 0x0100:
        hint = "MAT v7.3 (HDF5)" if b"MATLAB 7.3" in head[:20] or b"HDF" in head[:8] else ascii(head[124:128])
        raise Site(file, 0).error(124, "file header", "MAT v5: version 0x0100 and IM or MI", hint)
    return order


def _element(stream: BinaryIO, at: int, size: int, order: str, file: str) -> Variable:
    """Read the tag and the array header of the element at an offset."""
    site = Site(file, at)
    stream.seek(at)
    tag = stream.read(8)
    if len(tag) < 8:
        raise site.error(0, "element tag", "8 bytes", f"{len(tag)} bytes")
    kind, n_bytes = struct.unpack(order + "II", tag)
    if kind not in {MI_MATRIX, MI_COMPRESSED}:
        raise site.error(0, "element type", "14 (matrix) or 15 (compressed)", str(kind))
    if n_bytes > size - at - 8:
        raise site.error(4, "element size", f"at most {size - at - 8} bytes, the rest of the file", str(n_bytes))
    compressed = kind == MI_COMPRESSED
    if compressed:
        head, site = _peek(stream.read(min(n_bytes, _PEEK_BYTES)), site), Site(file, at, compressed=True)
    else:
        head = tag + stream.read(min(n_bytes, HEAD_BYTES))
    element = parse(Tags(head, 0, order, site))
    limit = min(MAX_BYTES, n_bytes * _INFLATE_RATIO if compressed else n_bytes + 8)
    if element.end > limit:
        raise site.error(0, f"declared size of {element.name}", f"at most {limit} bytes", str(element.end))
    return Variable(element, at + 8, n_bytes, compressed)


def _peek(body: bytes, site: Site) -> bytes:
    """Inflate the front of a compressed element."""
    try:
        return zlib.decompressobj().decompress(body, HEAD_BYTES)
    except zlib.error as error:
        raise site.error(8, "compressed element", "a zlib stream", str(error)) from None
