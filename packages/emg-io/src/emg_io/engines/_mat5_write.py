"""Arrays, texts, cells and structs to a MAT v5 file, the same bytes every time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._mat5_header import CLASSES, MI_COMPRESSED, MI_INT8, MI_INT32, MI_MATRIX, MI_UINT32, STORED, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HEADER = b"MATLAB 5.0 MAT-file, written by emg-io".ljust(116) + bytes(8) + struct.pack("<H2s", 0x0100, b"IM")
_CELL, _STRUCT, _CHAR, _DOUBLE, _UINT8 = 1, 2, 4, 6, 9
_LOGICAL = 0x0200
_MI_UTF8 = 16
_FIELD_STEP = 32


@dataclass(frozen=True)
class Cell:
    """A cell array to be written: its parts, first axis fastest, and its shape; a column where none is given."""

    parts: Sequence[Any]
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Small:
    """A double array of whole numbers to be stored as small integers, as MATLAB does: values carry that dtype."""

    values: NDArray[np.integer]


def mat_bytes(variables: Mapping[str, Any], *, compress: bool = True) -> bytes:
    """Return a little-endian MAT v5 file.

    Parameters
    ----------
    variables
        Name to value: a numeric or boolean array (a vector becomes a column, as MATLAB has it), a str (one row of
        characters), a `Small`, a `Cell` of such values, or a mapping of field names to such values (one struct).
    compress
        Whether each variable is a zlib stream, as MATLAB writes since version 7.

    Returns
    -------
    bytes
    """
    parts = [_HEADER]
    for name, value in variables.items():
        element = _matrix(name, value)
        if compress:
            body = zlib.compress(element)
            element = struct.pack("<II", MI_COMPRESSED, len(body)) + body
        parts.append(element)
    return b"".join(parts)


def _matrix(name: str, value: Any) -> bytes:  # noqa: ANN401  any of the values named above
    """Return one matrix element."""
    flags, shape, content = _content(value)
    head = [
        struct.pack("<IIII", MI_UINT32, 8, flags, 0),
        _part(MI_INT32, struct.pack(f"<{len(shape)}i", *shape)),
        _part(MI_INT8, name.encode("ascii")),
    ]
    body = b"".join([*head, content])
    return struct.pack("<II", MI_MATRIX, len(body)) + body


def _content(value: Any) -> tuple[int, tuple[int, ...], bytes]:  # noqa: ANN401  any of the values named above
    """Return class and flags, shape, and what follows the name."""
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _CHAR, (1, len(value)) if value else (0, 0), _part(_MI_UTF8, data)
    if isinstance(value, Cell):
        return _CELL, value.shape or (len(value.parts), 1), b"".join(_matrix("", part) for part in value.parts)
    if isinstance(value, Mapping):
        return _STRUCT, (1, 1), _field_names(list(value)) + b"".join(_matrix("", part) for part in value.values())
    if isinstance(value, Small):
        return _DOUBLE, *_numbers(value.values)
    if value.dtype == np.bool_:
        return _UINT8 | _LOGICAL, *_numbers(value.astype(np.uint8))
    return {kind: code for code, kind in CLASSES.items()}[value.dtype.str[1:]], *_numbers(value)


def _numbers(values: NDArray[np.generic]) -> tuple[tuple[int, ...], bytes]:
    """Return shape and tagged numbers of an array."""
    array = values.reshape(-1, 1) if values.ndim < 2 else values
    code = {kind: code for code, kind in STORED.items()}[array.dtype.str[1:]]
    little = array.astype(array.dtype.newbyteorder("<"))
    return array.shape, _part(code, little.tobytes(order="F"))


def _field_names(names: list[str]) -> bytes:
    """Return the table of field names, each padded to one length."""
    table = b"".join(name.encode("ascii").ljust(_FIELD_STEP, b"\0") for name in names)
    return _part(MI_INT32, struct.pack("<i", _FIELD_STEP)) + _part(MI_INT8, table)


def _part(kind: int, data: bytes) -> bytes:
    """Return one tagged part, packed into the tag where it fits, else padded to eight bytes."""
    if 0 < len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data.ljust(padded(len(data)), b"\0")
