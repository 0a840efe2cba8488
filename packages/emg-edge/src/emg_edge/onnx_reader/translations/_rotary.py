"""Rotary embedding as one node: written out as products and sums of halves or of even and odd features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

from ._attention import heads_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def _cut(i: Importer, name: str, start: int, stop: int, step: int = 1) -> str:
    shape = i.shape(name)
    slices = (*((0, extent, 1) for extent in shape[:-1]), (start, stop, step))
    return i.emit("Slice", (name,), i.temporary("part"), slices=slices)


def _turn(i: Importer, x: str, tables: list[str]) -> str:
    """Rotate all features of ``(batch, heads, rows, width)``; tables broadcast over batch and heads."""
    width, interleaved = i.shape(x)[-1], bool(i.attr("interleaved", 0))
    a = _cut(i, x, 0, width, 2) if interleaved else _cut(i, x, 0, width // 2)
    b = _cut(i, x, 1, width, 2) if interleaved else _cut(i, x, width // 2, width)
    cos, sin = tables

    def product(left: str, right: str) -> str:
        return i.emit("Mul", (left, right), i.temporary("product"))

    first = i.emit("Sub", (product(a, cos), product(b, sin)), i.temporary("first"))
    second = i.emit("Add", (product(a, sin), product(b, cos)), i.temporary("second"))
    if not interleaved:
        return i.emit("Concat", (first, second), i.temporary("turned"), axis=3)
    shape = i.shape(first)
    pair = [i.emit("Reshape", (part,), i.temporary("pair"), shape=(*shape, 1)) for part in (first, second)]
    return i.emit("Reshape", (i.emit("Concat", tuple(pair), i.temporary("pairs"), axis=4),), i.temporary("turned"),
                  shape=(*shape[:-1], width))  # fmt: skip


def _tables(i: Importer, cos: int, sin: int, positions: NDArray[Any] | None, rows: int) -> list[str]:
    """Return cos and sin of the rows as constants ``(rows, width / 2)``."""
    found = []
    for index in (cos, sin):
        table = i.static(index)
        if table is None:
            raise RefusedError("has no table of cosines or sines", "give both as constants")
        rotation = table.reshape(-1, table.shape[-1])
        rotation = rotation if positions is None else rotation[positions.reshape(-1)]
        if len(rotation) != rows:
            raise RefusedError(f"has tables for {len(rotation)} of {rows} rows", "give one position a row")
        found.append(i.constant("table", rotation.astype(np.float32)))
    return found


def _rotate(i: Importer, cos: int, sin: int, positions: NDArray[Any] | None) -> None:
    x = i.require(0)
    flat = len(i.shape(x)) == 3
    tables = _tables(i, cos, sin, positions, i.shape(x)[-2])
    if flat:
        half = i.shape(tables[0])[-1]
        size = 2 * half if not i.attr("rotary_embedding_dim", 0) else 0
        x = heads_first(i, x, int(i.attr("num_heads", 0)) or (i.shape(x)[2] // size if size else 0), "x")
    batch, heads, rows, width = i.shape(x)
    part = int(i.attr("rotary_embedding_dim", 0)) or width
    turned = _turn(i, x if part == width else _cut(i, x, 0, part), tables)
    if part < width:
        turned = i.emit("Concat", (turned, _cut(i, x, part, width)), i.temporary("turned"), axis=3)
    if flat:
        back = i.emit("Transpose", (turned,), i.temporary("rows"), perm=(0, 2, 1, 3))
        i.emit("Reshape", (back,), shape=(batch, rows, heads * width))
    else:
        i.alias(turned)


def _rotary(i: Importer) -> None:
    """RotaryEmbedding of opset 23: input, cosines, sines, positions."""
    _rotate(i, 1, 2, i.static(3))


def _contributed(i: Importer) -> None:
    """com.microsoft.RotaryEmbedding: input, positions, cosines, sines."""
    positions = i.static(1)
    if positions is not None and positions.size == 1:  # the first of consecutive positions
        positions = int(positions.item()) + np.arange(i.shape(i.require(0))[-2])
    _rotate(i, 2, 3, positions)


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "RotaryEmbedding": _rotary,
    "com.microsoft.RotaryEmbedding": _contributed,
}
