"""Numeric text tables, CSV and its kin: bytes to one array, nothing guessed, every fault with its line and column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from emg_io._errors import EmgIoError

from ._table_cells import BadCellError, numbers
from ._table_grid import Grid
from ._table_head import MAX_LINE_BYTES, Dialect, Head, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from ._table_cells import Numbers

_BLOCK_BYTES = 64 * 2**10  # large enough that calls cost little, small enough for the cache
_SETTLING_BYTES = 3 * 2**20
_FREE_BYTES = 64 * 2**20
_NEWLINE = ord("\n")
_SWAP_POINT_AND_COMMA = bytes.maketrans(b".,", b",.")
_BLANKS, _EDGES = re.compile(rb"[ \t]+"), re.compile(rb"^ | (?=\r?\n)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was read: what stands before it, and ``values``, (columns, rows)."""

    head: Head
    values: NDArray[Any]


def read_table(
    data: bytes,
    file: str,
    dialect: Dialect | None = None,
    *,
    columns: Sequence[int] | None = None,
    dtype: DTypeLike = np.float64,
    n_columns: int | None = None,
) -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    data
        Whole file. Lines end with LF or CRLF; the last one need not, and empty lines may follow it. A cell of numbers
        may stand in quotes; delimiters inside quotes are understood in the header only.
    file
        Name for error messages.
    dialect
        How the table is written; None for commas, points and no header.
    columns
        The columns wanted, from 0, in this order; the others may hold anything. None for all.
    dtype
        Of the values: float64, each ``float(cell)`` to the last bit, or an integer type, all exact.
    n_columns
        Number of columns that the table must have, where it is known.

    Returns
    -------
    Table

    Raises
    ------
    EmgIoError
        With line and column, both from 1, as an editor counts: ragged rows, cells that are no numbers or lie beyond
        the type, control characters, foreign digits, an empty table, more cells than four times the file's size holds.
    """
    reader = _Reader(data, file, dialect or Dialect(), np.dtype(dtype))
    return reader.read(columns, n_columns)


class _Reader:
    """One table while it is read."""

    def __init__(self, data: bytes, file: str, dialect: Dialect, kind: np.dtype[Any]) -> None:
        self.data, self.file, self.dialect, self.kind = data, file, dialect, kind
        if kind != np.float64 and kind.kind != "i":
            raise EmgIoError(
                "no type for a table", place="dtype", expected="float64 or a signed integer", found=str(kind)
            )
        self.head = read_head(data, file, dialect)
        self.words = dialect.meanings
        if kind.kind == "i" and any(value != value // 1 for value in self.words.values()):
            raise EmgIoError(
                "integers cannot be missing", place="dtype", expected="float64 where missing is given", found=str(kind)
            )

    def read(self, columns: Sequence[int] | None, n_columns: int | None) -> Table:
        """Read the wanted columns, block by block."""
        head = self.head
        if n_columns is not None and n_columns != head.n_columns:
            self._fail("wrong number of columns", head.line, expected=str(n_columns), found=str(head.n_columns))
        wanted = self._wanted(columns)
        stop = self._end()
        values = self._room(len(wanted), self._n_lines(head.start, stop))
        np.empty(_SETTLING_BYTES, np.uint8)  # freed at once: from then on glibc keeps, not unmaps, what a block frees
        row = 0
        for block in self._blocks(head.start, stop):
            part = self._block(block, row, wanted).reshape(-1, len(wanted))
            values[:, row : row + len(part)] = part.T
            row += len(part)
        return Table(head, values)

    def _wanted(self, columns: Sequence[int] | None) -> NDArray[np.intp]:
        """Return the indices of the columns to read."""
        wanted = np.arange(self.head.n_columns) if columns is None else np.asarray(columns, np.intp)
        if not len(wanted) or wanted.min() < 0 or wanted.max() >= self.head.n_columns:
            rule = f"columns of 0..{self.head.n_columns - 1}"
            self._fail("no such column", self.head.line, expected=rule, found=str(wanted.tolist()))
        return wanted

    def _end(self) -> int:
        """Return where the last line's text ends; empty lines behind it count where they are missing values."""
        start, data = self.head.start, self.data
        if self.head.n_columns == 1 and b"" in self.words and len(data) > start:
            return len(data) - data.endswith(b"\n")
        stop = len(data.rstrip(b"\r\n"))
        if self.dialect.closed and not data.endswith(b"\n"):
            line = self.head.line + data.count(b"\n", start)
            self._fail("file is cut off: its last line has no end", line, expected="LF or CRLF", found="end of file")
        if stop <= start:
            self._fail("file ends before the first row", self.head.line, expected="rows", found="end of file")
        return stop

    def _n_lines(self, start: int, stop: int) -> int:
        """Count lines, the last one without its ending."""
        text, step = np.frombuffer(self.data, np.uint8), 2**20
        parts = (text[at : min(at + step, stop)] for at in range(start, stop, step))
        return 1 + sum(int(np.count_nonzero(part == _NEWLINE)) for part in parts)

    def _room(self, n_columns: int, n_rows: int) -> NDArray[Any]:
        """Allocate the values, bounded by the size of the file."""
        needed, limit = n_columns * n_rows * self.kind.itemsize, max(_FREE_BYTES, 4 * len(self.data))
        if needed > limit:
            self._fail("more cells than text", self.head.line, expected=f"<= {limit} bytes", found=f"{needed} bytes")
        return np.empty((n_columns, n_rows), self.kind)

    def _blocks(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield whole lines, some `_BLOCK_BYTES` at once, each ended by LF."""
        data = self.data
        while stop - start > _BLOCK_BYTES:
            end = data.rfind(b"\n", start, start + _BLOCK_BYTES) + 1 or data.find(b"\n", start, stop) + 1 or stop
            if end - start > MAX_LINE_BYTES:
                line = self.head.line + data.count(b"\n", self.head.start, start)
                self._fail("line too long", line, expected=f"<= {MAX_LINE_BYTES} bytes", found=f"{end - start} bytes")
            if end == stop:
                break
            yield data[start:end]
            start = end
        yield data[start:stop] + b"\n"

    def _block(self, block: bytes, row: int, wanted: NDArray[np.intp]) -> Numbers:
        """Return the wanted numbers of some lines, row after row; ``row`` is the first one."""
        text, n_cells = self._normal(block), self.head.n_columns + self.dialect.n_more
        grid = Grid.of(text, ord(self.dialect.delimiter), n_cells)
        if grid is None or not self._trailing_cells_are_empty(grid, n_cells):
            self._ragged(text, row)
        if n_cells != len(wanted) or wanted.tolist() != list(range(n_cells)):
            grid = grid.columns(wanted, n_cells)
        try:
            values = numbers(grid, self.words, whole=self.kind.kind == "i")
        except BadCellError as bad:
            self._bad_cell(grid, bad.index, row, wanted, bad.rule)
        if self.kind.itemsize < values.itemsize:
            limits = np.iinfo(self.kind)
            outside = np.flatnonzero((values < limits.min) | (values > limits.max))
            if len(outside):
                self._bad_cell(grid, int(outside[0]), row, wanted, f"an integer in {limits.min}..{limits.max}")
        return values

    def _normal(self, block: bytes) -> bytes:
        """Return lines with decimal points and single delimiters."""
        if self.dialect.delimiter == " ":
            block = _EDGES.sub(b"", _BLANKS.sub(b" ", block))
        return block.translate(_SWAP_POINT_AND_COMMA) if self.dialect.decimal == "," else block

    def _trailing_cells_are_empty(self, grid: Grid, n_cells: int) -> bool:
        """Tell whether nothing stands between the delimiter that ends a line and the line's end."""
        last = slice(n_cells - 1, None, n_cells)
        return not self.dialect.trailing or bool((grid.starts[last] == grid.stops[last]).all())

    def _ragged(self, text: bytes, row: int) -> NoReturn:
        """Find the first line that has another number of columns than the table."""
        delimiter, n_columns = self.dialect.delimiter.encode(), self.head.n_columns
        for line in text.split(b"\n")[:-1]:
            found = line.count(delimiter) + 1
            ended = not self.dialect.trailing or line.endswith(delimiter)
            if found != n_columns + self.dialect.n_more or not ended:
                break
            row += 1
        found -= self.dialect.trailing and ended
        self._fail(
            "not a row" if line.strip() else "empty line",
            self.head.line + row,
            expected=f"{n_columns} columns" + ", each line ended by a delimiter" * self.dialect.trailing,
            found=f"{found}: {self._show(line)}",
        )

    def _bad_cell(self, grid: Grid, index: int, row: int, wanted: NDArray[np.intp], rule: str) -> NoReturn:
        """Complain about one cell."""
        line = self.head.line + row + index // len(wanted)
        column = self.head.column(int(wanted[index % len(wanted)]))
        self._fail("not a value", line, column, expected=rule, found=self._show(grid.cell(index)))

    def _fail(self, problem: str, line: int, column: str = "", *, expected: str, found: str) -> NoReturn:
        """Raise for a place in the table."""
        place = f"line {line}" + f", {column}" * bool(column)
        raise EmgIoError(problem, file=self.file, place=place, expected=expected, found=found)

    def _show(self, text: bytes) -> str:
        """Return text of the table for a message: short, printable, quoted, as the file has it."""
        shown = text.translate(_SWAP_POINT_AND_COMMA) if self.dialect.decimal == "," else text
        return ascii(shown[:80].decode("latin-1"))
