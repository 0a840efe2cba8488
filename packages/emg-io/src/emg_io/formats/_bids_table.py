"""Tables and JSON files of a BIDS data set, read with patience: Latin-1, padding, decimal commas, padded ``n/a``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emg_io._container import Container

MAX_TABLE_BYTES = 32 * 2**20  # as text of Python about ten times that
MAX_JSON_BYTES = 16 * 2**20
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """A table of text: ``rows`` are line numbers and cells, in the order of ``columns``; ``n/a`` is the empty text."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def __iter__(self) -> Iterator[Row]:
        places = {name: place for place, name in enumerate(self.columns)}
        return (Row(self.file, line, places, cells) for line, cells in self.rows)

    def require(self, *columns: str) -> None:
        """Refuse a table that lacks a column."""
        for column in columns:
            if column not in self.columns:
                found = ", ".join(self.columns)
                raise EmgIoError("column is missing", file=self.file, place="line 1", expected=column, found=found)


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    file: str
    line: int
    places: dict[str, int]
    cells: tuple[str, ...]

    def text(self, *columns: str) -> str:
        """Return the first of some columns that exists and is not empty, else ``""``."""
        return next((self.cells[self.places[name]] for name in columns if name in self.places and self._said(name)), "")

    def number(self, column: str, default: float | None = None) -> float:
        """Return a finite number; where there is none, the default, or an error if that is None."""
        words = self.text(column)
        if not words and default is not None:
            return default
        value = float(words.replace(",", ".")) if _NUMBER.fullmatch(words) else math.nan
        if not math.isfinite(value):
            raise self.wrong(column, "a number", words or "n/a")
        return value

    def wrong(self, column: str, expected: str, found: str) -> EmgIoError:
        """Return the error of a cell."""
        place = f"line {self.line}, column {column}"
        return EmgIoError("not what the column holds", file=self.file, place=place, expected=expected, found=found)

    def _said(self, column: str) -> bool:
        """Tell whether a cell says something."""
        return bool(self.cells[self.places[column]])


def read_table(container: Container, name: str) -> Table:
    """Read a table of tab-separated values; a row of another width than the first raises `EmgIoError`."""
    file = container.label(name)
    with container.open(name) as stream:
        data = stream.read(MAX_TABLE_BYTES + 1)
    if len(data) > MAX_TABLE_BYTES:
        raise EmgIoError("table is too large", file=file, place="size", expected=f"<= {MAX_TABLE_BYTES} bytes")
    lines = [line for line in enumerate(re.split(r"\r\n|\n|\r", _decode(data)), 1) if line[1].strip()]
    if not lines:
        raise EmgIoError("table is empty", file=file, place="line 1", expected="names of columns")
    columns = tuple(cell.strip().strip('"') for cell in lines[0][1].split("\t"))
    if len(set(columns)) != len(columns):
        raise EmgIoError("column occurs twice", file=file, place="line 1", found=ascii(lines[0][1])[:200])
    rows = []
    for line, words in lines[1:]:
        cells = tuple(_cell(cell) for cell in words.split("\t"))
        if len(cells) != len(columns):
            expected, found = f"{len(columns)} cells", str(len(cells))
            raise EmgIoError("row has another width", file=file, place=f"line {line}", expected=expected, found=found)
        rows.append((line, cells))
    return Table(file, columns, tuple(rows))


def read_json(container: Container, name: str) -> dict[str, Any]:
    """Read a JSON object."""
    file = container.label(name)
    with container.open(name) as stream:
        data = stream.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise EmgIoError("JSON file is too large", file=file, place="size", expected=f"<= {MAX_JSON_BYTES} bytes")
    try:
        body = orjson.loads(_decode(data))
    except orjson.JSONDecodeError as error:
        raise EmgIoError("not JSON", file=file, place="JSON", found=str(error)) from None
    if not isinstance(body, dict):
        raise EmgIoError("not a JSON object", file=file, place="JSON", found=type(body).__name__)
    return body


def _decode(data: bytes) -> str:
    """Return text: UTF-8 as the standard says, Latin-1 where it is not that."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _cell(words: str) -> str:
    """Return a cell without padding; empty where it says that nothing is known."""
    bare = words.strip()
    return "" if bare.casefold() in {"n/a", "na", "nan"} else bare
