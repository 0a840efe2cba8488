"""JSON whose bulk is arrays of numbers: the arrays are cut out, what is left is parsed, the arrays are read on demand.

A flat array (no string and no array inside) is located without being looked into; in its place the tree holds a `Span`.
`Document.numbers` reads spans, `_json_numbers` does so at the speed of arrays. An array that nobody asks for is not
looked into, except by `Document.check`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from emg_io._errors import EmgIoError

from ._json_numbers import read_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

MAX_ARRAYS = 50_000
MAX_ARRAY_BYTES = 2**20
MAX_SKELETON_BYTES = 2**20
MAX_DEPTH = 200
_BACKSLASH = ord("\\")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class Span(NamedTuple):
    """A flat array of the text: bytes ``start`` (its bracket) to ``stop`` (behind the closing one)."""

    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Document:
    """A parsed text.

    Attributes
    ----------
    tree
        What `json.loads` returns, but for flat arrays, which are `Span`.
    spans
        All flat arrays, in order.
    data
        The text.
    file
        Name for error messages.
    """

    tree: Any
    spans: Sequence[Span] = field(repr=False)
    data: bytes = field(repr=False)
    file: str

    def numbers(self, spans: Sequence[Span]) -> list[NDArray[np.generic]]:
        """Read flat arrays of numbers.

        Parameters
        ----------
        spans
            Of this document's tree.

        Returns
        -------
        list of ndarray
            1-D: int8 where all numbers are whole, fit and are spelt plainly; else int64, or float64 where one is no
            integer or too large. An empty array is float64.

        Raises
        ------
        EmgIoError
            Naming the first byte of the array that holds anything but finite numbers.
        """
        return read_arrays(self.data, spans, self.file)

    def check(self) -> None:
        """Look into all flat arrays; raise `EmgIoError` for one that is not JSON."""
        import orjson

        for start, stop in self.spans:
            try:
                orjson.loads(self.data[start:stop])
            except orjson.JSONDecodeError as error:
                _refuse(self.file, f"byte {start + error.pos}", "not JSON: array is damaged", "JSON", error.msg)


def parse(data: bytes, file: str) -> Document:
    """Parse a JSON text.

    Parameters
    ----------
    data
        UTF-8, with or without a byte-order mark.
    file
        Name for error messages.

    Returns
    -------
    Document

    Raises
    ------
    EmgIoError
        If the text breaks JSON (NaN and infinities do), an object has a key twice, nesting is deeper than the
        interpreter bears (some hundred levels), there are more than `MAX_ARRAYS` flat arrays, one of them is longer
        than `MAX_ARRAY_BYTES`, or what is left without them is larger than `MAX_SKELETON_BYTES`. So the memory it
        takes is bounded whatever the text is.
    """
    spans = _bounded_spans(data, file)
    edges = [0, *(edge for span in spans for edge in span), len(data)]
    pieces = [data[start:stop] for start, stop in list(pairwise(edges))[::2]]
    size = sum(map(len, pieces))
    if size > MAX_SKELETON_BYTES:
        _refuse(file, "outside arrays of numbers", "text is too large", f"<= {MAX_SKELETON_BYTES} bytes", str(size))
    return Document(_tree(b"NaN".join(pieces), spans, file), spans, data, file)


def flat_arrays(data: bytes) -> Iterator[Span]:
    """Yield the arrays of a JSON text that hold neither strings nor arrays, in order; strings are skipped.

    Each of the three marks is searched once from left to right, so time is linear in the text whatever it holds.
    """
    quote, opening, closing = data.find(b'"'), data.find(b"["), data.find(b"]")
    while opening >= 0:
        if 0 <= quote < opening:
            end = _string_end(data, quote)
            if end < 0:
                return
            quote = data.find(b'"', end)
            opening = _from(data, b"[", opening, end)
            continue
        closing = _from(data, b"]", closing, opening)
        if closing < 0:
            return
        following = data.find(b"[", opening + 1)
        if not (opening < quote < closing or opening < following < closing):
            yield Span(opening, closing + 1)
        opening = following


def _from(data: bytes, mark: bytes, at: int, start: int) -> int:
    """Return where a mark comes next at or after ``start``; ``at`` is where it was found before."""
    return at if at < 0 or at >= start else data.find(mark, start)


def _string_end(data: bytes, quote: int) -> int:
    """Return the byte behind the string that a quote opens, or -1 where nothing closes it."""
    end = data.find(b'"', quote + 1)
    while end >= 0:
        before = end - 1
        while data[before] == _BACKSLASH:
            before -= 1
        if (end - before) % 2:
            return end + 1
        end = data.find(b'"', end + 1)
    return -1


def _bounded_spans(data: bytes, file: str) -> list[Span]:
    """List the flat arrays of a text, refusing too many and too long ones."""
    spans: list[Span] = []
    for span in flat_arrays(data):
        if span.stop - span.start > MAX_ARRAY_BYTES:
            found = str(span.stop - span.start)
            _refuse(file, f"byte {span.start}", "array is too long", f"<= {MAX_ARRAY_BYTES} bytes", found)
        spans.append(span)
        if len(spans) > MAX_ARRAYS:
            _refuse(file, f"byte {span.start}", "too many arrays", f"<= {MAX_ARRAYS}", "more")
    return spans


def _tree(skeleton: bytes, spans: Sequence[Span], file: str) -> Any:  # noqa: ANN401  any JSON value
    """Parse what is left of a text; each array has become ``NaN``, which JSON itself does not know."""
    waiting = iter(spans)

    def constant(name: str) -> Span:
        span = next(waiting, None) if name == "NaN" else None
        if span is None:
            _refuse(file, "JSON", "not a number of JSON", "finite numbers", name)
        return span

    _refuse_deep(skeleton, file)
    try:
        text = skeleton.decode("utf-8-sig")
        tree = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, file), parse_constant=constant)
    except json.JSONDecodeError as error:
        at = len(skeleton) - len(text[error.pos :].encode())
        place = f"byte {_original(at, skeleton, spans)}"
        _refuse(file, place, "not JSON: file is cut off or damaged", "JSON", error.msg)
    except UnicodeDecodeError as error:
        _refuse(file, f"byte {_original(error.start, skeleton, spans)}", "not UTF-8", "UTF-8", error.reason)
    except EmgIoError:
        raise
    except ValueError as error:
        _refuse(file, "JSON", "number without end", "plain JSON", type(error).__name__)
    return tree


def _refuse_deep(skeleton: bytes, file: str) -> None:
    """Refuse brackets within brackets beyond `MAX_DEPTH`: how deep the interpreter itself can go differs."""
    steps = np.zeros(256, np.int32)
    steps[list(b"[{")], steps[list(b"]}")] = 1, -1
    depth = np.cumsum(steps[np.frombuffer(_STRING.sub(b"", skeleton), np.uint8)])
    if depth.max(initial=0) > MAX_DEPTH:
        _refuse(file, "JSON", "nested too deeply", f"<= {MAX_DEPTH} levels", str(depth.max()))


def _object(pairs: list[tuple[str, Any]], file: str) -> dict[str, Any]:
    """Make an object of its pairs, refusing a key that comes twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        found = f"{keys.count(twice)} times"
        _refuse(file, f"key {twice[:80]!a}", "key occurs twice in one object", "once", found)
    return made


def _original(at: int, skeleton: bytes, spans: Sequence[Span]) -> int:
    """Return the byte of the text that byte ``at`` of the skeleton comes from."""
    shift = 0
    for span in spans:
        if span.start - shift >= at:
            break
        shift += span.stop - span.start - len("NaN")
    return min(at, len(skeleton)) + shift


def _refuse(file: str, place: str, problem: str, expected: str, found: str) -> NoReturn:
    """Raise the error."""
    raise EmgIoError(problem, file=file, place=place, expected=expected, found=found)
