"""Samples of EDF and BDF files: the bytes of the records asked for, 16 or 24 bits, into (channels, time) integers.

Own engine because the field's readers trust the header or read whole files; this one is bounded by the file's size.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ._edf_header import read_exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._edf_header import EdfHeader

_BLOCK_BYTES = 4 * 2**20
_NARROW_BYTES = 2**20
_NARROW_RATIO = 8


def read_samples(
    stream: BinaryIO, header: EdfHeader, signals: Sequence[int], start: int, stop: int, file: str
) -> NDArray[np.integer]:
    """Read digital values of signals that share a rate.

    Parameters
    ----------
    stream, header
        Open file, and what its header says.
    signals
        Indices into ``header.signals``, 1 or more, all with the same number of samples per record.
    start, stop
        Samples, ``0 <= start <= stop <= header.n_samples(signals[0])``.
    file
        Name for messages.

    Returns
    -------
    ndarray
        (signals, stop - start), int16 from EDF, int32 from BDF.
    """
    n_per_record = header.signals[signals[0]].n_per_record
    out = np.empty((len(signals), stop - start), np.int16 if header.sample_bytes == 2 else np.int32)
    if start == stop:
        return out
    first, last = start // n_per_record, -(-stop // n_per_record)
    spanned, wanted = (last - first) * header.record_bytes, out.size * header.sample_bytes
    if spanned > _NARROW_BYTES and wanted * _NARROW_RATIO < spanned:
        _read_narrow(stream, header, signals, start, out, file)
        return out
    step = max(1, _BLOCK_BYTES // header.record_bytes)
    for record in range(first, last, step):
        _read_block(stream, header, signals, (record, min(record + step, last)), start, out, file)
    return out


def _read_block(
    stream: BinaryIO,
    header: EdfHeader,
    signals: Sequence[int],
    records: tuple[int, int],
    start: int,
    out: NDArray[np.integer],
    file: str,
) -> None:
    """Read records ``records[0]`` to ``records[1]`` and put what lies in the wanted range where it belongs."""
    n_per_record, width = header.signals[signals[0]].n_per_record, header.sample_bytes
    place = header.header_bytes + records[0] * header.record_bytes
    data = read_exactly(stream, place - 1, (records[1] - records[0]) * header.record_bytes + 1, file)
    low, high = max(start, records[0] * n_per_record), min(start + out.shape[1], records[1] * n_per_record)
    strides = (header.record_bytes, n_per_record * width, width)
    for first, count, inside, length in _parts(low, high, n_per_record):
        at = first * n_per_record + inside - start
        target = out[:, at : at + count * length].reshape(len(signals), count, length)
        begin = 1 + (first - records[0]) * header.record_bytes + inside * width
        for row, signal, number in _runs(signals):
            shape, run = (count, number, length), target[row : row + number].transpose(1, 0, 2)
            decode(data, begin + header.signals[signal].at, shape, strides, run)


def _parts(low: int, high: int, n_per_record: int) -> list[tuple[int, int, int, int]]:
    """Cut samples into a part of a record, whole records, and a part: record, how many, first sample in it, length."""
    first, inside = divmod(low, n_per_record)
    parts = []
    if inside or high - low < n_per_record:
        length = min(n_per_record - inside, high - low)
        parts.append((first, 1, inside, length))
        low, first = low + length, first + 1
    count, rest = divmod(high - low, n_per_record)
    parts += [(first, count, 0, n_per_record)] if count else []
    return parts + ([(first + count, 1, 0, rest)] if rest else [])


def decode(data: bytes, at: int, shape: tuple[int, ...], strides: tuple[int, ...], out: NDArray[np.integer]) -> None:
    """Put little-endian integers of 2 or 3 bytes, the last stride, into native ``out``; 3 need a byte before them."""
    if strides[-1] == 2:
        out[...] = np.ndarray(shape, "<i2", data, at, strides)
        return
    # the four bytes that end with a sample: its own three, above one of its neighbour that the shift drops
    out[...] = np.ndarray(shape, "<i4", data, at - 1, strides)
    np.right_shift(out, 8, out=out)


def _read_narrow(
    stream: BinaryIO, header: EdfHeader, signals: Sequence[int], start: int, out: NDArray[np.integer], file: str
) -> None:
    """Read signal by signal, record by record: little is wanted out of large records."""
    n_per_record, width = header.signals[signals[0]].n_per_record, header.sample_bytes
    at = start
    while at < start + out.shape[1]:
        record, inside = divmod(at, n_per_record)
        count = min(n_per_record - inside, start + out.shape[1] - at)
        for row, signal in enumerate(signals):
            place = header.header_bytes + record * header.record_bytes + header.signals[signal].at + inside * width
            data = read_exactly(stream, place - 1, count * width + 1, file)
            decode(data, 1, (count,), (width,), out[row, at - start : at - start + count])
        at += count


def _runs(signals: Sequence[int]) -> list[tuple[int, int, int]]:
    """Group signals that follow each other in the file: row of the first, its index, how many."""
    runs: list[tuple[int, int, int]] = []
    for row, signal in enumerate(signals):
        place, first, number = runs[-1] if runs else (0, sys.maxsize, 0)
        if runs and signal == first + number:
            runs[-1] = (place, first, number + 1)
        else:
            runs.append((row, signal, 1))
    return runs
