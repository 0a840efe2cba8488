"""Where the bytes of an HDF5 dataset lie: in its header, in one piece, or in chunks that an index lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._hdf5_bytes import UNDEFINED, Cursor
from ._hdf5_chunks import Index, Plan, new_index, old_index
from ._hdf5_filters import DEFLATE, LZF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._hdf5_filters import Filter

MAX_CHUNK_BYTES = 64 * 2**20
MAX_DECLARED_BYTES, MAX_RATIO = 256 * 2**20, 64
MAX_LZF_BYTES = 8 * 2**20
_RATIOS = {DEFLATE: 1040, LZF: 132}  # what these can do at most: deflate 1032, LZF 264 bytes for 3 and less
_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)


@dataclass(frozen=True)
class Compact:
    """Bytes in the header."""

    data: bytes


@dataclass(frozen=True)
class Contiguous:
    """Bytes in one piece."""

    address: int


@dataclass(frozen=True, eq=False)
class Chunked:
    """Chunks of one shape, in the order of their cells (n, axes); addresses, stored bytes and filter masks (n,)."""

    chunk: tuple[int, ...]
    filters: tuple[Filter, ...]
    cells: NDArray[np.int64]
    addresses: NDArray[np.int64]
    sizes: NDArray[np.int64]
    masks: NDArray[np.int64]


Layout = Compact | Contiguous | Chunked


def parse_layout(
    cursor: Cursor, shape: tuple[int, ...], limits: tuple[int, ...], width: int, filters: tuple[Filter, ...]
) -> Layout:
    """Read a layout message and hold it to the shape, the width of an element in bytes, and the file.

    Raises
    ------
    EmgIoError
        If bytes are missing, lie outside the file, are declared twice, or are virtual.
    """
    version = cursor.expect(1, (3, 4, 5), "layout version")
    kind = cursor.number(1)
    wanted = math.prod(shape) * width
    if filters and kind != _CHUNKED:
        raise cursor.bad("filters on chunks only", f"filters on layout {kind}")
    if kind == _COMPACT:
        data = cursor.raw(cursor.number(2))
        if len(data) != wanted:
            raise cursor.bad(f"{wanted} bytes for shape {shape}", f"{len(data)} bytes")
        return Compact(data)
    if kind == _CONTIGUOUS:
        return _contiguous(cursor, wanted, shape)
    if kind == _CHUNKED:
        return _chunked(cursor, version, shape, limits, width, filters)
    raise cursor.bad("bytes in this file", "a virtual dataset" if kind == _VIRTUAL else f"layout {kind}")


def _contiguous(cursor: Cursor, wanted: int, shape: tuple[int, ...]) -> Layout:
    """Check that the bytes lie in the file."""
    address, size = cursor.numbers((8, 8))
    if not wanted:
        return Compact(b"")
    if address == UNDEFINED:
        raise cursor.bad(f"{wanted} bytes for shape {shape}", "a dataset that was never written")
    if size != wanted:
        raise cursor.bad(f"{wanted} bytes for shape {shape}", f"{size} bytes")
    cursor.bytes.inside(address, wanted, "samples")
    return Contiguous(address)


def _chunked(
    cursor: Cursor,
    version: int,
    shape: tuple[int, ...],
    limits: tuple[int, ...],
    width: int,
    filters: tuple[Filter, ...],
) -> Layout:
    """Read the shape of a chunk and the index of chunks."""
    flags = cursor.number(1) if version > 3 else 0
    rank = cursor.number(1) - 1
    address = cursor.number(8) if version == 3 else UNDEFINED
    length = 4 if version == 3 else cursor.expect(1, range(1, 9), "bytes of a length")
    lengths = cursor.numbers((length,) * (rank + 1))
    if rank < 1 or rank != len(shape) or lengths[-1] != width or min(lengths) < 1:
        raise cursor.bad(f"chunks for shape {shape} of {width}-byte elements", str(lengths))
    plan = Plan(shape, limits, lengths[:-1], width, bool(filters))
    if plan.bytes > MAX_CHUNK_BYTES:
        raise cursor.bad(f"chunks of at most {MAX_CHUNK_BYTES} bytes", str(plan.bytes))
    if not math.prod(shape):
        return Compact(b"")
    if flags & 1 and any(total % part for total, part in zip(shape, plan.chunk, strict=True)):
        raise cursor.bad("filters on all chunks alike", "partial chunks without filters, which are not supported")
    declared, limit = math.prod(shape) * width, max(MAX_DECLARED_BYTES, MAX_RATIO * cursor.bytes.size)
    if declared > limit:
        raise cursor.bad(f"at most {limit} bytes, {MAX_RATIO} times the file", f"{declared} bytes for shape {shape}")
    if math.prod(plan.grid) > cursor.bytes.size:
        raise cursor.bad("chunks that fit the file", f"{math.prod(plan.grid)} chunks")
    index = old_index(cursor.bytes, address, plan) if version == 3 else new_index(cursor, cursor.number(1), flags, plan)
    return _covering(cursor, index, plan, filters)


def _covering(cursor: Cursor, index: Index, plan: Plan, filters: tuple[Filter, ...]) -> Chunked:
    """Check that chunks cover the dataset once each."""
    grid, cells = plan.grid, index.cells
    if (cells < 0).any() or (cells >= np.array(grid)).any():
        raise cursor.bad(f"chunks within {grid} cells", "one outside")
    order = np.ravel_multi_index(tuple(cells.T), grid)
    rank = np.argsort(order, kind="stable")
    if len(order) != math.prod(grid) or (order[rank] != np.arange(len(order))).any():
        raise cursor.bad(f"{math.prod(grid)} chunks, each once", f"{len(order)}: some missing or repeated")
    _apart(cursor, index, plan.bytes, filters)
    kept = (index.cells[rank], index.addresses[rank], index.sizes[rank], index.masks[rank])
    return Chunked(plan.chunk, filters, *kept)


def _apart(cursor: Cursor, index: Index, size: int, filters: tuple[Filter, ...]) -> None:
    """Check that chunks lie in the file, apart from one another, and can hold what they should."""
    source = cursor.bytes
    room = source.size - source.base
    if (index.addresses < 0).any() or (index.sizes < 1).any() or (index.addresses > room - index.sizes).any():
        raise cursor.bad(f"chunks inside a file of {source.size} bytes", "one that is not")
    by_address = np.argsort(index.addresses)
    starts, stops = index.addresses[by_address], (index.addresses + index.sizes)[by_address]
    if (stops[:-1] > starts[1:]).any():
        raise cursor.bad("chunks apart from one another", "two that overlap")
    if any(item.code == LZF for item in filters) and index.sizes.sum() > MAX_LZF_BYTES:
        expected = f"at most {MAX_LZF_BYTES} bytes of LZF, which is slow here; rewrite the file with h5repack -f GZIP=1"
        raise cursor.bad(expected, f"{index.sizes.sum()} bytes")
    ratio = max([1, *(_RATIOS.get(item.code, 1) for item in filters)])
    if (index.sizes > size * 2 + 64).any() or (index.sizes * ratio + 64 < size).any():
        raise cursor.bad(f"stored chunks that can hold {size} bytes", f"{index.sizes.min()} to {index.sizes.max()}")
