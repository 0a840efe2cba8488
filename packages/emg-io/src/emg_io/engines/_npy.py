"""Arrays in .npy files: the header parsed and bounded, pickled objects refused, slices read without the rest.

Own parser because the usual one leaves the file's size unchecked and maps files only by path. Source: NEP 1.
"""

from __future__ import annotations

import ast
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 10_000
_DTYPES = {f"{order}{code}" for order in "<>" for code in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8")}
_DTYPES |= {"|i1", "|u1", "<i1", "<u1", ">i1", ">u1"}


@dataclass(frozen=True)
class NpyArray:
    """What a file's header says: numpy dtype code with byte order, shape, order of axes, where the numbers start."""

    dtype: str
    shape: tuple[int, ...]
    fortran: bool
    at: int


def read_header(stream: BinaryIO, size: int, file: str) -> NpyArray:
    """Parse the header of a stream of ``size`` bytes; raise `EmgIoError` where it or the file's size is wrong."""
    start = stream.read(12)
    if start[:6] != MAGIC or len(start) < 12 or start[6] not in {1, 2, 3}:
        raise _bad(file, "magic, byte 0", "\\x93NUMPY, version 1, 2 or 3", ascii(start[:8]))
    skip = 10 if start[6] == 1 else 12
    length = int.from_bytes(start[8:skip], "little")
    if length > min(MAX_HEADER_BYTES, size - skip):
        raise _bad(file, "header length, byte 8", f"<= {min(MAX_HEADER_BYTES, size - skip)} bytes", str(length))
    stream.seek(skip)
    array = _described(_literal(stream.read(length), file), skip + length, file)
    n_bytes = math.prod(array.shape) * np.dtype(array.dtype).itemsize
    if n_bytes != size - array.at:
        raise _bad(file, "shape", f"{n_bytes} bytes of {array.dtype} {array.shape}", f"{size - array.at} bytes")
    return array


def read_rows(
    stream: BinaryIO, array: NpyArray, start: int, stop: int, time_axis: int, file: str
) -> NDArray[np.generic]:
    """Read part of a two-dimensional array.

    Parameters
    ----------
    stream, array, file
        Open file, its header, its name for messages.
    start, stop
        Range along ``time_axis``, within the shape.
    time_axis
        0 or 1: the axis that is cut.

    Returns
    -------
    ndarray
        (stop - start, rest) in native byte order; only its own bytes are read.
    """
    dtype, rest = np.dtype(array.dtype), array.shape[1 - time_axis]
    out = np.empty((stop - start, rest), dtype)
    if out.size and (time_axis == 0) != array.fortran:
        data = _exactly(stream, array.at + start * rest * dtype.itemsize, out.nbytes, file)
        out = np.frombuffer(data, dtype).reshape(out.shape)
    elif out.size:
        for row in range(rest):
            at = array.at + (row * array.shape[time_axis] + start) * dtype.itemsize
            out[:, row] = np.frombuffer(_exactly(stream, at, len(out) * dtype.itemsize, file), dtype)
    return out.astype(dtype.newbyteorder("="), copy=False)


def _literal(data: bytes, file: str) -> dict[str, object]:
    """Parse the header's dictionary, a literal of Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # what is wrong with a damaged header is said below
            found = ast.literal_eval(data.decode("utf-8").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise _bad(file, "header", "a dictionary", f"{type(error).__name__}") from None
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise _bad(file, "header", "descr, fortran_order, shape", ascii(found)[:80])
    return found


def _described(found: dict[str, object], at: int, file: str) -> NpyArray:
    """Check what the dictionary says."""
    dtype, fortran, shape = found["descr"], found["fortran_order"], found["shape"]
    if dtype == "|O":
        raise _bad(file, "descr", "numbers", "pickled objects, which are never read: save a plain array")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise _bad(file, "descr", "integers or floats", ascii(dtype)[:80])
    whole = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 2**48 for n in shape)
    if not isinstance(shape, tuple) or not whole or not 1 <= len(shape) <= 2 or not isinstance(fortran, bool):
        raise _bad(file, "shape, fortran_order", "one or two axes and a bool", ascii((shape, fortran))[:80])
    return NpyArray(dtype, shape, fortran and len(shape) == 2, at)


def _exactly(stream: BinaryIO, at: int, count: int, file: str) -> bytes:
    """Read bytes that the header says are there."""
    stream.seek(at)
    data = stream.read(count)
    if len(data) != count:
        raise _bad(file, f"byte {at}", f"{count} bytes", f"{len(data)}: the file was cut while it was read")
    return data


def _bad(file: str, place: str, expected: str, found: str) -> EmgIoError:
    """Return the error of a file that breaks the format."""
    return EmgIoError("not a plain array file", file=file, place=place, expected=expected, found=found)
