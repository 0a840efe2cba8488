"""The text of a UCI recording to arrays, token by token, all rows at once.

A token of up to eight characters is one little-endian 64-bit word, so parsing is arithmetic on arrays of words: channel
values go through a perfect hash over the 256 spellings that the set uses, times and classes through arithmetic on eight
digits at once. A value spelt otherwise (``-0.00004``, ``1.0e-5``) takes a slow path and must be an exact count.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emg_io._errors import EmgIoError

from ._spellings import Spellings

COLUMNS = ("time", *(f"channel{n}" for n in range(1, 9)), "class")
HEADER = "\t".join(COLUMNS).encode()
COUNT = Decimal("1e-5")
MAX_STEP_MS = 10_000
N_CLASSES = 8

ENDINGS = (b"\r\n", b"\n")
_PAD = 8
_ZEROS = np.uint64(0x3030303030303030)
_MASKS = np.array([2**64 - 2 ** (64 - 8 * length) for length in range(9)] + [0], np.uint64)  # by length of the token

Words = NDArray[np.uint64]


def spell(count: int) -> str:
    """Return the set's spelling of ``count * 1e-5``: ``0``, ``-4e-05``, ``0.0001``, ``-0.00021``."""
    if count == 0:
        return "0"
    sign, size = ("-" if count < 0 else ""), abs(count)
    return f"{sign}{size}e-05" if size < 10 else f"{sign}0.{size:05d}".rstrip("0")


def parse_rows(data: bytes, file: str) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int8]]:
    """Parse one recording.

    Parameters
    ----------
    data
        Whole file: header line, then rows of ten TAB-separated columns, every line ended by CRLF or every one by LF;
        the last ending may be missing, see `ended`.
    file
        Name for error messages.

    Returns
    -------
    time : ndarray
        (time,) int64 milliseconds, strictly increasing.
    counts : ndarray
        (8, time) int8, value divided by 1e-5, exact.
    classes : ndarray
        (time,) int8 in 0..7.

    Raises
    ------
    EmgIoError
        With the line (the header is line 1) and the column.
    """
    data = ended(data)
    first = data.find(b"\n") + 1
    ending = data[len(HEADER) : first]
    if data[:first] != HEADER + ending or ending not in ENDINGS:
        raise EmgIoError(
            "not the header of a UCI recording",
            file=file,
            place="line 1",
            expected=_show(HEADER),
            found=_show(data[:100]),
        )
    body = data[first:]
    if not body:
        raise EmgIoError(
            "file ends before the first sample", file=file, place="line 2", expected="rows", found="end of file"
        )
    padded = np.frombuffer(b"\n" * _PAD + body, np.uint8)
    starts, stops = _tokens(padded, body, ending, file)
    words, lengths = words_before(padded, stops), stops - starts
    time = read_integers(words[0], lengths[0], "time", padded, starts[0], file)
    classes = read_integers(words[9], lengths[9], "class", padded, starts[9], file)
    _refuse(np.flatnonzero(classes >= N_CLASSES), classes, "class", "a label in 0..7", file)
    step = np.diff(time)
    _refuse(np.flatnonzero(step <= 0) + 1, time, "time", "milliseconds that increase strictly", file)
    _refuse(
        np.flatnonzero(step > MAX_STEP_MS) + 1, time, "time", f"at most {MAX_STEP_MS} ms after the row before", file
    )
    counts = read_counts(words[1:9], lengths[1:9], padded, starts[1:9], file)
    return time, counts, classes.astype(np.int8)


def ended(data: bytes) -> bytes:
    """Return a file with the last line's ending, where that is all that is missing.

    Copies lose it in editors. A row of ten columns whose class is there is whole, because classes have one digit; any
    shorter tail was cut. Whether rows are missing behind it, no file of this set can tell, with an ending or without.
    """
    if data.endswith((b"\n", b"\r")):
        return data
    row = data[data.rfind(b"\n") + 1 :]
    if row.count(b"\t") != len(COLUMNS) - 1 or row[-2:-1] != b"\t":
        return data
    return data + data[len(HEADER) : data.find(b"\n") + 1][-2:]


def _tokens(
    padded: NDArray[np.uint8], body: bytes, ending: bytes, file: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return starts and stops of all tokens, both (10, rows); every row is checked to have ten columns."""
    breaks = np.flatnonzero(padded[_PAD:] < 32) + _PAD
    pattern = np.frombuffer(b"\t" * 9 + ending, np.uint8)
    if not body.endswith(ending) or len(breaks) % len(pattern):
        raise _ragged(body, ending, file)
    table = breaks.reshape(-1, len(pattern))
    split = len(ending) == 2 and not np.array_equal(table[:, 10], table[:, 9] + 1)
    if split or not np.array_equal(padded[table], np.broadcast_to(pattern, table.shape)):
        raise _ragged(body, ending, file)
    stops = np.ascontiguousarray(table[:, :10].T)
    starts = np.empty_like(stops)
    starts[1:] = stops[:-1] + 1
    starts[0, 0], starts[0, 1:] = _PAD, table[:-1, -1] + 1
    return starts, stops


def _ragged(body: bytes, ending: bytes, file: str) -> EmgIoError:
    """Find the first line that is not ten columns with the ending of the header."""
    lines = body.split(b"\n")
    cr = ending == b"\r\n"
    for number, line in enumerate(lines[:-1], start=2):
        text = line.removesuffix(b"\r") if cr else line
        n_columns = text.count(b"\t") + 1
        if n_columns != len(COLUMNS) or line.endswith(b"\r") != cr or any(byte < 32 and byte != 9 for byte in text):
            return EmgIoError(
                "not a row",
                file=file,
                place=f"line {number}",
                expected="10 TAB-separated columns, one line ending throughout",
                found=f"{n_columns} columns: {_show(line)}",
            )
    return EmgIoError(
        "file is cut off: its last line has no end",
        file=file,
        place=f"line {len(lines) + 1}",
        expected="a line ending",
        found=_show(lines[-1]),
    )


def words_before(padded: NDArray[np.uint8], stops: NDArray[np.intp]) -> Words:
    """Return the eight bytes before each stop as one word, the last byte in the highest place."""
    every = np.ndarray((len(padded) - 7,), "<u8", padded, 0, (1,))
    return every[stops - 8].astype(np.uint64, copy=False)


def read_integers(
    words: Words, lengths: NDArray[np.intp], column: str, padded: NDArray[np.uint8], starts: NDArray[np.intp], file: str
) -> NDArray[np.int64]:
    """Parse unsigned decimals of one to eight digits."""
    odd = np.flatnonzero((lengths < 1) | (lengths > 8))
    if len(odd):
        raise _not_integer(odd, column, padded, starts, lengths, file)
    digits = pad_decimals(words, lengths.astype(np.uint64) << np.uint64(3))
    values, sound = decimals(digits)
    if not sound.all():
        raise _not_integer(np.flatnonzero(~sound), column, padded, starts, lengths, file)
    return values


def decimals(digits: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Parse words of eight ASCII digits, the first in the lowest byte; tell which of them are digits throughout."""
    high_nibbles, carries = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0606060606060606)
    sound = ((digits & high_nibbles) == _ZEROS) & (((digits + carries) & high_nibbles) == _ZEROS)
    pairs = digits - _ZEROS
    pairs = pairs * np.uint64(10) + (pairs >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    upper = (pairs & mask) * np.uint64(0x000F424000000064)
    lower = ((pairs >> np.uint64(16)) & mask) * np.uint64(0x0000271000000001)
    return ((upper + lower) >> np.uint64(32)).astype(np.int64), sound


def pad_decimals(words: Words, n_bits: Words) -> Words:
    """Put ``0`` characters in front of digits that fill the upper ``n_bits`` (8..64) of their words only."""
    low = np.uint64(64) - n_bits
    padded: Words = (words >> low) << low
    zeros: Words = np.where(low > 0, (np.uint64(1) << (low & np.uint64(63))) - np.uint64(1), np.uint64(0)) & _ZEROS
    padded |= zeros
    return padded


def read_counts(
    words: Words, lengths: NDArray[np.intp], padded: NDArray[np.uint8], starts: NDArray[np.intp], file: str
) -> NDArray[np.int8]:
    """Parse channel values to counts through the perfect hash; unusual spellings one by one."""
    table = _spellings()
    tokens = words & _MASKS[np.minimum(lengths, 9)]
    slots = (tokens * table.multiplier) >> table.shift
    counts: NDArray[np.int8] = table.counts[slots]
    odd = np.argwhere((table.keys[slots] != tokens).T)
    seen: dict[bytes, int] = {}
    for row, channel in odd.tolist():
        token = padded[starts[channel, row] : starts[channel, row] + lengths[channel, row]].tobytes()
        if token not in seen:
            seen[token] = _count(token, file, f"line {row + 2}, column {COLUMNS[channel + 1]}")
        counts[channel, row] = seen[token]
    return counts


def _count(token: bytes, file: str, place: str) -> int:
    """Parse one value of unusual spelling; it must be an exact count that fits eight bits."""
    rule = "k * 1e-5 with k in -128..127"
    try:
        value = Decimal(token.decode("ascii")) if 0 < len(token) <= 40 and b"_" not in token else Decimal("nan")
    except (InvalidOperation, UnicodeDecodeError):
        value = Decimal("nan")
    if not value.is_finite() or not -(COUNT * 128) <= value <= COUNT * 127 or value % COUNT:
        raise EmgIoError("not a channel value", file=file, place=place, expected=rule, found=_show(token))
    return int(value / COUNT)


@lru_cache(maxsize=1)
def _spellings() -> Spellings:
    """Hash the 256 spellings of the set."""
    return Spellings.of(spell, np.uint64, 13)


def _not_integer(
    odd: NDArray[np.intp],
    column: str,
    padded: NDArray[np.uint8],
    starts: NDArray[np.intp],
    lengths: NDArray[np.intp],
    file: str,
) -> EmgIoError:
    """Describe the first token that is not a plain decimal."""
    row = int(odd[0])
    token = padded[starts[row] : starts[row] + lengths[row]].tobytes()
    return EmgIoError(
        "not a whole number",
        file=file,
        place=f"line {row + 2}, column {column}",
        expected="1 to 8 digits",
        found=_show(token),
    )


def _refuse(rows: NDArray[np.intp], values: NDArray[np.int64], column: str, rule: str, file: str) -> None:
    """Raise for the first offending row, if there is one."""
    if len(rows):
        row = int(rows[0])
        raise EmgIoError(
            f"bad {column}", file=file, place=f"line {row + 2}, column {column}", expected=rule, found=str(values[row])
        )


def _show(text: bytes) -> str:
    """Return text for a message: short, printable, quoted."""
    return ascii(text[:80].decode("latin-1"))
