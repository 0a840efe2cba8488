"""Samples chunks of XDF: which samples carry a time stamp, and the values, numbers or texts.

A sample is one byte (0, or 8 and a stamp of eight bytes), then its values. Chunks whose samples all have stamps, or
none of them, are taken apart by striding; mixed ones sample by sample.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._xdf_chunks import read_varint

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES = {"int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "float32": "f4", "double64": "f8"}
MAX_SECONDS = 1e12
_STAMPED, _STAMP = 8, struct.Struct("<d")


class Texts(NamedTuple):
    """Samples of a string stream: stamps (time,), NaN where a sample has none, and texts (time, channels)."""

    stamps: NDArray[np.float64]
    values: list[tuple[str, ...]]


def stamps_of(content: bytes, width: int) -> NDArray[np.float64] | str:
    """Read the stamps of a chunk of numbers.

    Parameters
    ----------
    content
        The chunk after the stream's number.
    width
        Bytes of the values of one sample.

    Returns
    -------
    ndarray or str
        (time,) stamps in s, NaN where a sample has none; or what is wrong with the chunk.
    """
    count, at = read_varint(content, 0)
    room = len(content) - at
    if count < 0 or not count * (1 + width) <= room <= count * (9 + width):
        return "number of samples and length disagree"
    n_stamped, rest = divmod(room - count * (1 + width), 8)
    if rest:
        return "length is no whole number of samples"
    stamps = _stamps(content, count, n_stamped, at, width)
    if stamps is None:
        return "a sample has neither a stamp nor none"
    if not (np.abs(stamps[~np.isnan(stamps)] if n_stamped < count else stamps) <= MAX_SECONDS).all():
        return "a time stamp is no time"
    return stamps


def _stamps(content: bytes, count: int, n_stamped: int, at: int, width: int) -> NDArray[np.float64] | None:
    """Read the stamps, NaN where there is none; None where a sample says neither."""
    if n_stamped == count:
        sound = (_every(content, "u1", at, 9 + width, count) == _STAMPED).all()
        return _every(content, "<f8", at + 1, 9 + width, count).astype(np.float64) if sound else None
    stamps = np.full(count, np.nan)
    if n_stamped == 0:
        return None if _every(content, "u1", at, 1 + width, count).any() else stamps
    if _first_only(content, count, n_stamped, at, width):
        stamps[0] = _time(content, at + 1)
        return stamps
    mixed = _mixed(content, count, at, width)
    return None if mixed is None else mixed[1]


def values_of(content: bytes, dtype: str, n_chans: int) -> NDArray[np.generic]:
    """Read the values of a chunk of numbers that `stamps_of` found sound: (time, channels), perhaps a view."""
    kind = np.dtype(dtype).newbyteorder("<")
    width, (count, at) = kind.itemsize * n_chans, read_varint(content, 0)
    n_stamped = (len(content) - at - count * (1 + width)) // 8
    if n_stamped in {0, count} or _first_only(content, count, n_stamped, at, width):
        step = 1 + width + 8 * (n_stamped == count)
        return np.ndarray((count, n_chans), kind, content, at + 1 + 8 * (n_stamped > 0), (step, kind.itemsize))
    mixed = _mixed(content, count, at, width)
    if mixed is None:
        raise AssertionError("the chunk was sound when it was indexed")
    return np.frombuffer(content, np.uint8)[np.array(mixed[0])[:, None] + np.arange(width)].view(kind)


def _first_only(content: bytes, count: int, n_stamped: int, at: int, width: int) -> bool:
    """Tell whether the first sample alone has a stamp, as recorders write regular streams."""
    if n_stamped != 1 or content[at] != _STAMPED:
        return False
    return not _every(content, "u1", at + 9 + width, 1 + width, count - 1).any()


def _time(content: bytes, at: int) -> float:
    """Read a stamp; infinite where it is no time."""
    stamp: float = _STAMP.unpack_from(content, at)[0]
    return stamp if abs(stamp) <= MAX_SECONDS else np.inf


def _every(content: bytes, dtype: str, at: int, step: int, count: int) -> NDArray[np.generic]:
    """Look at one value every so many bytes."""
    return np.ndarray((count,), dtype, content, at if count else 0, (step,))


def _mixed(content: bytes, count: int, at: int, width: int) -> tuple[list[int], NDArray[np.float64]] | None:
    """Walk over samples of which some have stamps; return where values begin, and the stamps; None for damage."""
    starts, stamps = [], np.full(count, np.nan)
    for index in range(count):
        flag = content[at] if at + 1 + width <= len(content) else 1
        if flag not in {0, _STAMPED}:
            return None
        if flag:
            if at + 9 + width > len(content):
                return None
            stamps[index] = _time(content, at + 1)
        at += 1 + flag
        starts.append(at)
        at += width
    return (starts, stamps) if at == len(content) else None


def texts_of(content: bytes, n_chans: int) -> Texts | str:
    """Read a chunk of texts; return what is wrong with it where it is damaged."""
    count, at = read_varint(content, 0)
    if count < 0 or count * (1 + 2 * n_chans) > len(content) - at:
        return "number of samples and length disagree"
    stamps, values = np.full(count, np.nan), []
    for index in range(count):
        flag = content[at] if at < len(content) else 1
        if flag not in {0, _STAMPED} or at + 1 + flag > len(content):
            return "a sample has neither a stamp nor none"
        if flag:
            stamps[index] = _time(content, at + 1)
            if np.isinf(stamps[index]):
                return "a time stamp is no time"
        texts, at = _row(content, at + 1 + flag, n_chans)
        if at < 0:
            return "a text reaches beyond its chunk"
        values.append(texts)
    return Texts(stamps, values) if at == len(content) else "samples do not fill the chunk"


def _row(content: bytes, at: int, n_chans: int) -> tuple[tuple[str, ...], int]:
    """Read the texts of one sample; return them and the place after, or -1."""
    row = []
    for _ in range(n_chans):
        length, start = read_varint(content, at)
        if length < 0 or start + length > len(content):
            return (), -1
        row.append(content[start : start + length].decode("utf-8", "replace"))
        at = start + length
    return tuple(row), at
