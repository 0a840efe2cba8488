"""How a text table is written, and what stands before its rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np

from emg_io._errors import EmgIoError

from ._table_cells import is_number

MAX_LINE_BYTES = 2**20
MAX_COLUMNS = 10_000
MAX_LEADING_LINES = 10_000
_ENCODINGS = ("utf-8-sig", "latin-1", "ascii")
_DELIMITERS = (",", ";", "\t", " ", "|", ":")
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Dialect:
    r"""How a table is written.

    Attributes
    ----------
    delimiter
        Between cells: ``","``, ``";"``, ``"\t"``, ``"|"``, ``":"``, or ``" "`` for any run of blanks and tabs.
    header
        Whether a line in front of the rows names the columns.
    decimal
        ``"."`` or ``","``.
    comment
        What the lines begin with that may stand before the table; empty for none.
    skip_lines
        Number of lines before the table, whatever they say; comments may follow.
    encoding
        Of names, comments and words: ``"utf-8-sig"`` (with or without a byte order mark), ``"latin-1"``, ``"ascii"``.
    missing
        Cells that stand for a missing value and become NaN, such as ``"NULL"``, ``"n/a"``, ``""`` or ``"NaN"``.
    words
        Other cells that are no numbers, with the numbers they stand for, such as ``("fist", 2)``.
    trailing
        Whether a delimiter also ends every line.
    closed
        Whether the last line must have its ending, so that a file without it is known to be cut off.
    """

    delimiter: str = ","
    header: bool = False
    decimal: str = "."
    comment: str = ""
    skip_lines: int = 0
    encoding: str = "utf-8-sig"
    missing: tuple[str, ...] = ()
    words: tuple[tuple[str, float], ...] = ()
    trailing: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        rules = (
            ("delimiter", self.delimiter in _DELIMITERS, f"one of {_DELIMITERS}"),
            ("decimal", self.decimal in {".", ","} - {self.delimiter}, "'.' or ',', and not the delimiter"),
            ("encoding", self.encoding in _ENCODINGS, f"one of {_ENCODINGS}"),
            ("skip_lines", 0 <= self.skip_lines <= MAX_LEADING_LINES, f"0..{MAX_LEADING_LINES}"),
            ("trailing", not (self.trailing and self.delimiter == " "), "False where blanks are the delimiter"),
        )
        for place, fine, rule in rules:
            if not fine:
                found = repr(getattr(self, place))
                raise EmgIoError("not a dialect of tables", place=place, expected=rule, found=found)
        for word in (*self.missing, *(word for word, _ in self.words)):
            if is_number(word.encode()):
                raise EmgIoError(
                    "a number cannot stand for something else",
                    place="missing, words",
                    expected="text that is no number",
                    found=repr(word),
                )

    @property
    def meanings(self) -> dict[bytes, float]:
        """What cells that are no numbers stand for, stripped of blanks, as bytes of the file."""
        code = "utf-8" if self.encoding == "utf-8-sig" else self.encoding
        known = {**dict.fromkeys(self.missing, np.nan), **dict(self.words)}
        return {word.strip(" ").encode(code, "replace"): float(value) for word, value in known.items()}

    @property
    def n_more(self) -> int:
        """Empty cells behind the last column of every line."""
        return int(self.trailing)

    def split(self, line: str) -> list[str]:
        """Return the cells of one line, quotes heeded."""
        if self.delimiter == " ":
            return line.split()
        cells = next(csv.reader([line], delimiter=self.delimiter, strict=False), [""])
        return cells[:-1] if self.trailing and not cells[-1].strip() else cells


@dataclass(frozen=True)
class Head:
    """What stands before the rows.

    Attributes
    ----------
    comments
        Lines before the table.
    names
        Of the columns; empty where the table has no header.
    n_columns
        Number of columns: of the header, else of the first row.
    start, line
        Byte, and line from 1, of the first row.
    """

    comments: tuple[str, ...]
    names: tuple[str, ...]
    n_columns: int
    start: int
    line: int

    def column(self, index: int) -> str:
        """Return how messages call a column: its number from 1, and its name where it has one."""
        return f"column {index + 1} ({self.names[index]})" if self.names else f"column {index + 1}"


def read_head(data: bytes, file: str, dialect: Dialect) -> Head:
    """Read what stands before the rows; ``data`` may be the beginning of a file, one line of it at least."""
    if data[:2] in _UTF16_MARKS:
        raise EmgIoError("not a text of bytes", file=file, place="line 1", expected="UTF-8 or Latin-1", found="UTF-16")
    at, line, comments, mark = len(_UTF8_MARK) * data.startswith(_UTF8_MARK), 1, [], dialect.comment.encode()
    while line <= dialect.skip_lines or (mark and data.startswith(mark, at)):
        text, at = _line(data, at, line, file, dialect)
        comments.append(text)
        line += 1
        if line > MAX_LEADING_LINES + 1:
            raise EmgIoError("too many lines before the table", file=file, place=f"line {line}")
    first, behind = _line(data, at, line, file, dialect)
    try:
        cells = [cell.strip() for cell in dialect.split(first)]
    except csv.Error:
        raise EmgIoError(
            "a quote or a line ending is out of place",
            file=file,
            place=f"line {line}",
            expected="lines ended by LF or CRLF, quotes in pairs",
            found=ascii(first[:80]),
        ) from None
    if not 0 < len(cells) <= MAX_COLUMNS:
        raise EmgIoError(
            "not a table", file=file, place=f"line {line}", expected=f"1..{MAX_COLUMNS} columns", found=str(len(cells))
        )
    if not dialect.header:
        return Head(tuple(comments), (), len(cells), at, line)
    return Head(tuple(comments), tuple(cells), len(cells), behind, line + 1)


def _line(data: bytes, at: int, line: int, file: str, dialect: Dialect) -> tuple[str, int]:
    """Return the line at a byte, decoded, and the byte behind it."""
    end = data.find(b"\n", at, at + MAX_LINE_BYTES)
    if end < 0 and len(data) - at > MAX_LINE_BYTES:
        raise EmgIoError("line too long", file=file, place=f"line {line}", expected=f"<= {MAX_LINE_BYTES} bytes")
    if at >= len(data):
        raise EmgIoError(
            "file ends before the first row", file=file, place=f"line {line}", expected="rows", found="end of file"
        )
    behind = len(data) if end < 0 else end + 1
    text = data[at:behind].removesuffix(b"\n").removesuffix(b"\r")
    try:
        return text.decode(dialect.encoding), behind
    except UnicodeDecodeError as error:
        raise EmgIoError(
            "text in another encoding: name it",
            file=file,
            place=f"line {line}, byte {error.start + 1}",
            expected=dialect.encoding,
            found=ascii(text[max(0, error.start - 20) : error.start + 20]),
        ) from None
