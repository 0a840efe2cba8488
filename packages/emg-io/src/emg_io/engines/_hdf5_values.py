"""HDF5 attributes and sequences of variable length as Python values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._hdf5_groups import Attribute
    from ._hdf5_heaps import GlobalHeap
    from ._hdf5_types import Type

MAX_SEQUENCES = 1_000_000
MAX_SEQUENCE_BYTES = 64 * 2**20

Value = str | bytes | list[str] | list["NDArray[np.generic]"] | np.ndarray[tuple[int, ...], np.dtype[np.generic]]


def value_of(heap: GlobalHeap, attribute: Attribute, place: str) -> Value:
    """Return an attribute: text (`bytes` where it is not UTF-8), an array, or a list where elements vary in length."""
    kind, shape, data = attribute
    if shape is None:
        return "" if kind.kind in {"text", "vlen text"} else np.zeros(0, "u1")
    count = math.prod(shape)
    if len(data) < count * kind.dtype.itemsize:
        expected, found = f"{count * kind.dtype.itemsize} bytes for shape {shape}", f"{len(data)} bytes"
        raise EmgIoError("attribute is cut", file=heap.source.file, place=place, expected=expected, found=found)
    if kind.kind == "text" and shape == ():
        return _text(data[: kind.dtype.itemsize])
    raw = np.frombuffer(data, np.dtype((np.void, kind.dtype.itemsize)), count)
    if kind.kind in {"vlen", "vlen text"}:
        found_all = sequences(heap, kind, raw.view(kind.dtype), place)
        return found_all[0] if shape == () and isinstance(found_all[0], str) else found_all
    if not (kind.plain or kind.kind == "reference"):
        raise EmgIoError("attribute cannot be read", file=heap.source.file, place=place, found=kind.kind)
    lengths = (*shape, *kind.dtype.shape)
    values = np.frombuffer(data, kind.dtype.base, math.prod(lengths)).reshape(lengths)
    return values.astype(values.dtype.newbyteorder("="))


def sequences(
    heap: GlobalHeap, kind: Type, stored: NDArray[np.generic], place: str
) -> list[str] | list[NDArray[np.generic]]:
    """Return texts or arrays of variable length, which lie in the global heap."""
    base = kind.base
    if base is None or not (base.plain or base.kind == "reference") or stored.size > MAX_SEQUENCES:
        found = f"{stored.size} of {base.kind if base else 'nothing'}"
        expected = f"at most {MAX_SEQUENCES} sequences of numbers or text"
        raise EmgIoError("not sequences", file=heap.source.file, place=place, expected=expected, found=found)
    parts, spent = [], 0
    for count, address, index in stored.ravel().tolist():
        size = count * base.dtype.itemsize
        spent += size
        if spent > MAX_SEQUENCE_BYTES:
            expected = f"at most {MAX_SEQUENCE_BYTES} bytes of sequences"
            raise EmgIoError("sequences are too long", file=heap.source.file, place=place, expected=expected)
        data = heap.object(address, index) if count else b""
        if len(data) < size:
            expected, found = f"{size} bytes", f"{len(data)} bytes"
            raise EmgIoError("sequence is cut", file=heap.source.file, place=place, expected=expected, found=found)
        parts.append(data[:size])
    if kind.kind == "vlen text":
        return [_utf8(part, heap, place) for part in parts]
    flat, shape = base.dtype.base, base.dtype.shape
    return [np.frombuffer(part, flat).reshape(-1, *shape).astype(flat.newbyteorder("=")) for part in parts]


def _text(data: bytes) -> str | bytes:
    """Return text of fixed length without what fills it up."""
    try:
        return data.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return data


def _utf8(data: bytes, heap: GlobalHeap, place: str) -> str:
    """Return text of variable length."""
    try:
        return data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise EmgIoError("not UTF-8 text", file=heap.source.file, place=place, found=str(error)) from None
