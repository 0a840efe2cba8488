"""Writing EDF+ and BDF+: stored integers as they are, and a header whose short numbers say what is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._errors import EmgIoError

from ._edf_header import BDF_VERSION, EDF_VERSION, MAIN_FIELDS, SIGNAL_FIELDS
from ._edf_tal import spell_list
from ._edf_time import ENDS, record_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ._edf_scale import Ranges
    from ._edf_tal import Note

RANGE = {2: (-(2**15), 2**15 - 1), 3: (-(2**23), 2**23 - 1)}
_BLOCK_BYTES = 4 * 2**20
_RECORD_BYTES = 8 * 2**20
_MAX_SIGNALS = 9998
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class Channel:
    """What the header says of a signal: label (16 characters are kept), unit, ranges, prefilter and transducer text."""

    label: str
    unit: str
    ranges: Ranges
    prefilter: str = ""
    transducer: str = ""


def write_edf(
    path: Path,
    digital: NDArray[np.integer],
    sfreq: float,
    channels: Sequence[Channel],
    notes: Sequence[Note] = (),
    *,
    sample_bytes: int = 3,
    start: tuple[int, int, int] | None = None,
) -> None:
    """Write a continuous EDF+ or BDF+ file, whole or not at all; same arguments, same bytes.

    Parameters
    ----------
    path
        File to write, ``.edf`` or ``.bdf``.
    digital
        (channels, time) integers within their ranges, 1 sample or more; written as they are.
    sfreq
        Rate, Hz.
    channels
        One a row of ``digital``.
    notes
        Annotations, onsets in s from the first sample.
    sample_bytes
        2 for EDF+, 3 for BDF+.
    start
        (year, month, day) of the recording; None writes the anonymous 1 January 1985.

    Notes
    -----
    Records last about 1 s, so that the number of samples comes out even; where it does not, the last one is filled up
    with the channel's last value and the annotation "Recording ends" says where the samples end.
    """
    file = str(path)
    _check(digital, channels, sample_bytes, file)
    n_samples = digital.shape[1]
    longest = max(1, _RECORD_BYTES // (len(digital) * sample_bytes))
    n_per_record, record_s = record_length(n_samples, sfreq, longest, file)
    n_records = -(-n_samples // n_per_record)
    lists = _lists(notes, n_records, n_per_record / sfreq, None if n_samples % n_per_record == 0 else n_samples / sfreq)
    width = -(-max(len(part) for part in lists) // sample_bytes) * sample_bytes
    header = _header(channels, (n_records, n_per_record, record_s), width, sample_bytes, start, file)
    write_bytes(path, _chunks(header, digital, n_per_record, lists, width, sample_bytes))


def _check(digital: NDArray[np.integer], channels: Sequence[Channel], sample_bytes: int, file: str) -> None:
    """Refuse what the file cannot hold."""
    if digital.ndim != 2 or digital.dtype.kind not in "iu" or not digital.size or len(channels) != len(digital):
        expected = f"integers ({len(channels)} channels, 1 or more samples)"
        raise EmgIoError(
            "not samples", file=file, place="digital", expected=expected, found=f"{digital.dtype} {digital.shape}"
        )
    if len(channels) > _MAX_SIGNALS:
        raise EmgIoError("too many signals", file=file, expected=f"<= {_MAX_SIGNALS}", found=str(len(channels)))
    low, high = RANGE[sample_bytes]
    for channel, row in zip(channels, digital, strict=True):
        first, last = max(low, channel.ranges.digital_min), min(high, channel.ranges.digital_max)
        if int(row.min()) < first or int(row.max()) > last:
            problem, found = "values do not fit: use BDF, or wider ranges", f"{row.min()}..{row.max()}"
            raise EmgIoError(problem, file=file, place=channel.label, expected=f"{first}..{last}", found=found)


def _lists(notes: Sequence[Note], n_records: int, record_s: float, end: float | None) -> list[bytes]:
    """Return the annotation bytes of every record: when it starts, then what was noted in it."""
    lists = [spell_list(record * record_s, 0.0, "") for record in range(n_records)]
    for note in sorted(notes, key=lambda note: note.onset):
        record = min(max(int(note.onset // record_s), 0), n_records - 1)
        words = "".join(letter if letter.isprintable() else " " for letter in note.text)
        lists[record] += spell_list(note.onset, note.duration, words)
    if end is not None:
        lists[-1] += spell_list(end, 0.0, ENDS)
    return lists


def _header(
    channels: Sequence[Channel],
    sizes: tuple[int, int, str],
    width: int,
    sample_bytes: int,
    start: tuple[int, int, int] | None,
    file: str,
) -> bytes:
    """Return the header: the file's part, then every field of all signals."""
    name = "EDF" if sample_bytes == 2 else "BDF"
    year, month, day = start or (1985, 1, 1)
    if not 1985 <= year <= 2084:
        raise EmgIoError("no such start year", file=file, place="start", expected="1985..2084", found=str(year))
    stated = f"{day:02d}-{_MONTHS[month - 1]}-{year:04d}" if start else "X"
    main: dict[str, str | bytes] = {
        "version": EDF_VERSION if sample_bytes == 2 else BDF_VERSION,
        "patient": "X X X X",
        "recording": f"Startdate {stated} X X X",
        "start date": f"{day:02d}.{month:02d}.{year % 100:02d}",
        "start time": "00.00.00",
        "header bytes": str(256 * (len(channels) + 2)),
        "reserved": f"{name}+C",
        "number of records": str(sizes[0]),
        "record duration": sizes[2],
        "number of signals": str(len(channels) + 1),
    }
    rows = [_signal(channel, sizes[1]) for channel in channels]
    rows.append(_annotations(name, sample_bytes, width // sample_bytes))
    fields: list[tuple[str | bytes, int]] = [(main[field], length) for field, length in MAIN_FIELDS]
    fields += [(row[field], length) for field, length in SIGNAL_FIELDS for row in rows]
    return b"".join(_field(value, length, file) for value, length in fields)


def _signal(channel: Channel, n_per_record: int) -> dict[str, str]:
    """Return the header fields of a channel."""
    ranges = channel.ranges
    return {
        "label": channel.label[:16],
        "transducer": channel.transducer,
        "unit": channel.unit,
        "physical minimum": ranges.physical_min,
        "physical maximum": ranges.physical_max,
        "digital minimum": str(ranges.digital_min),
        "digital maximum": str(ranges.digital_max),
        "prefilter": channel.prefilter,
        "samples per record": str(n_per_record),
        "reserved": "",
    }


def _annotations(name: str, sample_bytes: int, n_per_record: int) -> dict[str, str]:
    """Return the header fields of the annotation signal."""
    low, high = RANGE[sample_bytes]
    fields = dict.fromkeys((field for field, _ in SIGNAL_FIELDS), "")
    fields |= {"label": f"{name} Annotations", "physical minimum": "-1", "physical maximum": "1"}
    return fields | {"digital minimum": str(low), "digital maximum": str(high), "samples per record": str(n_per_record)}


def _field(value: str | bytes, length: int, file: str) -> bytes:
    """Return a padded header field of ASCII."""
    data = value if isinstance(value, bytes) else value.replace("µ", "u").encode("ascii", "replace")
    if len(data) > length:
        raise EmgIoError(
            "text too long for the header", file=file, expected=f"<= {length} characters", found=ascii(value)
        )
    return data.ljust(length)


def _chunks(
    header: bytes, digital: NDArray[np.integer], n_per_record: int, lists: list[bytes], width: int, sample_bytes: int
) -> Iterator[bytes]:
    """Yield the file's bytes, some records at a time."""
    yield header
    n_channels = len(digital)
    samples = n_channels * n_per_record * sample_bytes
    step = max(1, _BLOCK_BYTES // (samples + width))
    for first in range(0, len(lists), step):
        last = min(first + step, len(lists))
        part = digital[:, first * n_per_record : last * n_per_record].astype("<i4")
        part = np.pad(part, ((0, 0), (0, (last - first) * n_per_record - part.shape[1])), "edge")
        ordered = np.ascontiguousarray(part.reshape(n_channels, last - first, n_per_record).transpose(1, 0, 2))
        block = np.zeros((last - first, samples + width), np.uint8)
        block[:, :samples] = ordered.view(np.uint8).reshape(-1, 4)[:, :sample_bytes].reshape(last - first, samples)
        for row, record in enumerate(range(first, last)):
            block[row, samples : samples + len(lists[record])] = np.frombuffer(lists[record], np.uint8)
        yield block.tobytes()
