"""Plain numbers out of ``.npy`` and ``.npz`` files of strangers: nothing is believed before it is checked."""

from __future__ import annotations

import warnings
from math import prod
from typing import IO, TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from ._errors import EmgEdgeError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_BYTES = 2**32  # of all arrays of a file, unpacked
MAX_ARRAYS = 2**14
_MAX_RANK = 16
_ZIPPED = {b"PK\x03\x04", b"PK\x05\x06"}  # some members, none
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return every array of a ``.npz`` file, or of a ``.npy`` file under the name ``"array"``.

    Parameters
    ----------
    path
        At most 4 GiB of arrays, as many bytes each as its header says.

    Raises
    ------
    EmgEdgeError
        Naming the array that is not plain numbers, or larger than its bytes.
    OSError, ValueError, zipfile.BadZipFile and other errors of the standard library
        When the file is none of the two.
    """
    with path.open("rb") as file:
        packed = file.read(4) in _ZIPPED
        size = file.seek(0, 2)
        file.seek(0)
        if not packed:
            _need(size <= MAX_BYTES, f"{path}: {size} bytes; at most {MAX_BYTES} are read")
            return {"array": _array(file, size, str(path))}
        with ZipFile(file) as archive:
            return _members(archive, path)


def _members(archive: ZipFile, path: Path) -> dict[str, NDArray[Any]]:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    _need(total <= MAX_BYTES, f"{path}: {total} bytes unpacked; at most {MAX_BYTES} are read")
    _need(len(entries) <= MAX_ARRAYS, f"{path}: {len(entries)} arrays; at most {MAX_ARRAYS} are read")
    found: dict[str, NDArray[Any]] = {}
    for entry in entries:
        name = entry.filename.removesuffix(".npy")
        where = f"{path}: {entry.filename!r}"
        _need(name != entry.filename and name not in found, f"{where} is no array, or there twice; write it with savez")
        _need(entry.compress_type in {ZIP_STORED, ZIP_DEFLATED}, f"{where} is packed by an unusual method; use savez")
        with archive.open(entry) as member:
            found[name] = _array(member, entry.file_size, where)
    return found


def _array(file: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """Read one array, whose header must account for every byte."""
    version = np.lib.format.read_magic(file)
    _need(version in _HEADERS, f"{where} has version {version} of .npy; need 1 or 2")
    with warnings.catch_warnings():  # a header of Python 2 is read all the same
        warnings.simplefilter("ignore")
        shape, by_columns, dtype = _HEADERS[version](file)
    _need(dtype.kind in "fiub" and dtype.names is None, f"{where} holds {dtype}; need plain real numbers")
    _need(len(shape) <= _MAX_RANK and all(extent >= 0 for extent in shape), f"{where} has shape {shape}")
    declared, there = prod(shape) * dtype.itemsize, size - file.tell()
    _need(declared == there, f"{where} declares {declared} bytes and has {there}; write it again")
    flat = np.empty(declared, np.uint8)
    filled, view = 0, flat.data
    while filled < declared:
        part = file.read(min(declared - filled, 2**24))
        _need(bool(part), f"{where} ends after {filled} bytes of {declared}; write it again")
        view[filled : filled + len(part)] = part
        filled += len(part)
    array: NDArray[Any] = flat.view(dtype).reshape(shape[::-1] if by_columns else shape)
    return array.T if by_columns else array


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise EmgEdgeError(message)
