"""Data frames that pandas wrote to HDF5, read without pandas or PyTables, in both of its layouts.

``fixed``: arrays ``axis0`` (columns), ``axis1`` (index), and for each dtype ``block{k}_items`` and ``block{k}_values``.
``table``: one compound dataset ``table`` whose members ``values_block_{k}`` hold the columns that an attribute lists.
Source: files written by pandas 3.1 with PyTables 3.11, and their attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from ._pandas_lists import text_table, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._hdf5 import Hdf5File, Node

MAX_COLUMNS = 10_000
MAX_BLOCKS = 200


@dataclass(frozen=True, eq=False)
class Block:
    """Columns of one dtype: the dataset, its member in a table, the axis of the rows, and each column's place."""

    node: Node
    member: str | None
    axis: int
    places: dict[str, int]

    def rows(self, columns: Sequence[str], start: int, stop: int | None) -> NDArray[np.generic]:
        """Read columns of the block: (columns, rows) in the dtype stored."""
        values = self.node.read(start, stop, axis=self.axis, name=self.member)
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2:
            raise self.node.bad("not the columns of a frame", "two axes", str(values.shape))
        wide = values.T if self.axis == 0 else values
        return np.ascontiguousarray(wide[[self.places[name] for name in columns]])


@dataclass(frozen=True, eq=False)
class Frame:
    """One data frame: its number of rows, its index and its columns, none of them read yet."""

    node: Node
    n_rows: int
    index: Block
    blocks: tuple[Block, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, block by block."""
        return tuple(name for block in self.blocks for name in block.places)

    def stamps(self, start: int = 0, stop: int | None = None) -> NDArray[np.generic]:
        """Read the index: (rows,)."""
        found: NDArray[np.generic] = self.index.rows([""], start, stop)[0]
        return found

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[np.generic]:
        """Read one column of numbers: (rows,) in the dtype stored."""
        found: NDArray[np.generic] = self._block(name).rows([name], start, stop)[0]
        return found

    def matrix(self, names: Sequence[str], start: int = 0, stop: int | None = None) -> NDArray[np.generic]:
        """Read columns of numbers: (columns, rows); several dtypes become their common one."""
        wanted = [(block, [name for name in names if name in block.places]) for block in self.blocks]
        parts = {name: row for block, mine in wanted if mine for name, row in _named(block, mine, start, stop)}
        missing = [name for name in names if name not in parts]
        if missing:
            raise self.node.bad("column is missing", ", ".join(missing), ", ".join(self.columns[:40]))
        return np.stack([parts[name] for name in names])

    def text(self, name: str) -> list[str]:
        """Read one column of texts."""
        block = self._block(name)
        if block.node.type.kind == "vlen":
            values = self._objects(block)[block.places[name]]
        else:
            stored = block.rows([name], 0, None)[0]
            if stored.dtype.kind != "S":
                raise block.node.bad("column is not text", f"texts in {name}", str(stored.dtype))
            values = [_utf8(item, block.node) for item in stored.tolist()]
        if len(values) != self.n_rows:
            raise block.node.bad("not a column", f"{self.n_rows} texts", str(len(values)))
        return values

    def _objects(self, block: Block) -> list[list[str]]:
        """Read a block of objects, which must be texts, column by column."""
        found = block.node.sequences()
        data = found[0] if len(found) == 1 else None
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or block.axis:
            raise block.node.bad("column cannot be read", "one array of texts", f"{len(found)} objects")
        shape = (self.n_rows, len(block.places))
        return text_table(data.tobytes(), shape, block.node.file.source.file, block.node.path)

    def _block(self, name: str) -> Block:
        """Return the block that holds a column."""
        for block in self.blocks:
            if name in block.places:
                return block
        raise self.node.bad("column is missing", name, ", ".join(self.columns[:40]) or "no columns")


def frame_at(file: Hdf5File, path: str) -> Frame:
    """Find the columns of the frame in a group; raise `EmgIoError` where there is no frame in a known layout."""
    node = file[path]
    kind = node.attribute("pandas_type")
    if kind == "frame":
        return _fixed(node)
    if kind == "frame_table":
        return _table(node)
    raise node.bad("not a data frame", "pandas_type frame or frame_table", str(kind))


def frames(file: Hdf5File) -> tuple[str, ...]:
    """Return the names of the groups below the root that hold data frames."""
    root = file.root
    return tuple(name for name in root.names if "pandas_type" in root[name].attributes)


def _fixed(node: Node) -> Frame:
    """Find the columns of the layout ``fixed``."""
    index, count = node["axis1"], node.attribute("nblocks")
    n_blocks = int(count) if isinstance(count, np.ndarray) and count.shape == () else -1
    if not 0 <= n_blocks <= MAX_BLOCKS or len(index.shape) != 1:
        raise node.bad("not a data frame", f"one index and at most {MAX_BLOCKS} blocks", str(n_blocks))
    n_rows, blocks = index.shape[0], []
    for number in range(n_blocks):
        values = node[f"block{number}_values"]
        names = [_utf8(item, node) for item in node[f"block{number}_items"].read().ravel().tolist()]
        objects = values.type.kind == "vlen"
        axis = 0 if "transposed" in values.attributes else 1
        shape = (n_rows, len(names)) if axis == 0 else (len(names), n_rows)
        if not objects and values.shape != shape:
            raise values.bad("block does not fit the frame", str(shape), str(values.shape))
        blocks.append(Block(values, None, axis, _places(names, node)))
    return _frame(node, n_rows, Block(index, None, 0, {"": 0}), blocks)


def _table(node: Node) -> Frame:
    """Find the columns of the layout ``table``."""
    table = node["table"]
    if len(table.shape) != 1 or table.type.kind != "compound":
        raise table.bad("not a table", "a row of compounds", f"{table.type.kind} {table.shape}")
    blocks = []
    for member, kind in table.type.fields:
        if member == "index":
            continue
        attribute = table.attribute(f"{member}_kind")
        spelt = attribute.encode() if isinstance(attribute, str) else attribute
        if not isinstance(spelt, bytes):
            raise table.bad("columns are not listed", f"{member}_kind", type(attribute).__name__)
        names = texts(spelt, node.file.source.file, f"{table.path} attribute {member}_kind")
        if kind.dtype.shape not in {(), (len(names),)} or (kind.dtype.shape == () and len(names) != 1):
            raise table.bad("columns do not fit the table", f"{member} of {len(names)}", str(kind.dtype.shape))
        blocks.append(Block(table, member, 0, _places(names, node)))
    return _frame(node, table.shape[0], Block(table, "index", 0, {"": 0}), blocks)


def _frame(node: Node, n_rows: int, index: Block, blocks: list[Block]) -> Frame:
    """Refuse frames of which two columns have one name."""
    frame = Frame(node, n_rows, index, tuple(blocks))
    if len(set(frame.columns)) != len(frame.columns) or len(frame.columns) > MAX_COLUMNS:
        raise node.bad("columns do not name themselves apart", f"at most {MAX_COLUMNS} names", str(len(frame.columns)))
    return frame


def _places(names: list[str], node: Node) -> dict[str, int]:
    """Return each column's place in its block."""
    places = {name: place for place, name in enumerate(names)}
    if len(places) != len(names):
        raise node.bad("columns do not name themselves apart", "different names", str(names[:40]))
    return places


def _named(block: Block, names: list[str], start: int, stop: int | None) -> list[tuple[str, NDArray[np.generic]]]:
    """Read columns of one block, which must be numbers."""
    if block.node.type.kind == "vlen":
        raise block.node.bad("column is not numeric", "numbers", f"objects in {names[0]}")
    return list(zip(names, block.rows(names, start, stop), strict=True))


def _utf8(item: object, node: Node) -> str:
    """Return the text of some bytes."""
    try:
        return item.decode() if isinstance(item, bytes) else str(item)
    except UnicodeDecodeError as error:
        raise EmgIoError("not UTF-8 text", file=node.file.source.file, place=node.path, found=str(error)) from None
