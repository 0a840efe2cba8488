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
_STAMPED = 8


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
    places = _places(content, width)
    if isinstance(places, str):
        return places
    starts, stamped = places
    stamps = np.full(len(starts), np.nan)
    if stamped.any():
        at = starts[stamped] - 8
        stamps[stamped] = _gather(content, at, 8).view("<f8").reshape(-1)
    if not (np.abs(stamps[stamped]) <= MAX_SECONDS).all():
        return "a time stamp is no time"
    return stamps


def values_of(content: bytes, dtype: str, n_chans: int) -> NDArray[np.generic]:
    """Read the values of a chunk of numbers that `stamps_of` found sound: (time, channels)."""
    width = np.dtype(dtype).itemsize * n_chans
    places = _places(content, width)
    if isinstance(places, str):
        raise AssertionError(places)  # noqa: TRY004  the chunk was sound when it was indexed
    return _gather(content, places[0], width).view(np.dtype(dtype).newbyteorder("<")).reshape(-1, n_chans)


def _places(content: bytes, width: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]] | str:
    """Return where the values of each sample begin, and which samples have a stamp."""
    count, at = read_varint(content, 0)
    room = len(content) - at
    if count < 0 or not count * (1 + width) <= room <= count * (9 + width):
        return "number of samples and length disagree"
    data = np.frombuffer(content, np.uint8)
    n_stamped, rest = divmod(room - count * (1 + width), 8)
    if rest or count == 0:
        return "length is no whole number of samples" if rest else (np.zeros(0, np.intp), np.zeros(0, np.bool_))
    for stamped, step in ((0, 1 + width), (count, 9 + width)):
        if n_stamped == stamped:
            flags = data[at : at + count * step : step]
            if not (flags == (_STAMPED if stamped else 0)).all():
                return "a sample has neither a stamp nor none"
            return at + np.arange(count) * step + (step - width), np.full(count, stamped > 0)
    return _mixed(content, count, at, width)


def _mixed(content: bytes, count: int, at: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]] | str:
    """Walk over samples of which some have stamps."""
    starts, stamped = [], []
    for _ in range(count):
        flag = content[at] if at < len(content) else 1
        if flag not in {0, _STAMPED}:
            return "a sample has neither a stamp nor none"
        at += 1 + flag
        starts.append(at)
        stamped.append(flag == _STAMPED)
        at += width
    if at != len(content):
        return "samples do not fill the chunk"
    return np.array(starts, np.intp), np.array(stamped, np.bool_)


def _gather(content: bytes, starts: NDArray[np.intp], width: int) -> NDArray[np.uint8]:
    """Copy ``width`` bytes from each start: (starts, width), contiguous."""
    data = np.frombuffer(content, np.uint8)
    if not len(starts):
        return np.zeros((0, width), np.uint8)
    step = int(starts[1] - starts[0]) if len(starts) > 1 else width
    if int(starts[-1] - starts[0]) == step * (len(starts) - 1) and (np.diff(starts) == step).all():
        rows: NDArray[np.uint8] = np.ndarray((len(starts), width), np.uint8, data, int(starts[0]), (step, 1))
        return np.ascontiguousarray(rows)
    scattered: NDArray[np.uint8] = data[starts[:, None] + np.arange(width)]
    return scattered


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
            stamps[index] = struct.unpack_from("<d", content, at + 1)[0]
            if not abs(stamps[index]) <= MAX_SECONDS:
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
