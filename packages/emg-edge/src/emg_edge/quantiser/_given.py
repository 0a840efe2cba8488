"""Grids that a quantised file demands, as tensors of the program."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import Unsupported, UnsupportedError
from emg_edge.graph._graph import sample_shape
from emg_edge.program._tensor import Tensor

from .lowering import LOWERINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import GivenGrid, Graph, Node


def given_tensors(graph: Graph, name: str, readers: list[Node]) -> tuple[Tensor, Tensor | None] | None:
    """Return the tensor that the file demands for a value, and its int8 copy where it demands that, too.

    Parameters
    ----------
    graph
        Canonical.
    name
        A value.
    readers
        The nodes that read it, through transpositions.

    Raises
    ------
    UnsupportedError
        When an operator cannot write or read the grid.
    """
    grids = {grid.dtype: grid for grid in graph.given.get(name, ())}
    if not grids:
        return None
    tensors = {dtype: _tensor(graph, name, grid) for dtype, grid in grids.items()}
    _check_writer(graph.producers.get(name), grids)
    _check_readers(readers, grids, moved=any(reader not in graph.consumers.get(name, []) for reader in readers))
    if len(tensors) == 2:
        return tensors["int16"], replace(tensors["int8"], name=f"{name}_int8")
    return next(iter(tensors.values())), None


def given_channels(graph: Graph, name: str, count: int) -> NDArray[np.float64] | None:
    """Return the step of each channel of a linear layer before attention, ``(count,)``, where the file gives it."""
    grids = graph.given.get(name, ())
    if not grids:
        return None
    grid = grids[0]
    if len(grids) > 1 or grid.dtype != "int8" or grid.zero_point != 0 or len(grid.scale) not in {1, count}:
        raise _refused(
            grid, "q, k and v are int8 with zero point 0 and one scale, or one per channel", "export them so"
        )
    return np.broadcast_to(np.array(grid.scale), (count,)).copy()


def _tensor(graph: Graph, name: str, grid: GivenGrid) -> Tensor:
    if len(grid.scale) > 1:
        raise _refused(grid, "only q, k and v in front of attention have a scale per channel", "quantise it per tensor")
    shape = sample_shape(graph.shape(name))
    return Tensor(name=name, shape=shape, dtype=grid.dtype, scale=grid.scale[0], zero_point=grid.zero_point)


def _check_writer(producer: Node | None, grids: dict[str, GivenGrid]) -> None:
    wide = grids.get("int16")
    table = producer is not None and (LOWERINGS[producer.op].writes == "int8" or "body" in producer.attrs)
    if wide is not None and table and producer is not None:
        raise _refused(wide, f"{producer.name!r} writes int8 alone", "quantise it to int8")


def _check_readers(readers: list[Node], grids: dict[str, GivenGrid], *, moved: bool) -> None:
    narrow, wide = grids.get("int8"), grids.get("int16")
    for reader in readers:
        if LOWERINGS[reader.op].reads == "int8" and narrow is None and wide is not None:
            raise _refused(wide, f"{reader.name!r} reads int8 alone", "quantise it to int8")
    if moved and narrow is not None and wide is not None:
        raise _refused(narrow, "its value is transposed and has an int16 grid, too", "give it one grid")


def _refused(grid: GivenGrid, why: str, change: str) -> UnsupportedError:
    return UnsupportedError([Unsupported(grid.node, "QuantizeLinear", why, change)])
