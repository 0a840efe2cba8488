"""Time-stamped annotation lists of EDF+ and BDF+: when every record starts, and what was noted.

Source: Kemp and Olivan, "European data format 'plus'", Clinical Neurophysiology 2003, section 2.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError

from ._edf_header import read_exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._edf_header import EdfHeader

MAX_RECORDS = 500_000  # each is parsed, in some 5 us
_LIST = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?((?:\x14[^\x14]*)*)\x14", re.DOTALL)


class Note(NamedTuple):
    """One annotation: ``onset`` and ``duration`` in s after the file's start, and its text."""

    onset: float
    duration: float
    text: str


class Notes(NamedTuple):
    """All annotations read: start of every record read, (records,) s, NaN where one does not say; and the notes."""

    starts: NDArray[np.float64]
    notes: list[Note]


def read_notes(stream: BinaryIO, header: EdfHeader, records: Sequence[int], file: str) -> Notes:
    """Read the annotation signals of some records, none where there are no such signals; no other bytes are touched."""
    carriers = [signal for signal in header.signals if signal.holds_annotations]
    wanted = records if carriers else ()
    if len(wanted) > MAX_RECORDS:
        raise EmgIoError(
            "too many records with annotations", file=file, place="records", expected=f"<= {MAX_RECORDS}",
            found=str(len(wanted)),
        )  # fmt: skip
    starts, notes = np.full(len(wanted), np.nan), list[Note]()
    for row, record in enumerate(wanted):
        at = header.header_bytes + record * header.record_bytes
        for number, signal in enumerate(carriers):
            data = read_exactly(stream, at + signal.at, signal.n_per_record * header.sample_bytes, file)
            found = parse_lists(data, file, f"record {record}, annotations")
            if number == 0 and found and not found[0].text:
                starts[row] = found[0].onset
            notes += [note for note in found if note.text]
    return Notes(starts, notes)


def parse_lists(data: bytes, file: str, place: str) -> list[Note]:
    """Return the annotations in one signal of one record; a list without text keeps the time and has ``text`` empty."""
    notes = []
    for part in data.split(b"\0"):
        if part:
            notes += _parse_list(part, file, place)
    return notes


def _parse_list(part: bytes, file: str, place: str) -> list[Note]:
    """Parse one list: onset, duration, texts."""
    found = _LIST.fullmatch(part)
    if not found:
        raise _bad(file, place, "+onset, 21, duration, 20, text, 20", ascii(part[:40]))
    onset, duration = float(found[1]), float(found[2] or 0)
    if not (abs(onset) < 1e12 and duration < 1e12):
        raise _bad(file, place, "seconds", ascii(part[:40]))
    texts = [_decode(words) for words in found[3].split(b"\x14")[1:]]
    said = [Note(onset, duration, words) for words in texts if words]
    return said if texts and texts[0] else [Note(onset, duration, ""), *said]


def spell_list(onset: float, duration: float, words: str) -> bytes:
    """Return one list as bytes; a ``duration`` of 0 is left out, empty ``words`` make a time-keeping list."""
    length = f"\x15{_seconds(duration)}" if duration else ""
    return f"{'' if onset < 0 else '+'}{_seconds(onset)}{length}\x14{words}\x14\0".encode()


def _seconds(value: float) -> str:
    """Return seconds in plain decimals, no exponent, to 1e-7 s: a common reader refuses more digits."""
    return np.format_float_positional(round(value, 7), trim="-")


def _decode(words: bytes) -> str:
    """Return a text: UTF-8 as the standard says, Latin-1 where it is not that."""
    try:
        return words.decode("utf-8").strip()
    except UnicodeDecodeError:
        return words.decode("latin-1").strip()


def _bad(file: str, place: str, expected: str, found: str) -> EmgIoError:
    """Return the error of a broken annotation."""
    return EmgIoError("breaks the EDF+ annotation format", file=file, place=place, expected=expected, found=found)
