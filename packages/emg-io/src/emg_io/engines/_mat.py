"""One face over MAT files of either version: v5 and v7.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from ._mat5 import MatFile
from ._mat5_window import forget

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Mat", "MatNode", "forget", "open_mat"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES, _USER_BLOCK = 16, 512


class MatNode(Protocol):
    """One array of a MAT file: found, not read yet."""

    @property
    def kind(self) -> str:
        """Class: a numpy dtype code without byte order, or ``"cell"``, ``"struct"``, ``"char"``, ..."""

    @property
    def stored(self) -> str:
        """Dtype code of the numbers on disk, which `read` returns: whole doubles may be stored as ``"u2"``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes in MATLAB's order, two or more."""

    @property
    def path(self) -> str:
        """How messages name it: ``p.labelnames{2}``."""

    def read(self) -> NDArray[np.generic]:
        """Read real numbers (or logicals, as uint8): axes in MATLAB's order, dtype as stored, read-only."""

    def text(self) -> str:
        """Read a text of one row."""

    def cells(self) -> Iterator[MatNode]:
        """Yield the entries of a cell array, first axis fastest."""

    def fields(self) -> Mapping[str, MatNode]:
        """Return the fields of one struct."""


class Mat(Protocol):
    """An open MAT file, its variables listed."""

    @property
    def variables(self) -> Mapping[str, object]:
        """The variables by name; values are the engine's own."""

    def node(self, name: str) -> MatNode:
        """Return a variable of any class; raise `EmgIoError` if it is missing."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a numeric variable, in MATLAB's order; raise `EmgIoError` if there is none."""

    def read(self, name: str) -> NDArray[np.generic]:
        """Read a numeric variable: axes in MATLAB's order, dtype as stored, read-only."""

    def verify(self, name: str) -> None:
        """Check all that can be checked without keeping numbers: sizes, and the checksum of a compressed variable."""


def open_mat(stream: BinaryIO, size: int, file: str, key: Hashable = None) -> Mat:
    """Open a MAT file, headers only.

    Parameters
    ----------
    stream
        Seekable stream; stays open as long as the file is used.
    size
        Its length, bytes.
    file
        How messages name it.
    key
        Identity of the file's bytes, or None: with one, places found inside compressed cells are remembered between
        calls (few, bounded); see `forget`.

    Returns
    -------
    Mat

    Raises
    ------
    EmgIoError
        If the file is of neither version or its headers contradict its size.
    """
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    if head[: len(_HDF5)] == _HDF5 or (head[:10] == b"MATLAB 7.3" and size > _USER_BLOCK):
        from ._mat73 import Mat73File

        return Mat73File.scan(stream, size, file)
    return MatFile.scan(stream, size, file, key)
