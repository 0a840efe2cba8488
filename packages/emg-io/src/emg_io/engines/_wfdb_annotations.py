"""WFDB annotation files (``.atr``): marks at samples, with a code, a subtype and a text.

Source: WFDB Applications Guide, annot(5), MIT format.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from emg_io._errors import EmgIoError

MAX_BYTES = 32 * 2**20
MAX_ANNOTATIONS = 1_000_000
SYMBOLS = dict(
    zip(
        (*range(1, 15), 16, *range(18, 42)),
        ("N", "L", "R", "a", "V", "F", "J", "A", "S", "E", "j", "/", "Q", "~", "|", *'sT*D"=pB^t+u?![]en@xf()r'),
        strict=True,
    )
)
_SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _TEXT = range(59, 64)
_RESOLUTION = re.compile(r"## time resolution: (\d{1,9}(?:\.\d{1,9})?)\s*$")


class Annotation(NamedTuple):
    """One mark: sample (in units of the file's time resolution), symbol of its code, text."""

    sample: int
    symbol: str
    text: str


def parse_annotations(data: bytes, file: str) -> tuple[list[Annotation], float | None]:
    """Parse an annotation file.

    Parameters
    ----------
    data
        Whole file.
    file
        Name for error messages.

    Returns
    -------
    list of Annotation
        In the order of the file; definitions (texts that begin with ``##``) are left out.
    float or None
        Marks per second where the file has a time resolution of its own, else that of the record holds.
    """
    if len(data) > MAX_BYTES:
        raise EmgIoError("annotation file is too long", file=file, place="size", expected=f"<= {MAX_BYTES} bytes")
    found: list[Annotation] = []
    at = time = 0
    while True:
        code, low = _word(data, at, file)
        at += 2
        if code == 0 and low == 0:
            break
        if code == _SKIP:
            time += _long(data, at, file)
            at += 4
        elif code == _TEXT:
            found[-1:] = [_with_text(found, data, at, low, file)]
            at += low + low % 2
        elif code not in {_NUMBER, _SUBTYPE, _CHANNEL}:
            time += low  # code 0 marks nothing: writers use it to step on
            found += [Annotation(time, SYMBOLS.get(code, str(code)), "")] if code else []
        if (found and found[-1].sample < 0) or len(found) > MAX_ANNOTATIONS:
            raise EmgIoError(
                "time before the record, or too many annotations",
                file=file,
                place=f"byte {at}",
                expected=f">= 0, at most {MAX_ANNOTATIONS}",
                found=f"sample {time}, {len(found)} annotations",
            )
    rates = [match[1] for mark in found if (match := _RESOLUTION.match(mark.text))]
    return [mark for mark in found if not mark.text.startswith("##")], float(rates[0]) or None if rates else None


def _word(data: bytes, at: int, file: str) -> tuple[int, int]:
    """Read a word: six bits of code, ten of time or length."""
    if at + 2 > len(data):
        raise EmgIoError("annotation file is cut", file=file, place=f"byte {at}", expected="a final zero word")
    word = data[at] | data[at + 1] << 8
    return word >> 10, word & 1023


def _long(data: bytes, at: int, file: str) -> int:
    """Read a signed interval: two little-endian words, the high one first."""
    if at + 4 > len(data):
        raise EmgIoError("annotation file is cut", file=file, place=f"byte {at}", expected="an interval of 4 bytes")
    value = (data[at] | data[at + 1] << 8) << 16 | data[at + 2] | data[at + 3] << 8
    return value - ((value & 0x80000000) << 1)


def _with_text(found: list[Annotation], data: bytes, at: int, length: int, file: str) -> Annotation:
    """Give the last annotation its text."""
    if not found or at + length > len(data):
        raise EmgIoError(
            "text belongs to no annotation or is cut",
            file=file,
            place=f"byte {at}",
            expected=f"an annotation before, {length} bytes after",
            found=f"{len(found)} before, {len(data) - at} after",
        )
    text = data[at : at + length].rstrip(b"\0")
    try:
        return found[-1]._replace(text=text.decode("utf-8"))
    except UnicodeDecodeError:
        return found[-1]._replace(text=text.decode("latin-1"))
