"""XDF files written: streams of numbers or texts with stamps and clock offsets, as LabRecorder lays them out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from ._xdf_chunks import (
    BOUNDARY,
    BOUNDARY_MARK,
    CLOCK_OFFSET,
    FILE_HEADER,
    MAGIC,
    SAMPLES,
    STREAM_FOOTER,
    STREAM_HEADER,
)
from ._xdf_samples import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FILE_XML = b'<?xml version="1.0"?><info><version>1.0</version></info>'


@dataclass(frozen=True, eq=False)
class StreamText:
    """One stream to write.

    Attributes
    ----------
    name, kind, form
        Name, content type, and value format: ``"int16"``, ``"float32"``, ..., ``"string"``.
    sfreq
        Nominal rate in Hz, 0 for irregular streams.
    values
        (channels, time) numbers, or (time,) texts.
    stamps
        (time,) seconds; NaN where the sample is written without a stamp.
    offsets
        Clock offsets: own time and what is to be added, s.
    labels, unit
        Of the channels, for the description; empty for none.
    notes
        More XML for the description.
    """

    name: str
    kind: str
    form: str
    sfreq: float
    values: NDArray[np.generic] | Sequence[str]
    stamps: NDArray[np.float64]
    offsets: Sequence[tuple[float, float]] = ()
    labels: Sequence[str] = ()
    unit: str = ""
    notes: str = ""


def xdf_bytes(streams: Sequence[StreamText], samples_per_chunk: int = 64) -> bytes:
    """Write a file: headers, then chunks of the streams in turn, a boundary now and then, footers."""
    out = [MAGIC, _chunk(FILE_HEADER, _FILE_XML)]
    out += [_chunk(STREAM_HEADER, _u32(n) + _header(stream)) for n, stream in enumerate(streams, start=1)]
    longest = max(len(stream.stamps) for stream in streams)
    for turn, start in enumerate(range(0, longest, samples_per_chunk)):
        for n, stream in enumerate(streams, start=1):
            if start < len(stream.stamps):
                out.append(_chunk(SAMPLES, _u32(n) + _samples(stream, start, start + samples_per_chunk)))
        if turn % 4 == 3:
            out.append(_chunk(BOUNDARY, BOUNDARY_MARK))
    for n, stream in enumerate(streams, start=1):
        out += [_chunk(CLOCK_OFFSET, struct.pack("<Idd", n, *pair)) for pair in stream.offsets]
    out += [_chunk(STREAM_FOOTER, _u32(n) + _footer(stream)) for n, stream in enumerate(streams, start=1)]
    return b"".join(out)


def _u32(number: int) -> bytes:
    """Write a stream number."""
    return struct.pack("<I", number)


def varint(number: int) -> bytes:
    """Write a length in as few bytes as the format has."""
    width = 1 if number < 2**8 else 4 if number < 2**32 else 8
    return bytes([width]) + number.to_bytes(width, "little")


def _chunk(tag: int, content: bytes) -> bytes:
    """Write a chunk."""
    return varint(len(content) + 2) + struct.pack("<H", tag) + content


def _samples(stream: StreamText, start: int, stop: int) -> bytes:
    """Write samples of a stream."""
    stamps, parts = stream.stamps[start:stop], []
    if stream.form == "string":
        rows = [varint(len(text.encode())) + text.encode() for text in list(stream.values)[start:stop]]
    else:
        numbers = np.asarray(stream.values)[:, start:stop].T.astype("<" + DTYPES[stream.form])
        rows = [row.tobytes() for row in numbers]
    for stamp, row in zip(stamps.tolist(), rows, strict=True):
        parts.append(b"\0" + row if np.isnan(stamp) else struct.pack("<Bd", 8, stamp) + row)
    return varint(len(rows)) + b"".join(parts)


def _header(stream: StreamText) -> bytes:
    """Write the XML of a stream header."""
    n_chans = 1 if stream.form == "string" else len(stream.values)
    channels = "".join(
        f"<channel><label>{escape(label)}</label><unit>{escape(stream.unit)}</unit></channel>"
        for label in stream.labels
    )
    return (
        f'<?xml version="1.0"?><info><name>{escape(stream.name)}</name><type>{escape(stream.kind)}</type>'
        f"<channel_count>{n_chans}</channel_count><nominal_srate>{stream.sfreq:g}</nominal_srate>"
        f"<channel_format>{stream.form}</channel_format><desc><channels>{channels}</channels>{stream.notes}</desc></info>"
    ).encode()


def _footer(stream: StreamText) -> bytes:
    """Write the XML of a stream footer."""
    return f'<?xml version="1.0"?><info><sample_count>{len(stream.stamps)}</sample_count></info>'.encode()
