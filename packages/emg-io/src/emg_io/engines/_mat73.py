"""MAT v7.3 files, which are HDF5 with axes reversed, behind the same face as v5.

Classes are attributes (``MATLAB_class``); a cell array is a dataset of references, a struct is a group, a text is a row
of UTF-16 units, and an empty array is a dataset that holds its shape (``MATLAB_empty``).
Source: files as MATLAB writes them; The HDF Group, "HDF5 File Format Specification", version 3.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from emg_io._errors import EmgIoError

from ._hdf5 import Hdf5File
from ._hdf5_layout import Contiguous
from ._mat5_node import MAX_DEPTH, MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ._hdf5 import Node

MAX_VARIABLES = 1000
MAX_BYTES = 512 * 2**20
_CLASSES = {
    "double": "f8", "single": "f4", "logical": "u1",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
_NUMBERS = {"number", "enum"}
_EMPTY_AXES = 32


@dataclass(frozen=True, eq=False)
class Node73:
    """An array that lies in a file.

    Attributes
    ----------
    hdf5
        The group or dataset.
    path
        How messages name it: ``p.labelnames{2}``.
    depth
        Number of arrays around it.
    """

    hdf5: Node
    path: str
    depth: int = 0

    @property
    def kind(self) -> str:
        """Class: a numpy dtype code without byte order, or ``"cell"``, ``"struct"``, ``"char"``, ..."""
        word = self._class()
        if self.hdf5.is_group:
            return "sparse" if "MATLAB_sparse" in self.hdf5.attributes else word or "struct"
        if self._empty() or word not in {*_CLASSES, ""}:
            return _CLASSES.get(word, word)
        kind = self.hdf5.type
        if kind.kind in _NUMBERS:
            return _CLASSES.get(word) or self.stored
        return {"compound": "complex", "reference": "cell"}.get(kind.kind, kind.kind)

    @property
    def stored(self) -> str:
        """Dtype code of the numbers on disk."""
        if self.hdf5.is_group or self.hdf5.type.kind not in _NUMBERS:
            return ""
        return _CLASSES.get(self._class(), "u8") if self._empty() else self.hdf5.type.dtype.str[1:]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes in MATLAB's order, two or more."""
        if self.hdf5.is_group:
            return (1, 1)
        shape = self._empty() or self.hdf5.shape[::-1]
        return (*shape, *(1,) * (2 - len(shape)))

    def read(self) -> NDArray[np.generic]:
        """Read numbers: Fortran order, dtype as stored, read-only."""
        if self.kind not in _CLASSES.values() or not self.stored:
            raise self._wrong("variable is not numeric", "a real numeric array")
        values = np.empty(self.shape, self.stored) if self._empty() else self._values().T.reshape(self.shape, order="F")
        values.flags.writeable = False
        return values

    def text(self) -> str:
        """Read a text of one row, at most `MAX_TEXT` characters."""
        count = math.prod(self.shape)
        row = not count or (self.shape[0] == 1 and self.stored in {"u1", "u2"})
        if self.kind != "char" or not row or count > MAX_TEXT:
            raise self._wrong("variable is not a text", f"one row of at most {MAX_TEXT} UTF-16 units")
        if not count:
            return ""
        units = self._values().astype("<u2").tobytes()
        try:
            return units.decode("utf-16-le")
        except UnicodeDecodeError as error:
            raise self._wrong("variable is not a text", f"UTF-16: {error}") from None

    def cells(self) -> Iterator[Node73]:
        """Yield the entries of a cell array, first axis fastest."""
        if self.kind != "cell" or not (self._empty() or self.hdf5.type.kind == "reference"):
            raise self._wrong("variable is not a cell array", "a cell array")
        addresses = [] if self._empty() else self._values().ravel().tolist()
        return (self._part(address, f"{self.path}{{{n}}}") for n, address in enumerate(addresses, 1))

    def fields(self) -> dict[str, Node73]:
        """Return the fields of one struct."""
        if self.kind != "struct" or not self.hdf5.is_group:
            raise self._wrong("variable is not one struct", "a struct of shape (1, 1)")
        return {name: self._part(address, f"{self.path}.{name}") for name, address in self.hdf5.members.items()}

    def verify(self) -> None:
        """Check that the bytes of this array, and of those in it, lie in the file."""
        if self.kind == "cell":
            for part in self.cells():
                part.verify()
        elif self.kind == "struct" and self.hdf5.is_group:
            for part in self.fields().values():
                part.verify()
        elif not self.hdf5.is_group:
            self._bounded()

    def _class(self) -> str:
        """Return MATLAB's word for the class, "" where a file has none."""
        if "MATLAB_class" not in self.hdf5.attributes:
            return ""
        word = self.hdf5.attribute("MATLAB_class")
        if not isinstance(word, str):
            raise self._wrong("class is not a word", "text", ascii(word)[:40])
        return word

    def _empty(self) -> tuple[int, ...]:
        """Return the shape of an array without entries, which is stored in its place; () for other arrays."""
        if "MATLAB_empty" not in self.hdf5.attributes or not np.any(
            np.asarray(self.hdf5.attribute("MATLAB_empty")) != 0
        ):
            return ()
        axes = self.hdf5.shape
        if len(axes) != 1 or not 2 <= axes[0] <= _EMPTY_AXES or self.hdf5.type.kind != "number":
            raise self._wrong("array without entries has no shape", "a row of lengths", f"shape {axes}")
        shape = tuple(int(length) for length in self.hdf5.read().tolist())
        if math.prod(shape) or min(shape) < 0:
            raise self._wrong("array without entries has some", "a length of 0", str(shape))
        return shape

    def _bounded(self) -> None:
        """Refuse an array that is too large, or whose bytes are not all in the file."""
        n_bytes = math.prod(self.hdf5.shape) * self.hdf5.type.dtype.itemsize
        if n_bytes > MAX_BYTES:
            raise self._wrong("array is too large", f"at most {MAX_BYTES} bytes", f"{n_bytes} bytes")
        _ = self.hdf5.layout

    def _values(self) -> NDArray[np.generic]:
        """Read the dataset, axes as HDF5 has them; one that lies in one piece goes straight where it is wanted."""
        self._bounded()
        layout, kind = self.hdf5.layout, self.hdf5.type.dtype
        if not (isinstance(layout, Contiguous) and kind.isnative and kind.fields is None):
            return self.hdf5.read()
        source, out = self.hdf5.file.source, np.empty(self.hdf5.shape, kind)
        source.stream.seek(source.base + layout.address)
        got = source.stream.readinto(out.reshape(-1).view(np.uint8).data)  # type: ignore[attr-defined]
        if got != out.nbytes:
            raise self._wrong("array is cut", f"{out.nbytes} bytes", f"{got} bytes")
        return out

    def _part(self, address: int, path: str) -> Node73:
        """Return an array inside this one."""
        if self.depth >= MAX_DEPTH:
            raise self._wrong("arrays are nested too deep", f"at most {MAX_DEPTH} inside one another", "more")
        return Node73(self.hdf5.file.at(address, path), path, self.depth + 1)

    def _wrong(self, problem: str, expected: str, found: str = "") -> EmgIoError:
        """Make the error for this array."""
        file = self.hdf5.file.source.file
        return EmgIoError(problem, file=file, place=self.path, expected=expected, found=found or self._words())

    def _words(self) -> str:
        """Return class and shape for a message."""
        return f"{self.kind} of shape {self.shape}"


@dataclass(frozen=True, eq=False)
class Mat73File:
    """An open MAT v7.3 file, its variables listed; no numbers are read yet."""

    file: str
    variables: dict[str, Node73]

    @classmethod
    def scan(cls, stream: BinaryIO, size: int, file: str) -> Mat73File:
        """List the variables of a seekable stream of ``size`` bytes; raise `EmgIoError` where it is not sound."""
        root = Hdf5File.scan(stream, size, file).root
        names = [name for name in root.names if not name.startswith("#")]
        if len(names) > MAX_VARIABLES:
            expected, found = f"at most {MAX_VARIABLES}", str(len(names))
            raise EmgIoError("too many variables", file=file, place="variable list", expected=expected, found=found)
        return cls(file, {name: Node73(root[name], name) for name in names})

    def node(self, name: str) -> Node73:
        """Return a variable of any class; raise `EmgIoError` if it is missing."""
        if name not in self.variables:
            found = ", ".join(self.variables) or "none"
            raise EmgIoError("variable is missing", file=self.file, place=name, expected=name, found=found)
        return self.variables[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a numeric variable; raise `EmgIoError` if it is missing or of another class."""
        node = self.node(name)
        if node.kind not in _CLASSES.values():
            expected = "a real numeric array"
            raise EmgIoError("variable is not numeric", file=self.file, place=name, expected=expected, found=node.kind)
        return node.shape

    def read(self, name: str) -> NDArray[np.generic]:
        """Read a numeric variable: axes in MATLAB's order, dtype as stored, read-only."""
        return self.node(name).read()

    def verify(self, name: str) -> None:
        """Check that the bytes of a variable lie in the file."""
        self.node(name).verify()
