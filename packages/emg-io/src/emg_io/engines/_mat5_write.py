"""Numeric arrays to a MAT v5 file, the same bytes every time."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from ._mat5_header import CLASSES, MI_COMPRESSED, MI_INT8, MI_INT32, MI_MATRIX, MI_UINT32, STORED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_HEADER = b"MATLAB 5.0 MAT-file, written by emg-io".ljust(116) + bytes(8) + struct.pack("<H2s", 0x0100, b"IM")


def mat_bytes(variables: Mapping[str, NDArray[np.generic]], *, compress: bool = True) -> bytes:
    """Return a little-endian MAT v5 file.

    Parameters
    ----------
    variables
        Name to numeric array of one or two axes; a vector becomes a column, as MATLAB has it.
    compress
        Whether each variable is a zlib stream, as MATLAB writes since version 7.

    Returns
    -------
    bytes
    """
    parts = [_HEADER]
    for name, array in variables.items():
        element = _matrix(name, array.reshape(-1, 1) if array.ndim < 2 else array)
        if compress:
            body = zlib.compress(element)
            element = struct.pack("<II", MI_COMPRESSED, len(body)) + body
        parts.append(element)
    return b"".join(parts)


def _matrix(name: str, array: NDArray[np.generic]) -> bytes:
    """Return one matrix element."""
    code = {kind: number for number, kind in CLASSES.items()}[array.dtype.str[1:]]
    stored = {kind: number for number, kind in STORED.items()}[array.dtype.str[1:]]
    little = array.astype(array.dtype.newbyteorder("<"))
    body = b"".join(
        [
            struct.pack("<IIII", MI_UINT32, 8, code, 0),
            _part(MI_INT32, struct.pack(f"<{array.ndim}i", *array.shape)),
            _part(MI_INT8, name.encode("ascii")),
            _part(stored, little.tobytes(order="F")),
        ]
    )
    return struct.pack("<II", MI_MATRIX, len(body)) + body


def _part(kind: int, data: bytes) -> bytes:
    """Return one tagged part, packed into the tag where it fits, else padded to eight bytes."""
    if 0 < len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b"\0")
