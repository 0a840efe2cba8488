"""The header of an EDF or BDF file, plain or plus: parsed with nothing trusted, bounded by the file's size.

Source: Kemp et al., "A simple format for exchange of digitized polygraphic recordings", 1992; EDF+, 2003; BioSemi BDF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import accumulate
from typing import BinaryIO

from emg_io._errors import EmgIoError

EDF_VERSION, BDF_VERSION = b"0       ", b"\xffBIOSEMI"
MAIN_FIELDS = (
    ("version", 8),
    ("patient", 80),
    ("recording", 80),
    ("start date", 8),
    ("start time", 8),
    ("header bytes", 8),
    ("reserved", 44),
    ("number of records", 8),
    ("record duration", 8),
    ("number of signals", 4),
)
SIGNAL_FIELDS = (
    ("label", 16),
    ("transducer", 80),
    ("unit", 8),
    ("physical minimum", 8),
    ("physical maximum", 8),
    ("digital minimum", 8),
    ("digital maximum", 8),
    ("prefilter", 80),
    ("samples per record", 8),
    ("reserved", 32),
)
_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
_LARGEST = 1e15
_WHOLE = re.compile(r"[+-]?\d{1,8}(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class EdfSignal:
    """One signal of a file: texts as written, ranges, samples per record, and its byte offset inside a record."""

    label: str
    transducer: str
    unit: str
    prefilter: str
    physical_min: float
    physical_max: float
    digital_min: int
    digital_max: int
    n_per_record: int
    at: int

    @property
    def holds_annotations(self) -> bool:
        """Whether the bytes are text, not samples."""
        return self.label in _ANNOTATIONS

    @property
    def scale(self) -> float:
        """Physical units a digital step."""
        return float(self._step())

    @property
    def offset(self) -> float:
        """Physical value of the digital 0."""
        return float(Fraction(repr(self.physical_min)) - self.digital_min * self._step())

    def _step(self) -> Fraction:
        """Return the scale as the decimals of the header make it, without rounding."""
        low, high = Fraction(repr(self.physical_min)), Fraction(repr(self.physical_max))
        return (high - low) / (self.digital_max - self.digital_min)


@dataclass(frozen=True)
class EdfHeader:
    """What a file's header says, made to agree with the file's size.

    Attributes
    ----------
    sample_bytes
        2 in EDF, 3 in BDF.
    variant
        ``""``, ``"C"`` (plus, continuous) or ``"D"`` (plus, with gaps).
    patient, recording
        Texts as written.
    start
        Start as ISO 8601 text, or ``""`` where the fields hold no date.
    header_bytes, record_bytes, n_records
        Sizes in bytes, and how many data records there are.
    record_s
        Duration of a record, s.
    unfinished
        Whether the header left the number of records open, as a recorder does that was cut off.
    spare_bytes
        Bytes of a last incomplete record; only unfinished files may have some.
    signals
        All of them, annotation signals too.
    """

    sample_bytes: int
    variant: str
    patient: str
    recording: str
    start: str
    header_bytes: int
    record_bytes: int
    n_records: int
    record_s: float
    unfinished: bool
    spare_bytes: int
    signals: tuple[EdfSignal, ...]

    @property
    def kind(self) -> str:
        """``"EDF"``, ``"EDF+C"``, ``"BDF+D"``, ..."""
        return ("EDF" if self.sample_bytes == 2 else "BDF") + (f"+{self.variant}" if self.variant else "")

    def sfreq(self, signal: int) -> float:
        """Rate of a signal, Hz."""
        return self.signals[signal].n_per_record / self.record_s

    def n_samples(self, signal: int) -> int:
        """Return the number of samples of a signal."""
        return self.signals[signal].n_per_record * self.n_records


def read_header(stream: BinaryIO, size: int, file: str) -> EdfHeader:
    """Parse the header of a seekable stream of ``size`` bytes; raise `EmgIoError` where it breaks the format."""
    main = _split(stream.read(256), MAIN_FIELDS, file)
    width = _sample_bytes(main["version"], file)
    n_signals = _whole(main["number of signals"], file, "number of signals", 1)
    header_bytes = _whole(main["header bytes"], file, "header bytes", 512)
    if header_bytes != 256 * (n_signals + 1):
        raise _bad(file, "header bytes", f"{256 * (n_signals + 1)} for {n_signals} signals", str(header_bytes))
    signals = _signals(stream.read(256 * n_signals), n_signals, width, file)
    record_s = _number(main["record duration"], file, "record duration")
    samples = not all(signal.holds_annotations for signal in signals)
    if record_s < 0 or (samples and record_s < 1e-9):
        raise _bad(file, "record duration", "seconds > 0", f"{record_s:g}")
    record_bytes = width * sum(signal.n_per_record for signal in signals)
    declared = _whole(main["number of records"], file, "number of records", -1)
    n_records = _count_records(declared, size - header_bytes, record_bytes, file)
    return EdfHeader(
        width,
        _variant(main["reserved"], width, file),
        text(main["patient"]),
        text(main["recording"]),
        _start(main, text(main["recording"])),
        header_bytes,
        record_bytes,
        n_records,
        record_s,
        declared == -1,
        size - header_bytes - n_records * record_bytes,
        signals,
    )


def text(field: bytes) -> str:
    """Return the text of a padded field: UTF-8 where it is that, Latin-1 else; what cannot be printed becomes ``?``."""
    bare = field.strip(b" \0\t\r\n")
    try:
        words = bare.decode("utf-8")
    except UnicodeDecodeError:
        words = bare.decode("latin-1")
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def read_exactly(stream: BinaryIO, at: int, count: int, file: str) -> bytes:
    """Read bytes that the header says are there."""
    stream.seek(at)
    data = stream.read(count)
    if len(data) != count:
        raise _bad(file, f"byte {at}", f"{count} bytes", f"{len(data)}: the file was cut while it was read")
    return data


def _split(data: bytes, fields: tuple[tuple[str, int], ...], file: str) -> dict[str, bytes]:
    """Cut the fixed part of a header into its fields."""
    if len(data) != 256:
        raise _bad(file, "header", "256 bytes", f"{len(data)}: not an EDF or BDF file, or a cut one")
    ends = list(accumulate(width for _, width in fields))
    return {name: data[end - width : end] for (name, width), end in zip(fields, ends, strict=True)}


def _sample_bytes(version: bytes, file: str) -> int:
    """Tell EDF from BDF."""
    if version not in {EDF_VERSION, BDF_VERSION}:
        raise _bad(file, "version, byte 0", "'0' and seven spaces (EDF) or 255 'BIOSEMI' (BDF)", ascii(version))
    return 2 if version == EDF_VERSION else 3


def _variant(reserved: bytes, width: int, file: str) -> str:
    """Return which plus variant a file is of."""
    found = re.match(rb"([EB])DF\+(.)", reserved)
    if not found:
        return ""
    if found[2] not in {b"C", b"D"} or (found[1] == b"E") != (width == 2):
        raise _bad(file, "reserved, byte 192", "EDF+C, EDF+D, BDF+C or BDF+D, as the version", ascii(reserved[:5]))
    return found[2].decode()


def _signals(data: bytes, n_signals: int, width: int, file: str) -> tuple[EdfSignal, ...]:
    """Parse the second part of a header, which holds one field of all signals after the other."""
    if len(data) != 256 * n_signals:
        raise _bad(file, "header", f"{256 * (n_signals + 1)} bytes", f"{256 + len(data)}: the file is cut")
    columns, at = dict[str, list[bytes]](), 0
    for name, length in SIGNAL_FIELDS:
        columns[name] = [data[at + k * length : at + (k + 1) * length] for k in range(n_signals)]
        at += length * n_signals
    signals, offset = [], 0
    for index in range(n_signals):
        signals.append(_signal({name: column[index] for name, column in columns.items()}, index, offset, file))
        offset += width * signals[-1].n_per_record
    return tuple(signals)


def _signal(fields: dict[str, bytes], index: int, at: int, file: str) -> EdfSignal:
    """Make one signal of its fields; ranges that calibrate nothing are refused."""
    label = text(fields["label"])
    where = f"signal {index + 1} ({label})"
    n_per_record = _whole(fields["samples per record"], file, f"{where}, samples per record", 1)
    texts = (label, text(fields["transducer"]), text(fields["unit"]), text(fields["prefilter"]))
    if label in _ANNOTATIONS:
        return EdfSignal(*texts, -1.0, 1.0, -1, 1, n_per_record, at)
    low, high = (_number(fields[name], file, f"{where}, {name}") for name in ("physical minimum", "physical maximum"))
    first, last = (_whole(fields[name], file, f"{where}, {name}") for name in ("digital minimum", "digital maximum"))
    if low == high or first >= last:
        found = f"{low:g}..{high:g} for {first}..{last}"
        raise _bad(file, f"{where}, ranges", "two physical and two growing digital ends", found)
    return EdfSignal(*texts, low, high, first, last, n_per_record, at)


def _count_records(declared: int, available: int, record_bytes: int, file: str) -> int:
    """Return the number of records, which the file must hold whole."""
    held = available // record_bytes
    if declared >= 0 and available != declared * record_bytes:
        expected = f"{declared} of {record_bytes} bytes"
        raise _bad(
            file, "number of records", expected, f"{available} bytes of data: the file is cut or was appended to"
        )
    if held < 1:
        raise _bad(file, "number of records", "1 or more", str(held))
    return held


def _start(main: dict[str, bytes], recording: str) -> str:
    """Return the start as ISO 8601 text; two-digit years are those of 1985..2084 unless the plus field says more."""
    day, time = (re.sub(r"\D", " ", text(main[name])).split() for name in ("start date", "start time"))
    plus = re.match(r"Startdate \d{2}-[A-Z]{3}-(\d{4})(?: |$)", recording)
    try:
        numbers = [int(word) for word in (*day[:3], *time[:3])]
        year = int(plus[1]) if plus else numbers[2] + (1900 if numbers[2] >= 85 else 2000)
        return datetime(year, numbers[1], numbers[0], numbers[3], numbers[4], numbers[5]).isoformat()
    except (ValueError, IndexError, TypeError):
        return ""


def _whole(field: bytes, file: str, place: str, at_least: int | None = None) -> int:
    """Parse a whole number."""
    words = text(field)
    if not _WHOLE.fullmatch(words) or (at_least is not None and int(words.split(".")[0]) < at_least):
        raise _bad(file, place, "a whole number" + ("" if at_least is None else f" >= {at_least}"), ascii(words))
    return int(words.split(".")[0])


def _number(field: bytes, file: str, place: str) -> float:
    """Parse a number of sane size, decimal point or comma."""
    words = text(field)
    if not _NUMBER.fullmatch(words) or not abs(float(words.replace(",", "."))) < _LARGEST:
        raise _bad(file, place, "a finite number below 1e15", ascii(words))
    return float(words.replace(",", "."))


def _bad(file: str, place: str, expected: str, found: str) -> EmgIoError:
    """Return the error of a header that breaks the format."""
    return EmgIoError("breaks the EDF/BDF format", file=file, place=place, expected=expected, found=found)
