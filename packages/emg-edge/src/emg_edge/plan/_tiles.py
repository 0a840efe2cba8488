"""How each operator would be cut into tiles that fit L1, and the bytes that this moves: a model, not yet code."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from emg_edge._errors import BudgetError
from emg_edge.kernels import Attention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emg_edge.program._op import Cut, Op
    from emg_edge.program._tensor import Tensor
    from emg_edge.targets import MemoryLevel

QUERY_ROWS = 8  # query rows that attention holds at a time, one per core


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """Tiles of one operator.

    Parameters
    ----------
    tiles
        Number of tiles.
    transfers
        Number of DMA transfers.
    nbytes
        Bytes moved between L2 and L1, both directions.
    l1_bytes
        Working set, two buffers for what streams.
    axes, extent, tile
        What is cut, how long each axis is, and how much of it one tile takes; the last tile of an axis may be smaller.
    """

    tiles: int
    transfers: int
    nbytes: int
    l1_bytes: int
    axes: tuple[str, ...]
    extent: tuple[int, ...]
    tile: tuple[int, ...]

    def pieces(self) -> Iterator[tuple[range, ...]]:
        """Yield every tile as one range an axis, the last axis fastest: together they cover the extent exactly once."""
        starts = [range(0, whole, step) for whole, step in zip(self.extent, self.tile, strict=True)]
        for corner in product(*starts):
            yield tuple(
                range(start, min(start + step, whole))
                for start, step, whole in zip(corner, self.tile, self.extent, strict=True)
            )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "axes": list(self.axes),
            "extent": list(self.extent),
            "tile": list(self.tile),
            "tiles": self.tiles,
            "transfers": self.transfers,
            "moved_bytes": self.nbytes,
            "l1_bytes": self.l1_bytes,
        }


def tile(op: Op, tensors: list[Tensor], out: Tensor, l1: MemoryLevel) -> Tiling:
    """Choose the largest tile that fits the budget of L1.

    Raises
    ------
    BudgetError
        When not even the smallest tile fits, naming layer, bytes and a way out.
    """
    if isinstance(op, Attention):
        return _tile_attention(op, out, l1)
    cut = op.cut(tensors, out)
    return (_tile_columns if cut.columns else _tile_rows)(op, tensors, out, cut, l1)


def _tile_rows(op: Op, tensors: list[Tensor], out: Tensor, cut: Cut, l1: MemoryLevel) -> Tiling:
    """Stream rows in and out past what is resident."""
    constants = sum(array.nbytes for array in op.constants().values())
    moved = sum(tensor.nbytes for tensor in tensors) + out.nbytes
    if cut.again > 1 and cut.resident + 2 * cut.row_bytes > l1.budget:
        return _tile_again(op, cut, moved, l1)
    fit = _fit(op, 2 * cut.row_bytes, cut.resident, cut.rows, l1)
    tiles = -(-cut.rows // fit)
    transfers = tiles * (len(tensors) + 1) + 1
    nbytes = cut.resident + 2 * cut.row_bytes * fit
    return Tiling(
        tiles=tiles,
        transfers=transfers,
        nbytes=moved + constants,
        l1_bytes=nbytes,
        axes=("rows",),
        extent=(cut.rows,),
        tile=(fit,),
    )


def _tile_again(op: Op, cut: Cut, moved: int, l1: MemoryLevel) -> Tiling:
    """Stream the constants through two buffers of equal pieces, once a row."""
    fit = _fit(op, 2, 2 * cut.row_bytes, cut.resident, l1)
    pieces = -(-cut.resident // fit)
    tiles = cut.again * pieces
    nbytes = moved + cut.again * cut.resident
    return Tiling(
        tiles=tiles,
        transfers=tiles + 2 * cut.rows,
        nbytes=nbytes,
        l1_bytes=2 * fit + 2 * cut.row_bytes,
        axes=("rows", "constant bytes"),
        extent=(cut.again, cut.resident),
        tile=(1, fit),
    )


def _tile_columns(op: Op, tensors: list[Tensor], out: Tensor, cut: Cut, l1: MemoryLevel) -> Tiling:
    """Keep a block of output columns resident and stream rows past it; as many passes as cost least."""
    best: Tiling | None = None
    row = cut.row_bytes
    for passes in sorted({-(-cut.columns // block) for block in range(1, cut.columns + 1)}):
        resident = cut.column_bytes * -(-cut.columns // passes) * (1 if passes == 1 else 2) + cut.resident
        if resident + 2 * row > l1.budget:
            continue
        fit = min((l1.budget - resident) // (2 * row), cut.rows)
        tiles = passes * -(-cut.rows // fit)
        nbytes = tensors[0].nbytes * passes + out.nbytes + cut.columns * cut.column_bytes + cut.resident
        found = Tiling(
            tiles=tiles,
            transfers=2 * tiles + passes,
            nbytes=nbytes,
            l1_bytes=resident + 2 * row * fit,
            axes=("columns", "rows"),
            extent=(cut.columns, cut.rows),
            tile=(-(-cut.columns // passes), fit),
        )
        if best is None or _effort(found) < _effort(best):
            best = found
    if best is None:
        _fit(op, 2 * row, 2 * cut.column_bytes + cut.resident, cut.rows, l1)
        raise AssertionError(op.name)
    return best


def _effort(cut: Tiling) -> float:
    """Return a rough number of cycles to compare tilings: a tile costs some 270 cycles, 8 bytes one."""
    return 270 * cut.tiles + cut.nbytes / 8


def _tile_attention(op: Attention, out: Tensor, l1: MemoryLevel) -> Tiling:
    """Keep keys and values of one head resident, or stream them once per block of query rows."""
    n, m, width = op.tokens(out), op.key_rows(out), op.width
    turn = 0 if op.cos is None else 4 * op.cos.size
    turn += sum(array.nbytes for array in (op.mask, op.bias) if array is not None)
    rows = QUERY_ROWS * (2 * width + 5 * m + 4 * width) + 256 + turn
    resident = rows + 2 * m * width
    per_head = 2 * (n + m) * width
    if resident <= l1.budget:
        blocks = -(-n // QUERY_ROWS)
        nbytes = op.heads * per_head + turn
        return Tiling(
            tiles=op.heads,
            transfers=op.heads * (2 + 2 * blocks),
            nbytes=nbytes,
            l1_bytes=resident,
            axes=("heads",),
            extent=(op.heads,),
            tile=(1,),
        )
    fit = _fit(op, 2 * width, rows, m, l1)
    blocks, pieces = -(-n // QUERY_ROWS), -(-m // fit)
    nbytes = op.heads * (2 * n * width + blocks * 2 * m * width) + turn
    tiles = op.heads * blocks * pieces
    return Tiling(
        tiles=tiles,
        transfers=2 * tiles + 2 * op.heads * blocks,
        nbytes=nbytes,
        l1_bytes=rows + 2 * width * fit,
        axes=("heads", "query rows", "key rows"),
        extent=(op.heads, n, m),
        tile=(1, QUERY_ROWS, fit),
    )


def _fit(op: Op, row: int, resident: int, rows: int, l1: MemoryLevel) -> int:
    """Return how many rows fit beside what is resident."""
    if resident + row > l1.budget:
        raise BudgetError(
            f"layer {op.name!r} ({op.kind}) needs {resident + row} bytes of L1 for its smallest tile ({resident} "
            f"resident, {row} per row) and {l1.budget} are available: {_room(row, resident, l1.budget)}, or raise the "
            f"L1 budget by {resident + row - l1.budget}"
        )
    return min((l1.budget - resident) // row, rows)


def _room(row: int, resident: int, budget: int) -> str:
    """Say what would fit beside the rest."""
    if resident < budget:
        return f"rows of {budget - resident} bytes instead of {row} would fit"
    return f"use fewer tokens or narrower rows; what stays must shrink by {resident + row - budget}"
