"""What the quantiser knows of a canonical operation: the grids that it reads and writes, and its integer operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._op import Op
    from emg_edge.quantiser._grids import Grids


@dataclass(frozen=True, kw_only=True)
class Lowering:
    """One canonical operation.

    Parameters
    ----------
    lower
        From the graph, the node and the chosen grids to the integer operator.
    reads
        ``"int8"``; ``"product"``: int8, or int16 where `wide` says so; ``"any"``: int8 or int16, as it comes.
    writes
        ``"int8"`` or ``"any"``; with a function fused behind it (attribute ``body``) every operation writes int8.
    symmetric
        Whether its inputs must have zero point 0.
    keeps_grid
        Whether the output must have the first input's grid, because elements are only copied or chosen.
    wide
        For ``"product"``: whether the operation can read its first input in int16 with that scale.
    grid
        (dtype, scale, zero point) of the output where the operation dictates it, else None.
    """

    lower: Callable[[Graph, Node, Grids], Op]
    reads: Literal["int8", "product", "any"] = "any"
    writes: Literal["int8", "any"] = "any"
    symmetric: bool = False
    keeps_grid: bool = False
    wide: Callable[[Graph, Node, float], bool] | None = None
    grid: Callable[[Node], tuple[str, float, int]] | None = None
