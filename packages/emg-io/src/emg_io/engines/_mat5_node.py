"""One array of a MAT v5 file, with the arrays inside it: reached one by one, read when asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from ._mat5_header import HEAD_BYTES, MI_INT8, MI_INT32, Element, Tags, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ._mat5_window import Window

MAX_DEPTH = 16
MAX_TEXT = 65_536
MAX_FIELDS = 1000
MAX_FIELD_BYTES = 256


@dataclass(frozen=True, eq=False)
class Node5:
    """An array that lies in a file.

    Attributes
    ----------
    window
        Bytes of the outermost element around it.
    order
        Byte order as numpy writes it.
    element
        Header.
    path
        How messages name it: ``p.labelnames{2}``.
    depth
        Number of arrays around it.
    """

    window: Window
    order: str
    element: Element
    path: str
    depth: int = 0

    @property
    def kind(self) -> str:
        """Class: a numpy dtype code without byte order, or ``"cell"``, ``"struct"``, ``"object"``, ``"char"``, ..."""
        return self.element.kind

    @property
    def stored(self) -> str:
        """Dtype code of the numbers on disk: a double array of whole numbers may be stored as ``"u2"``."""
        return self.element.stored

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, two or more."""
        return self.element.shape

    def read(self) -> NDArray[np.generic]:
        """Read numbers: Fortran order, dtype as stored (small doubles may be integers), read-only."""
        if not self.element.numeric:
            raise self._wrong("variable is not numeric", "a real numeric array")
        stored = np.dtype(self.order + self.element.stored)
        values = self._body().view(stored).reshape(self.shape, order="F")
        values = values.astype(stored.newbyteorder("="), order="F", copy=False)
        values.flags.writeable = False
        return values

    def text(self) -> str:
        """Read a text of one row, at most `MAX_TEXT` characters."""
        count = self.element.count
        if self.kind != "char" or (count and self.shape[0] != 1) or len(self.shape) != 2 or count > MAX_TEXT:
            raise self._wrong("variable is not a text", f"one row of at most {MAX_TEXT} characters")
        stored = self.element.stored
        if stored in {"utf-16", "utf-32"}:
            stored += "-le" if self.order == "<" else "-be"
        data = self._body().tobytes()
        try:
            text = data.decode(stored)
        except UnicodeDecodeError as error:
            raise self._bad(self.element.body, "text", stored, str(error)) from None
        if count not in {len(text), len(text.encode("utf-16-le")) // 2}:
            raise self._bad(self.element.body, "text", f"{count} characters", str(len(text)))
        return text

    def cells(self) -> Iterator[Node5]:
        """Yield the entries of a cell array in Fortran order; one is found by reading the headers before it."""
        if self.kind != "cell":
            raise self._wrong("variable is not a cell array", "a cell array")
        names = (f"{self.path}{{{number}}}" for number in range(1, self.element.count + 1))
        return self._parts(self.element.body, self.element.count, names)

    def fields(self) -> dict[str, Node5]:
        """Return the fields of one struct or object."""
        if self.kind not in {"struct", "object"} or self.element.count != 1:
            raise self._wrong("variable is not one struct", "a struct of shape (1, 1)")
        names, at = self._field_names()
        parts = self._parts(at, len(names), (f"{self.path}.{name}" for name in names))
        return dict(zip(names, parts, strict=True))

    def _body(self) -> NDArray[np.uint8]:
        """Read the bytes of numbers or text; where they end the element, its checksum must hold."""
        data = np.empty(self.element.n_body, np.uint8)
        self.window.fill(self.element.body, data)
        if self.element.end == self.window.size:
            self.window.finish()
        return data

    def _parts(self, at: int, count: int, paths: Iterator[str]) -> Iterator[Node5]:
        """Yield arrays that follow one another up to the end of this one."""
        end = self.element.end
        if self.depth >= MAX_DEPTH:
            raise self._bad(at, "nesting", f"at most {MAX_DEPTH} arrays inside one another", "more")
        if count > (end - at) // 8:
            raise self._bad(at, "parts", f"at most {(end - at) // 8} in {end - at} bytes", str(count))
        for path in paths:
            tags = Tags(self.window.take(at, min(HEAD_BYTES, end - at)), at, self.order, self.window.site, path)
            part = parse(tags, end)
            yield Node5(self.window, self.order, part, path, self.depth + 1)
            at = part.end
        if at != end:
            raise self._bad(at, "parts", f"an end at byte {end}", f"byte {at}")

    def _field_names(self) -> tuple[list[str], int]:
        """Read the names of the fields; return them and where the first field stands."""
        at = self.element.body
        if self.kind == "object":
            at = self._tags(at, 16).tag(at, "class name")[3]
        tags = self._tags(at, 32)
        kind, n_bytes, data_at, after = tags.tag(at, "length of field names")
        width = tags.integers("i", data_at, "length of field names")[0]
        if (kind, n_bytes) != (MI_INT32, 4) or not 1 <= width <= MAX_FIELD_BYTES:
            raise self._bad(at, "length of field names", f"1..{MAX_FIELD_BYTES}", str(width))
        kind, n_bytes, data_at, stop = self._tags(after, 8).tag(after, "field names")
        if kind != MI_INT8 or n_bytes % width or n_bytes // width > MAX_FIELDS or stop > self.element.end:
            raise self._bad(
                after, "field names", f"at most {MAX_FIELDS} of {width} bytes", f"type {kind}, {n_bytes} bytes"
            )
        table = self.window.take(data_at, n_bytes)
        raw = [table[start : start + width].split(b"\0")[0] for start in range(0, n_bytes, width)]
        names = [name.decode("latin-1") for name in raw]
        if len(set(names)) != len(names) or not all(name.isidentifier() for name in names):
            raise self._bad(after, "field names", "identifiers, each once", ascii(names)[:80])
        return names, stop

    def _tags(self, at: int, n_bytes: int) -> Tags:
        """Read some bytes of tags."""
        return Tags(self.window.take(at, n_bytes), at, self.order, self.window.site, self.path)

    def _bad(self, at: int, what: str, expected: str, found: str) -> EmgIoError:
        """Make the error for an offset."""
        return self.window.site.error(at, f"{what} of {self.path}", expected, found)

    def _wrong(self, problem: str, expected: str) -> EmgIoError:
        """Make the error for an array of another class."""
        found = f"{self.kind} of shape {self.shape}"
        return EmgIoError(problem, file=self.window.site.file, place=self.path, expected=expected, found=found)
