"""JSON arrays of numbers to numpy, many arrays at a time: a token of up to four characters is one 32-bit word."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from ._spellings import Spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ._json import Span

_BYTES_AT_ONCE = 65_536  # keeps the words in the second-level cache
_COMMA = ord(",")
_PAD = b",,,,"
_PEEK = 48
_MASKS = np.array([0, 0xFFFF0000, 0xFFFFFF00, 0xFFFFFFFF, 0xFFFFFFFF, 0], np.uint32)  # by length of the token


def read_arrays(data: bytes, spans: Sequence[Span], file: str) -> list[NDArray[np.generic]]:
    """Read flat arrays; see `Document.numbers`."""
    arrays: list[NDArray[np.generic]] = []
    for some in _batches(data, spans):
        quick = _counts(data, some) if _whole(data, some[0]) else [None] * len(some)
        arrays += [
            _numbers(data, span, file) if array is None else array for span, array in zip(some, quick, strict=True)
        ]
    return arrays


def _batches(data: bytes, spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """Yield the spans in batches of some text, integers and others apart."""
    first, size = 0, 0
    for index, span in enumerate(spans):
        if size and (size > _BYTES_AT_ONCE or _whole(data, span) != _whole(data, spans[first])):
            yield spans[first:index]
            first, size = index, 0
        size += span.stop - span.start
    if first < len(spans):
        yield spans[first:]


def _whole(data: bytes, span: Span) -> bool:
    """Guess from its beginning whether an array holds whole numbers; a wrong guess costs time only."""
    return data.find(b".", span.start, min(span.stop, span.start + _PEEK)) < 0


def _counts(data: bytes, spans: Sequence[Span]) -> list[NDArray[np.int8] | None]:
    """Read arrays of integers in -128..127 that are spelt plainly; None for all other arrays."""
    texts = [data[start + 1 : stop - 1] for start, stop in spans]
    if any(b", " in text[:_PEEK] for text in texts):
        texts = [text.replace(b", ", b",") for text in texts]
    text = np.frombuffer(b"".join((_PAD, b",".join(texts), b",")), np.uint8)
    stops = np.flatnonzero(text == _COMMA)[len(_PAD) - 1 :]
    lengths, stops = np.diff(stops) - 1, stops[1:]
    words = np.ndarray((len(text) - 3,), "<u4", text, 0, (1,))[stops - 4].astype(np.uint32, copy=False)
    words &= _MASKS[np.minimum(lengths, 5)]
    table = _plain_integers()
    slots = (words * table.multiplier) >> table.shift
    counts = table.counts[slots]
    ends = np.cumsum([len(some) + 1 for some in texts]) + (len(_PAD) - 1)
    last = np.searchsorted(stops, ends)
    odd = np.flatnonzero(table.keys[slots] != words)
    wrong = set(np.searchsorted(last, odd).tolist())
    arrays = np.split(counts, last[:-1] + 1)
    return [None if index in wrong else array for index, array in enumerate(arrays)]


@lru_cache(maxsize=1)
def _plain_integers() -> Spellings:
    """Hash ``-128`` to ``127``, with the comma before a token where the word has room, so that its length counts."""
    return Spellings.of(lambda count: f",{count}"[-4:], np.uint32, 11)


def _numbers(data: bytes, span: Span, file: str) -> NDArray[np.generic]:
    """Read one array by the general parser, which knows no infinity; true, false, null and {} have u, l or a brace."""
    import orjson

    text = data[span.start : span.stop]
    try:
        values = None if b"u" in text or b"l" in text or b"{" in text else orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if values is None:
        raise EmgIoError(
            "not an array of numbers",
            file=file,
            place=f"byte {span.start}",
            expected="finite numbers",
            found=ascii(text[:60].decode("latin-1")),
        )
    array = np.array(values)
    return array if array.dtype.kind in "if" else array.astype(np.float64)
