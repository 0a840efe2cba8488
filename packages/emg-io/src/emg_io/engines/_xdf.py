"""XDF files: one pass finds the streams, where their samples lie and when they were taken; values are read on demand.

Own reader because the field's common one loads every stream whole, sample by sample, and trusts its counts and XML.
A damaged place (a cut tail, as after a crash, is common) costs the chunks up to the next Boundary and is told; whatever
else breaks the format is an error. Source: XDF 1.0 specification, sccn/xdf.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from emg_io._errors import EmgIoError

from ._xdf_chunks import CLOCK_OFFSET, SAMPLES, STREAM_FOOTER, STREAM_HEADER, Chunk, Loss, inflate, walk
from ._xdf_samples import DTYPES, MAX_SECONDS, stamps_of, texts_of, values_of
from ._xdf_stream import XdfStream, number_of
from ._xdf_xml import parse_xml

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_STREAMS, MAX_CHANS = 1000, 65_536
MIN_SFREQ, MAX_SFREQ = 1e-6, 1e9
MAX_TEXTS = 2_000_000
SMALL_FILE_SAMPLES = 2**25
_FILE_BYTES_A_SAMPLE = 8
_KNOWN_TAGS = range(1, 7)


@dataclass(frozen=True)
class XdfFile:
    """The streams of a file by number, and what is odd about the file."""

    file: str
    streams: dict[int, XdfStream]
    losses: tuple[Loss, ...]
    warnings: tuple[str, ...]

    def values(self, stream: BinaryIO, number: int, start: int, stop: int) -> NDArray[np.generic]:
        """Read samples ``start`` to ``stop`` of a stream of numbers: (channels, time), native byte order."""
        found = self.streams[number]
        out = np.empty((found.n_chans, stop - start), found.dtype)
        chunk = max(0, bisect_right(found.firsts, start) - 1)
        while chunk < len(found.firsts) and found.firsts[chunk] < stop:
            first = found.firsts[chunk]
            stream.seek(found.starts[chunk])
            table = values_of(stream.read(found.lengths[chunk]), found.dtype, found.n_chans)
            low, high = max(start - first, 0), min(stop - first, len(table))
            out[:, first + low - start : first + high - start] = table[low:high].T
            chunk += 1
        return out


def open_xdf(stream: BinaryIO, size: int, *, compressed: bool, file: str) -> tuple[BinaryIO, int, bool]:
    """Return a seekable stream of the chunks, its size, and whether the compression of an ``.xdfz`` ends too early."""
    if not compressed:
        return stream, size, False
    data, cut = inflate(stream.read(size), file)
    return io.BytesIO(data), len(data), cut


def index_xdf(stream: BinaryIO, size: int, file: str) -> XdfFile:
    """Go through a file once.

    Parameters
    ----------
    stream
        Seekable, not compressed.
    size
        Bytes.
    file
        For error messages.

    Returns
    -------
    XdfFile

    Raises
    ------
    EmgIoError
        With the byte, where a header or a clock breaks the format, or a chunk belongs to no stream.
    """
    indexer, losses = _Indexer(file, size), list[Loss]()
    chunks = walk(stream, size, file, losses)
    chunk = next(chunks, None)
    while chunk is not None:
        try:
            chunk = chunks.send(indexer.take(chunk))
        except StopIteration:
            chunk = None
    if not indexer.streams:
        raise EmgIoError(
            "file holds no stream", file=file, place="stream headers", expected="one or more", found="none"
        )
    return XdfFile(file, indexer.streams, tuple(losses), indexer.finish(losses))


class _Indexer:
    """Takes chunk after chunk."""

    def __init__(self, file: str, size: int) -> None:
        self.streams: dict[int, XdfStream] = {}
        self._file, self._strange, self._n_texts, self._n_samples = file, 0, 0, 0
        self._max_samples = max(SMALL_FILE_SAMPLES, size // _FILE_BYTES_A_SAMPLE)

    def take(self, chunk: Chunk) -> str | None:
        """Note what a chunk tells; return the reason where its content is damaged."""
        if chunk.tag not in {STREAM_HEADER, SAMPLES, CLOCK_OFFSET, STREAM_FOOTER}:
            self._strange += chunk.tag not in _KNOWN_TAGS
            return None
        if len(chunk.content) < 4:
            return "chunk is too short for a stream number"
        number = int.from_bytes(chunk.content[:4], "little")
        if chunk.tag == STREAM_HEADER:
            self._add(number, chunk)
            return None
        if number not in self.streams:
            raise EmgIoError(
                "chunk belongs to no stream",
                file=self._file,
                place=f"byte {chunk.start}",
                expected=f"stream {', '.join(map(str, self.streams)) or 'header first'}",
                found=str(number),
            )
        found = self.streams[number]
        if chunk.tag == CLOCK_OFFSET:
            return _offset(found, chunk)
        if chunk.tag == STREAM_FOOTER:
            found.footer = parse_xml(chunk.content[4:], self._file, f"footer of stream {number}, byte {chunk.start}")
            return None
        return self._samples(found, chunk)

    def _add(self, number: int, chunk: Chunk) -> None:
        """Read a stream header."""
        place = f"header of stream {number}, byte {chunk.start}"
        header = parse_xml(chunk.content[4:], self._file, place)
        count, rate, kind = (header.value(tag) for tag in ("channel_count", "nominal_srate", "channel_format"))
        n_chans = int(count) if count.isascii() and count.isdecimal() and len(count) < 9 else 0
        sfreq = number_of(rate)
        if (
            not 1 <= n_chans <= MAX_CHANS
            or not (sfreq == 0 or MIN_SFREQ <= sfreq <= MAX_SFREQ)
            or (kind not in DTYPES and kind != "string")
        ):
            raise EmgIoError(
                "not a stream header",
                file=self._file,
                place=place,
                expected=f"channel_count <= {MAX_CHANS}, nominal_srate 0 or 1e-6..1e9, a known format",
                found=f"{count[:20]!r}, {rate[:20]!r}, {kind[:20]!r}",
            )
        if number in self.streams or len(self.streams) >= MAX_STREAMS:
            raise EmgIoError("stream header comes again, or too many", file=self._file, place=place, found=str(number))
        self.streams[number] = XdfStream(number, header, n_chans, sfreq, DTYPES.get(kind, ""))

    def _samples(self, found: XdfStream, chunk: Chunk) -> str | None:
        """Note the stamps of a samples chunk, and its texts."""
        content = chunk.content[4:]
        if found.dtype:
            stamps = stamps_of(content, np.dtype(found.dtype).itemsize * found.n_chans)
        else:
            texts = texts_of(content, found.n_chans)
            stamps = texts if isinstance(texts, str) else texts.stamps
            if not isinstance(texts, str):
                found.texts += texts.values
                self._n_texts += len(texts.values) * found.n_chans
        if isinstance(stamps, str):
            return f"stream {found.number}: {stamps}"
        if self._n_texts > MAX_TEXTS or self._n_samples > self._max_samples:
            raise EmgIoError(
                "too many texts or samples for a file of this size",
                file=self._file,
                place=f"byte {chunk.start}",
                expected=f"<= {MAX_TEXTS} texts, <= {self._max_samples} samples",
            )
        if len(stamps):
            found.starts.append(chunk.start + 4)
            found.lengths.append(len(content))
            found.firsts.append(found.n_samples)
            found.stamps.frombytes(stamps.tobytes())
            self._n_samples += len(stamps)
        return None

    def finish(self, losses: list[Loss]) -> tuple[str, ...]:
        """Drop stray ends, and say what was lost or left out."""
        said = [f"bytes {loss.start} to {loss.stop} lost: {loss.reason}" for loss in losses[:20]]
        said += [f"{len(losses) - 20} more damaged places"] if len(losses) > 20 else []
        said += [f"{self._strange} chunks of unknown kind left out"] if self._strange else []
        for found in self.streams.values():
            dropped = found.drop_stray_end()
            if dropped:
                said.append(f"stream {found.number} ({found.name}): {dropped} stray samples at the end dropped")
            count = found.footer.value("sample_count") if found.footer else ""
            if found.footer is None:
                said.append(f"stream {found.number} ({found.name}) has no footer: the recording did not end properly")
            elif count and count != str(found.n_samples):
                said.append(f"stream {found.number} ({found.name}): footer says {count[:20]} samples, not as found")
        return tuple(said)


def _offset(found: XdfStream, chunk: Chunk) -> str | None:
    """Note a clock offset."""
    if len(chunk.content) != 20:
        return "clock offset has the wrong length"
    time, value = struct.unpack_from("<dd", chunk.content, 4)
    if not (abs(time) <= MAX_SECONDS and abs(value) <= MAX_SECONDS):
        return "clock offset is no time"
    found.measured.append((time, value))
    return None
